from google.protobuf import duration_pb2 as _duration_pb2
from lightgrid_protos.v1 import delta_pb2 as _delta_pb2
from lightgrid_protos.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RegisterWorkRequest(_message.Message):
    __slots__ = ("work", "instance_id", "features", "user_agent", "launch_id")
    WORK_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    USER_AGENT_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_ID_FIELD_NUMBER: _ClassVar[int]
    work: str
    instance_id: str
    features: _containers.RepeatedScalarFieldContainer[str]
    user_agent: str
    launch_id: str
    def __init__(self, work: _Optional[str] = ..., instance_id: _Optional[str] = ..., features: _Optional[_Iterable[str]] = ..., user_agent: _Optional[str] = ..., launch_id: _Optional[str] = ...) -> None: ...

class RegisterWorkResponse(_message.Message):
    __slots__ = ("session_id", "epoch", "acked_seq", "snapshot_required", "heartbeat_interval", "lease_ttl", "limits", "features", "tree_id", "rejoin_timeout")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    ACKED_SEQ_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LEASE_TTL_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    TREE_ID_FIELD_NUMBER: _ClassVar[int]
    REJOIN_TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    epoch: int
    acked_seq: int
    snapshot_required: bool
    heartbeat_interval: _duration_pb2.Duration
    lease_ttl: _duration_pb2.Duration
    limits: Limits
    features: _containers.RepeatedScalarFieldContainer[str]
    tree_id: str
    rejoin_timeout: _duration_pb2.Duration
    def __init__(self, session_id: _Optional[str] = ..., epoch: _Optional[int] = ..., acked_seq: _Optional[int] = ..., snapshot_required: bool = ..., heartbeat_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., lease_ttl: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., features: _Optional[_Iterable[str]] = ..., tree_id: _Optional[str] = ..., rejoin_timeout: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("max_message_bytes", "max_batch_bytes", "max_ops_per_message", "max_path_segments", "max_value_depth", "max_nodes")
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_OPS_PER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    MAX_PATH_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_VALUE_DEPTH_FIELD_NUMBER: _ClassVar[int]
    MAX_NODES_FIELD_NUMBER: _ClassVar[int]
    max_message_bytes: int
    max_batch_bytes: int
    max_ops_per_message: int
    max_path_segments: int
    max_value_depth: int
    max_nodes: int
    def __init__(self, max_message_bytes: _Optional[int] = ..., max_batch_bytes: _Optional[int] = ..., max_ops_per_message: _Optional[int] = ..., max_path_segments: _Optional[int] = ..., max_value_depth: _Optional[int] = ..., max_nodes: _Optional[int] = ...) -> None: ...

class ReleaseWorkRequest(_message.Message):
    __slots__ = ("session_id", "final_seq")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    FINAL_SEQ_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    final_seq: int
    def __init__(self, session_id: _Optional[str] = ..., final_seq: _Optional[int] = ...) -> None: ...

class ReleaseWorkResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchCommandsRequest(_message.Message):
    __slots__ = ("session_id", "seen_revision", "include_state")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEEN_REVISION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_STATE_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    seen_revision: int
    include_state: bool
    def __init__(self, session_id: _Optional[str] = ..., seen_revision: _Optional[int] = ..., include_state: bool = ...) -> None: ...

class WatchCommandsResponse(_message.Message):
    __slots__ = ("ack", "run", "cancel", "stop", "resync", "update", "more")
    ACK_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    RESYNC_FIELD_NUMBER: _ClassVar[int]
    UPDATE_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    ack: AckCommand
    run: RunCommand
    cancel: CancelCommand
    stop: StopCommand
    resync: ResyncCommand
    update: UpdateCommand
    more: bool
    def __init__(self, ack: _Optional[_Union[AckCommand, _Mapping]] = ..., run: _Optional[_Union[RunCommand, _Mapping]] = ..., cancel: _Optional[_Union[CancelCommand, _Mapping]] = ..., stop: _Optional[_Union[StopCommand, _Mapping]] = ..., resync: _Optional[_Union[ResyncCommand, _Mapping]] = ..., update: _Optional[_Union[UpdateCommand, _Mapping]] = ..., more: bool = ...) -> None: ...

class AckCommand(_message.Message):
    __slots__ = ("acked_seq", "applied_seq")
    ACKED_SEQ_FIELD_NUMBER: _ClassVar[int]
    APPLIED_SEQ_FIELD_NUMBER: _ClassVar[int]
    acked_seq: int
    applied_seq: int
    def __init__(self, acked_seq: _Optional[int] = ..., applied_seq: _Optional[int] = ...) -> None: ...

class RunCommand(_message.Message):
    __slots__ = ("call_id", "method_name", "args", "kwargs", "ops", "python_arguments", "revision", "trace_context")
    class KwargsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: _value_pb2.Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...
    class TraceContextEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_NAME_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    KWARGS_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    PYTHON_ARGUMENTS_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    method_name: str
    args: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    kwargs: _containers.MessageMap[str, _value_pb2.Value]
    ops: _containers.RepeatedCompositeFieldContainer[_delta_pb2.DeltaOp]
    python_arguments: bytes
    revision: int
    trace_context: _containers.ScalarMap[str, str]
    def __init__(self, call_id: _Optional[str] = ..., method_name: _Optional[str] = ..., args: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ..., kwargs: _Optional[_Mapping[str, _value_pb2.Value]] = ..., ops: _Optional[_Iterable[_Union[_delta_pb2.DeltaOp, _Mapping]]] = ..., python_arguments: _Optional[bytes] = ..., revision: _Optional[int] = ..., trace_context: _Optional[_Mapping[str, str]] = ...) -> None: ...

class CancelCommand(_message.Message):
    __slots__ = ("call_id",)
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    def __init__(self, call_id: _Optional[str] = ...) -> None: ...

class StopCommand(_message.Message):
    __slots__ = ("grace",)
    GRACE_FIELD_NUMBER: _ClassVar[int]
    grace: _duration_pb2.Duration
    def __init__(self, grace: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class ResyncCommand(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UpdateCommand(_message.Message):
    __slots__ = ("revision", "ops", "snapshot")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    revision: int
    ops: _containers.RepeatedCompositeFieldContainer[_delta_pb2.DeltaOp]
    snapshot: bool
    def __init__(self, revision: _Optional[int] = ..., ops: _Optional[_Iterable[_Union[_delta_pb2.DeltaOp, _Mapping]]] = ..., snapshot: bool = ...) -> None: ...
