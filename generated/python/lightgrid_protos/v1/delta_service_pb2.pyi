from lightgrid_protos.v1 import delta_pb2 as _delta_pb2
from lightgrid_protos.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CallState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALL_STATE_UNSPECIFIED: _ClassVar[CallState]
    CALL_STATE_RUNNING: _ClassVar[CallState]
    CALL_STATE_SUCCEEDED: _ClassVar[CallState]
    CALL_STATE_FAILED: _ClassVar[CallState]
    CALL_STATE_CANCELLED: _ClassVar[CallState]

class CallErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CALL_ERROR_REASON_UNSPECIFIED: _ClassVar[CallErrorReason]
    CALL_ERROR_REASON_USER_EXCEPTION: _ClassVar[CallErrorReason]
    CALL_ERROR_REASON_INVALID_STATE: _ClassVar[CallErrorReason]
    CALL_ERROR_REASON_INVALID_RETURN_VALUE: _ClassVar[CallErrorReason]
    CALL_ERROR_REASON_INVALID_CALL: _ClassVar[CallErrorReason]
CALL_STATE_UNSPECIFIED: CallState
CALL_STATE_RUNNING: CallState
CALL_STATE_SUCCEEDED: CallState
CALL_STATE_FAILED: CallState
CALL_STATE_CANCELLED: CallState
CALL_ERROR_REASON_UNSPECIFIED: CallErrorReason
CALL_ERROR_REASON_USER_EXCEPTION: CallErrorReason
CALL_ERROR_REASON_INVALID_STATE: CallErrorReason
CALL_ERROR_REASON_INVALID_RETURN_VALUE: CallErrorReason
CALL_ERROR_REASON_INVALID_CALL: CallErrorReason

class StreamDeltasRequest(_message.Message):
    __slots__ = ("session_id", "seq", "snapshot", "ops", "call_updates", "more", "seen_revision")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    OPS_FIELD_NUMBER: _ClassVar[int]
    CALL_UPDATES_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    SEEN_REVISION_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    seq: int
    snapshot: bool
    ops: _containers.RepeatedCompositeFieldContainer[_delta_pb2.DeltaOp]
    call_updates: _containers.RepeatedCompositeFieldContainer[CallUpdate]
    more: bool
    seen_revision: int
    def __init__(self, session_id: _Optional[str] = ..., seq: _Optional[int] = ..., snapshot: bool = ..., ops: _Optional[_Iterable[_Union[_delta_pb2.DeltaOp, _Mapping]]] = ..., call_updates: _Optional[_Iterable[_Union[CallUpdate, _Mapping]]] = ..., more: bool = ..., seen_revision: _Optional[int] = ...) -> None: ...

class StreamDeltasResponse(_message.Message):
    __slots__ = ("acked_seq",)
    ACKED_SEQ_FIELD_NUMBER: _ClassVar[int]
    acked_seq: int
    def __init__(self, acked_seq: _Optional[int] = ...) -> None: ...

class CallUpdate(_message.Message):
    __slots__ = ("call_id", "state", "result", "error")
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    call_id: str
    state: CallState
    result: _value_pb2.Value
    error: CallError
    def __init__(self, call_id: _Optional[str] = ..., state: _Optional[_Union[CallState, str]] = ..., result: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., error: _Optional[_Union[CallError, _Mapping]] = ...) -> None: ...

class CallError(_message.Message):
    __slots__ = ("type_name", "message", "trace", "reason")
    TYPE_NAME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    type_name: str
    message: str
    trace: str
    reason: CallErrorReason
    def __init__(self, type_name: _Optional[str] = ..., message: _Optional[str] = ..., trace: _Optional[str] = ..., reason: _Optional[_Union[CallErrorReason, str]] = ...) -> None: ...
