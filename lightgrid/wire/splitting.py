"""Cutting what is too large for one message.

A list or dict that does not fit is set empty and filled by further ops: a list
by splices, a dict by one `Set` a key, and so on down. A tuple cannot be filled,
so it is sent whole with the lists and dicts inside it empty. What is left, one
str, bytes or flat tuple larger than a message, is refused with its path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from lightgrid.errors import UnsupportedValueError
from lightgrid.state.delta import Op, Path, Set, Splice
from lightgrid.state.values import Value, is_container
from lightgrid.wire.deltas import encode_op
from lightgrid.wire.values import encode_value
from lightgrid_protos.v1 import delta_pb2, value_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: A tag and a length, at their longest: what a message costs inside another.
FRAME_BYTES: Final = 6
#: The numbers and flags that a part has besides its repeated fields, and the
#: frames around them.
ENVELOPE_BYTES: Final = 64


class Part(Protocol):
    """A message that may go on in the next one."""

    more: bool

    def ByteSize(self) -> int:  # noqa: N802 - protobuf's name
        """Return the size on the wire."""


PartT = TypeVar("PartT", bound=Part)


class Packer(Generic[PartT]):
    """Fills messages one after the other, none over the limits.

    Args:
        first: The first message, with all but its repeated fields.
        later: Makes each further one.
        max_message_bytes: What a message may take.
        max_ops_per_message: How many ops may be in one.

    Attributes:
        room_bytes: The largest piece that a message of its own can carry.
    """

    def __init__(
        self,
        first: PartT,
        later: Callable[[], PartT],
        max_message_bytes: int,
        max_ops_per_message: int,
    ) -> None:
        self._parts = [first]
        self._later = later
        self._max_ops = max_ops_per_message
        envelope = max(first.ByteSize(), later().ByteSize()) + ENVELOPE_BYTES
        self.room_bytes = max_message_bytes - envelope - FRAME_BYTES
        self._left_bytes = self.room_bytes
        self._ops = 0

    def part_for(self, size_bytes: int, ops: int = 0) -> PartT:
        """Return the message to add a piece to: the open one while there is room."""
        needed = size_bytes + FRAME_BYTES
        is_fresh = self._left_bytes == self.room_bytes
        if not is_fresh and (needed > self._left_bytes or self._ops + ops > self._max_ops):
            self._parts[-1].more = True
            self._parts.append(self._later())
            self._left_bytes = self.room_bytes
            self._ops = 0
        self._left_bytes -= needed
        self._ops += ops
        return self._parts[-1]

    def finish(self) -> list[PartT]:
        """Return the messages, in order."""
        return self._parts


def split_op(
    op: Op, room_bytes: int, depth_of: Callable[[Path], int] = len
) -> Iterator[delta_pb2.DeltaOp]:
    """Yield ops that do together what one does, none larger than `room_bytes`.

    Raises:
        UnsupportedValueError: A part of a value cannot be cut and does not fit.
    """
    message = _message(op, depth_of)
    if message.ByteSize() <= room_bytes:
        yield message
    elif type(op) is Set:
        yield _fitting(Set(op.path, _shell(op.value)), op.value, room_bytes, depth_of)
        yield from _fill(op.path, op.value, room_bytes, depth_of)
    elif type(op) is Splice:
        emptied = Splice(op.path, op.start, op.delete_count, [])
        yield _fitting(emptied, None, room_bytes, depth_of)
        yield from _insert(op.path, op.start, op.insert, room_bytes, depth_of)
    else:
        raise too_large(op.path, message.ByteSize(), room_bytes)


def too_large(path: Path, size_bytes: int, room_bytes: int) -> UnsupportedValueError:
    """Return the error for what cannot be cut."""
    return UnsupportedValueError(
        path,
        f"{size_bytes} bytes that cannot be cut do not fit into one message: "
        f"max_message_bytes leaves {max(room_bytes, 0)}",
    )


def _fill(
    path: Path, value: Value, room_bytes: int, depth_of: Callable[[Path], int]
) -> Iterator[delta_pb2.DeltaOp]:
    """Yield the ops that make a value of what `_shell` left of it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from split_op(Set((*path, key), item), room_bytes, depth_of)
    elif isinstance(value, list):
        yield from _insert(path, 0, value, room_bytes, depth_of)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            if is_container(item):
                yield from _fill((*path, str(index)), item, room_bytes, depth_of)


def _insert(
    path: Path,
    start: int,
    items: Sequence[Value],
    room_bytes: int,
    depth_of: Callable[[Path], int],
) -> Iterator[delta_pb2.DeltaOp]:
    """Yield splices that insert items into the list at `path`, as many in each as fit."""
    splice = _message(Splice(path, start, 0, []), depth_of)
    empty_bytes = size_bytes = splice.ByteSize() + 2 * FRAME_BYTES
    for index, item in enumerate(items, start):
        place = (*path, str(index))
        message = value_pb2.Value()
        encode_value(item, message, place, depth=depth_of(place))
        needed = message.ByteSize() + FRAME_BYTES
        if size_bytes + needed > room_bytes:
            if splice.splice.insert:
                yield splice
            if empty_bytes + needed > room_bytes:
                shell = Splice(path, index, 0, [_shell(item)])
                yield _fitting(shell, item, room_bytes, depth_of, place)
                yield from _fill(place, item, room_bytes, depth_of)
                splice = _message(Splice(path, index + 1, 0, []), depth_of)
                size_bytes = empty_bytes
                continue
            splice = _message(Splice(path, index, 0, []), depth_of)
            size_bytes = empty_bytes
        splice.splice.insert.append(message)
        size_bytes += needed
    if splice.splice.insert:
        yield splice


def _shell(value: Value) -> Value:
    """Return a value with every list and dict in it empty."""
    if isinstance(value, dict):
        return {}
    if isinstance(value, list):
        return []
    return tuple(map(_shell, value)) if isinstance(value, tuple) else value


def _fitting(
    op: Op,
    whole: Value,
    room_bytes: int,
    depth_of: Callable[[Path], int],
    place: Path | None = None,
) -> delta_pb2.DeltaOp:
    message = _message(op, depth_of)
    size_bytes = message.ByteSize()
    if size_bytes <= room_bytes:
        return message
    path = op.path if place is None else place
    raise _culprit(path, whole, room_bytes) or too_large(path, size_bytes, room_bytes)


def _culprit(path: Path, value: Value, room_bytes: int) -> UnsupportedValueError | None:
    """Return the error of the part of a tuple that does not fit, if it is one part."""
    if isinstance(value, tuple):
        errors = (_culprit((*path, str(i)), item, room_bytes) for i, item in enumerate(value))
        return next(filter(None, errors), None)
    if isinstance(value, str | bytes):
        size_bytes = len(value.encode() if isinstance(value, str) else value)
        if size_bytes > room_bytes:
            return too_large(path, size_bytes, room_bytes)
    return None


def _message(op: Op, depth_of: Callable[[Path], int]) -> delta_pb2.DeltaOp:
    message = delta_pb2.DeltaOp()
    encode_op(op, message, depth_of)
    return message
