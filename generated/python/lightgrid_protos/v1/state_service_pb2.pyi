from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from lightgrid_protos.v1 import delta_pb2 as _delta_pb2
from lightgrid_protos.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetStateRequest(_message.Message):
    __slots__ = ("path", "max_message_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[str]
    max_message_bytes: int
    def __init__(self, path: _Optional[_Iterable[str]] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class GetStateResponse(_message.Message):
    __slots__ = ("tree_id", "revision", "value")
    TREE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    tree_id: str
    revision: int
    value: _value_pb2.Value
    def __init__(self, tree_id: _Optional[str] = ..., revision: _Optional[int] = ..., value: _Optional[_Union[_value_pb2.Value, _Mapping]] = ...) -> None: ...

class WatchStateRequest(_message.Message):
    __slots__ = ("path", "tree_id", "after_revision", "min_interval", "max_message_bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    TREE_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_REVISION_FIELD_NUMBER: _ClassVar[int]
    MIN_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[str]
    tree_id: str
    after_revision: int
    min_interval: _duration_pb2.Duration
    max_message_bytes: int
    def __init__(self, path: _Optional[_Iterable[str]] = ..., tree_id: _Optional[str] = ..., after_revision: _Optional[int] = ..., min_interval: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., max_message_bytes: _Optional[int] = ...) -> None: ...

class WatchStateResponse(_message.Message):
    __slots__ = ("tree_id", "revision", "snapshot", "changes", "more")
    TREE_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    tree_id: str
    revision: int
    snapshot: bool
    changes: _containers.RepeatedCompositeFieldContainer[StateChange]
    more: bool
    def __init__(self, tree_id: _Optional[str] = ..., revision: _Optional[int] = ..., snapshot: bool = ..., changes: _Optional[_Iterable[_Union[StateChange, _Mapping]]] = ..., more: bool = ...) -> None: ...

class StateChange(_message.Message):
    __slots__ = ("revision", "commit_time", "origin", "ops")
    REVISION_FIELD_NUMBER: _ClassVar[int]
    COMMIT_TIME_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    revision: int
    commit_time: _timestamp_pb2.Timestamp
    origin: str
    ops: _containers.RepeatedCompositeFieldContainer[_delta_pb2.DeltaOp]
    def __init__(self, revision: _Optional[int] = ..., commit_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., origin: _Optional[str] = ..., ops: _Optional[_Iterable[_Union[_delta_pb2.DeltaOp, _Mapping]]] = ...) -> None: ...

class UpdateStateRequest(_message.Message):
    __slots__ = ("ops", "request_id", "expected_revision", "client_name")
    OPS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    CLIENT_NAME_FIELD_NUMBER: _ClassVar[int]
    ops: _containers.RepeatedCompositeFieldContainer[_delta_pb2.DeltaOp]
    request_id: str
    expected_revision: int
    client_name: str
    def __init__(self, ops: _Optional[_Iterable[_Union[_delta_pb2.DeltaOp, _Mapping]]] = ..., request_id: _Optional[str] = ..., expected_revision: _Optional[int] = ..., client_name: _Optional[str] = ...) -> None: ...

class UpdateStateResponse(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...
