from lightgrid_protos.v1 import value_pb2 as _value_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeltaOp(_message.Message):
    __slots__ = ("path", "set", "remove", "splice")
    PATH_FIELD_NUMBER: _ClassVar[int]
    SET_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    SPLICE_FIELD_NUMBER: _ClassVar[int]
    path: _containers.RepeatedScalarFieldContainer[str]
    set: _value_pb2.Value
    remove: Remove
    splice: Splice
    def __init__(self, path: _Optional[_Iterable[str]] = ..., set: _Optional[_Union[_value_pb2.Value, _Mapping]] = ..., remove: _Optional[_Union[Remove, _Mapping]] = ..., splice: _Optional[_Union[Splice, _Mapping]] = ...) -> None: ...

class Remove(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Splice(_message.Message):
    __slots__ = ("start", "delete_count", "insert")
    START_FIELD_NUMBER: _ClassVar[int]
    DELETE_COUNT_FIELD_NUMBER: _ClassVar[int]
    INSERT_FIELD_NUMBER: _ClassVar[int]
    start: int
    delete_count: int
    insert: _containers.RepeatedCompositeFieldContainer[_value_pb2.Value]
    def __init__(self, start: _Optional[int] = ..., delete_count: _Optional[int] = ..., insert: _Optional[_Iterable[_Union[_value_pb2.Value, _Mapping]]] = ...) -> None: ...
