from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from typing import ClassVar as _ClassVar

DESCRIPTOR: _descriptor.FileDescriptor

class ErrorReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ERROR_REASON_UNSPECIFIED: _ClassVar[ErrorReason]
    ERROR_REASON_SESSION_UNKNOWN: _ClassVar[ErrorReason]
    ERROR_REASON_EPOCH_FENCED: _ClassVar[ErrorReason]
    ERROR_REASON_SEQUENCE_GAP: _ClassVar[ErrorReason]
    ERROR_REASON_SNAPSHOT_REQUIRED: _ClassVar[ErrorReason]
    ERROR_REASON_STREAM_SUPERSEDED: _ClassVar[ErrorReason]
    ERROR_REASON_REVISION_CONFLICT: _ClassVar[ErrorReason]
    ERROR_REASON_WORK_HELD: _ClassVar[ErrorReason]
    ERROR_REASON_NO_SUCH_WORK: _ClassVar[ErrorReason]
    ERROR_REASON_NO_SUCH_PATH: _ClassVar[ErrorReason]
    ERROR_REASON_BAD_OP: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_OP: _ClassVar[ErrorReason]
    ERROR_REASON_UNKNOWN_VALUE_KIND: _ClassVar[ErrorReason]
    ERROR_REASON_LIMIT_EXCEEDED: _ClassVar[ErrorReason]
    ERROR_REASON_WORK_STOPPED: _ClassVar[ErrorReason]
    ERROR_REASON_BATCHES_PENDING: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_MISSING: _ClassVar[ErrorReason]
    ERROR_REASON_TOKEN_INVALID: _ClassVar[ErrorReason]
    ERROR_REASON_NOT_ALLOWED: _ClassVar[ErrorReason]
ERROR_REASON_UNSPECIFIED: ErrorReason
ERROR_REASON_SESSION_UNKNOWN: ErrorReason
ERROR_REASON_EPOCH_FENCED: ErrorReason
ERROR_REASON_SEQUENCE_GAP: ErrorReason
ERROR_REASON_SNAPSHOT_REQUIRED: ErrorReason
ERROR_REASON_STREAM_SUPERSEDED: ErrorReason
ERROR_REASON_REVISION_CONFLICT: ErrorReason
ERROR_REASON_WORK_HELD: ErrorReason
ERROR_REASON_NO_SUCH_WORK: ErrorReason
ERROR_REASON_NO_SUCH_PATH: ErrorReason
ERROR_REASON_BAD_OP: ErrorReason
ERROR_REASON_UNKNOWN_OP: ErrorReason
ERROR_REASON_UNKNOWN_VALUE_KIND: ErrorReason
ERROR_REASON_LIMIT_EXCEEDED: ErrorReason
ERROR_REASON_WORK_STOPPED: ErrorReason
ERROR_REASON_BATCHES_PENDING: ErrorReason
ERROR_REASON_TOKEN_MISSING: ErrorReason
ERROR_REASON_TOKEN_INVALID: ErrorReason
ERROR_REASON_NOT_ALLOWED: ErrorReason
