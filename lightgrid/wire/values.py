"""State values to `Value` messages, and back.

The kinds are told apart by what reads cheaply: a oneof member that is not set
reads as its type's zero, so an int, float or str that is not zero proves its
kind. Only the rest asks `WhichOneof`. As parts of the time of `WhichOneof` and
`getattr`, one value of a list: int 0.25, float 0.45, str 0.7, but 2.1 for zero,
bool, None and bytes. Counters and losses are what works send.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

from lightgrid.errors import Reason, RefusedError, UnsupportedValueError
from lightgrid.state.values import MAX_DEPTH, Numbers, Value, check_value, copy_value, kind_of
from lightgrid_protos.v1 import value_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from lightgrid.state.delta import Path

#: What `decode_falsy` gives for all else.
NO_SCALAR: Final = object()
_SCALAR_KINDS: Final = frozenset(
    {"null_value", "bool_value", "int_value", "double_value", "string_value", "bytes_value"}
)
#: Lists of one number type longer than this are packed; shorter ones gain nothing.
_MIN_PACKED: Final = 4
#: Lists of floats from this length on are written as bytes: 100,000 take 1.2 ms. Item by
#: item they take 14 ms in protobuf 5 and 1.4 ms from 6 on, where shorter lists lose by it.
_MIN_AS_BYTES: Final = 100
#: What stands before the length of packed floats: one alone is a length byte and 8 bytes.
_FLOATS_TAG: Final = value_pb2.DoubleList(values=[0.0]).SerializeToString()[:-9]


def encode_value(
    value: Value,
    message: value_pb2.Value,
    path: Path = (),
    max_depth: int = MAX_DEPTH,
    depth: int | None = None,
) -> None:
    """Write a value into an empty `Value`.

    Args:
        value: Anything; instances of subclasses travel as their base type.
        message: Left half written when the value is refused.
        path: Where the value is, for errors.
        max_depth: As in `decode_value`.
        depth: As in `decode_value`.

    Raises:
        UnsupportedValueError: A part of it cannot be state.
    """
    try:
        _encode(value, message, max_depth - (len(path) if depth is None else depth))
    except (ValueError, TypeError) as error:  # protobuf's, or ours of a part
        raise _located(value, error).inside("", *path) from error


def encode_values(
    items: Iterable[Value],
    messages: RepeatedCompositeFieldContainer[value_pb2.Value],
    path: Path = (),
    start: int = 0,
    depth: int | None = None,
) -> None:
    """Add the items of the list at `path` from number `start` on; as `encode_value`.

    Args:
        items: In order.
        messages: Left half filled when an item is refused.
        path: Where the list is.
        start: The first item's index, for errors.
        depth: How deep the list lies, if not as deep as `path` says.

    Raises:
        UnsupportedValueError: A part of an item cannot be state.
    """
    room = MAX_DEPTH - (len(path) if depth is None else depth) - 1
    add = messages.add
    for index, item in enumerate(items, start):
        try:
            _encode(item, add(), room)
        except (ValueError, TypeError) as error:
            raise _located(item, error).inside("", *path, str(index)) from error


def decode_value(
    message: value_pb2.Value, path: Path = (), max_depth: int = MAX_DEPTH, depth: int | None = None
) -> Value:
    """Return the value that a `Value` carries.

    Args:
        message: From anyone.
        path: Where the value goes; a refusal names it.
        max_depth: Containers may lie this deep, counted as the segments of their paths.
        depth: How deep the value itself lies, if not as deep as `path` says.

    Raises:
        RefusedError: UNKNOWN_VALUE_KIND, BAD_OP or LIMIT_EXCEEDED.
    """
    room = max_depth - (len(path) if depth is None else depth)
    try:
        return _decode(message, room)
    except _Refusal as refusal:
        raise refusal.at(path, max_depth) from None


def decode_values(
    messages: Sequence[value_pb2.Value],
    path: Path = (),
    max_depth: int = MAX_DEPTH,
    depth: int | None = None,
) -> list[Value]:
    """Return several values that lie side by side inside `path`; as `decode_value`."""
    room = max_depth - (len(path) if depth is None else depth) - 1
    try:
        return _decode_all(messages, room)
    except _Refusal as refusal:
        raise refusal.at(path, max_depth) from None


def decode_falsy(message: value_pb2.Value) -> Value:
    """Return a scalar that is no int, float or str but zero; NO_SCALAR for anything else."""
    kind = message.WhichOneof("kind")
    if kind in _SCALAR_KINDS:
        return None if kind == "null_value" else getattr(message, kind)
    return NO_SCALAR


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    """Why a value is refused, before it is known where it goes."""

    def __init__(self, reason: Reason, text: str) -> None:
        self.reason = reason
        self.text = text

    def at(self, path: Path, max_depth: int) -> RefusedError:
        facts: dict[str, object] = {"path": ".".join(path)}
        if self.reason is Reason.LIMIT_EXCEEDED:
            facts |= {"limit": "max_value_depth", "value": max_depth}
        return RefusedError(self.reason, f"{facts['path'] or 'the value'}: {self.text}", facts)


def _located(value: Value, error: Exception) -> UnsupportedValueError:
    """Return the error with the place inside the value, which the encoder does not track."""
    try:
        check_value(value)
    except UnsupportedValueError as located:
        return located
    if isinstance(error, UnsupportedValueError):
        return error
    return UnsupportedValueError((), str(error))


def _encode(value: Value, message: value_pb2.Value, room: int) -> None:
    kind = type(value)
    if kind is int:
        message.int_value = value
    elif kind is float:
        message.double_value = value
    elif kind is str:
        message.string_value = value
    elif kind is bool:  # int_value would not take it: protobuf tells them apart
        message.bool_value = value
    elif value is None:
        message.null_value = True
    elif kind is bytes:
        message.bytes_value = value
    elif kind is dict or kind is list or kind is tuple or kind is Numbers:
        if room < 0:
            raise UnsupportedValueError((), "nested too deep")
        if kind is dict:
            _encode_dict(value, message, room - 1)
        else:
            _encode_items(value, message, room - 1, is_tuple=kind is tuple)
    else:
        _encode(_plain(value), message, room)


def _encode_dict(value: dict[str, Value], message: value_pb2.Value, room: int) -> None:
    target = message.map_value
    target.SetInParent()  # an empty map is a map
    if set(map(type, value)) <= {str}:
        target.keys.extend(value)
    else:
        # Protobuf would take bytes for text, so the type is checked here.
        target.keys.extend([_plain_key(key) for key in value])
    add = target.values.add
    for item in value.values():
        _encode(item, add(), room)


def _encode_items(
    value: Sequence[Value], message: value_pb2.Value, room: int, *, is_tuple: bool
) -> None:
    if is_tuple:
        message.list_value.tuple = True
    elif len(value) > _MIN_PACKED:
        types = {type(value[0])} if type(value) is Numbers else set(map(type, value))
        if types == {float}:
            _encode_floats(value, message.double_list)
            return
        if types == {int}:
            message.int_list.values.extend(value)
            return
    else:
        message.list_value.SetInParent()
    add = message.list_value.values.add
    for item in value:
        _encode(item, add(), room)


def _encode_floats(values: Sequence[float], message: value_pb2.DoubleList) -> None:
    count = len(values)
    if count < _MIN_AS_BYTES:
        message.values.extend(values)
    else:
        head = _FLOATS_TAG + _varint(8 * count)
        message.MergeFromString(struct.pack(f"<{len(head)}s{count}d", head, *values))


def _varint(number: int) -> bytes:
    """Return a length as protobuf writes it: seven bits a byte, the lowest first."""
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def _plain(value: Value) -> Value:
    """Return an instance of no value type itself as what it travels as."""
    kind = kind_of(value)
    if kind is object:
        return copy_value(value)  # a number of numpy as Python's; all else is refused
    if kind is dict:
        return dict(dict.items(value))
    if kind is list or kind is tuple:
        return kind(value)
    if kind is bytes:
        return memoryview(value).tobytes()
    convert: Any = {int: int.__index__, float: float.__float__, str: str.__str__}[kind]
    return convert(value)


def _plain_key(key: object) -> str:
    if not isinstance(key, str):
        check_value({key: None})
    return str.__str__(key)


def _decode(message: value_pb2.Value, room: int) -> Value:
    return (
        message.int_value
        or message.double_value
        or message.string_value
        or _decode_other(message, room)
    )


def _decode_other(message: value_pb2.Value, room: int) -> Value:
    """Return a value that is no int, float or str but zero."""
    leaf = decode_falsy(message)
    if leaf is not NO_SCALAR:
        return leaf
    kind = message.WhichOneof("kind")
    if kind is None:
        raise _Refusal(Reason.UNKNOWN_VALUE_KIND, "a value of a kind that is not known here")
    if room < 0:
        raise _Refusal(Reason.LIMIT_EXCEEDED, "nested too deep")
    if kind == "map_value":
        return _decode_map(message.map_value, room - 1)
    if kind == "list_value":
        items = _decode_all(message.list_value.values, room - 1)
        return tuple(items) if message.list_value.tuple else items
    return getattr(message, kind).values[:]


def _decode_map(message: value_pb2.MapValue, room: int) -> dict[str, Value]:
    keys = message.keys[:]
    if len(keys) != len(message.values):
        raise _Refusal(Reason.BAD_OP, f"a map has {len(keys)} keys, {len(message.values)} values")
    decoded = dict(zip(keys, _decode_all(message.values, room), strict=True))
    if len(decoded) != len(keys):
        raise _Refusal(Reason.BAD_OP, "a map has a key twice")
    return decoded


def _decode_all(messages: Sequence[value_pb2.Value], room: int) -> list[Value]:
    return [
        message.int_value
        or message.double_value
        or message.string_value
        or _decode_other(message, room)
        for message in messages
    ]
