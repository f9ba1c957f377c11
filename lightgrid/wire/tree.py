"""The state tree to what watchers and others are told, and back.

A watcher of a path is told of changes as ops from that path on. What it
watches may be any value, so it keeps it in a box: a dict with one key, below
which it applies the ops (`delta.below`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lightgrid.errors import MisfitError, Reason, RefusedError, UnsupportedValueError
from lightgrid.state.delta import Op, Path, Remove, Set, Splice, below, lookup
from lightgrid.state.layout import cut, depth_in_variables
from lightgrid.state.tree import Change
from lightgrid.state.values import Value
from lightgrid.wire.deltas import DEFAULTS, decode_ops, encode_ops
from lightgrid.wire.splitting import FRAME_BYTES, Packer, split_op
from lightgrid.wire.times import decode_timestamp, encode_timestamp
from lightgrid.wire.values import decode_value, encode_value
from lightgrid_protos.v1.state_service_pb2 import (
    GetStateResponse,
    StateChange,
    UpdateStateRequest,
    WatchStateResponse,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lightgrid.protocol.limits import Limits
    from lightgrid_protos.v1.delta_pb2 import DeltaOp

#: A whole tree is deeper than a variable may be: protobuf parsers stop at 100
#: messages, a container takes two, and some are around the value.
MAX_TREE_DEPTH: Final = 46


@dataclass(slots=True)
class News:
    """What takes a watcher from one revision to another.

    Attributes:
        tree_id: The life of the tree.
        revision: The revision after the changes.
        changes: Each with one part, at the watched path.
        snapshot: Forget what came before; the first op sets the watched path.
    """

    tree_id: str
    revision: int
    changes: list[Change]
    snapshot: bool = False


@dataclass(slots=True)
class StateUpdate:
    """A change from outside, with paths from the tree's root."""

    ops: Sequence[Op]
    request_id: str = ""
    expected_revision: int | None = None
    client_name: str = ""


def ops_below(change: Change, watched: Path) -> list[Op] | None:
    """Return what a change does at and below a path, as ops from there on.

    An op above the path becomes a `Set` of the empty path: to what it brought
    there, or to None when it took the place away.

    Returns:
        None when a splice above moved other items to the path: what is there
        now stands in the tree alone, and the watcher needs a snapshot.
    """
    told: list[Op] = []
    for place, ops in change.parts:
        shared = min(len(place), len(watched))
        if place[:shared] != watched[:shared]:
            continue
        for op in ops:
            path = place + op.path
            if path[: len(watched)] == watched:
                told.extend(_at_or_below(op, path[len(watched) :]))
            elif watched[: len(path)] == path:
                above = _from_above(op, watched[len(path) :])
                if above is None:
                    return None
                told.extend(above)
    return told


def snapshot_news(
    tree_id: str, revision: int, value: Value, time_s: float, origin: str = ""
) -> News:
    """Return a value of the tree as news that begin a watch."""
    return News(
        tree_id, revision, [Change(revision, time_s, origin, [((), cut(value))])], snapshot=True
    )


def encode_news(
    news: News,
    max_message_bytes: int = DEFAULTS.max_message_bytes,
    max_ops_per_message: int = DEFAULTS.max_ops_per_message,
    most_bytes: int = 0,
) -> list[WatchStateResponse]:
    """Return news as the messages that carry them, nearly always one.

    A change too large for one message goes on in the next, under its revision.

    Args:
        news: What is told.
        max_message_bytes: What a message is to take.
        max_ops_per_message: How many ops are to be in one.
        most_bytes: What a message may take where something in it cannot be cut,
            if that is more.

    Raises:
        RefusedError: LIMIT_EXCEEDED; a str, bytes or tuple takes more.
    """
    message = WatchStateResponse(
        tree_id=news.tree_id, revision=news.revision, snapshot=news.snapshot
    )
    if sum(len(ops) for change in news.changes for _, ops in change.parts) <= max_ops_per_message:
        for change in news.changes:
            encode_ops(_ops_of(change), _add_change(change, message).ops, _no_depth)
        if message.ByteSize() <= max_message_bytes:
            return [message]
        del message.changes[:]

    packer = Packer(
        message,
        lambda: WatchStateResponse(tree_id=news.tree_id, revision=news.revision),
        max_message_bytes,
        max_ops_per_message,
    )
    for change in news.changes:
        head_bytes = _add_change(change, WatchStateResponse()).ByteSize() + 2 * FRAME_BYTES
        for op in _ops_of(change):
            extra_bytes = max(most_bytes - max_message_bytes, 0)
            for piece in _pieces(op, packer.room_bytes - head_bytes, extra_bytes):
                # The head is counted for each op: simple, and a few bytes too careful.
                part = packer.part_for(piece.ByteSize() + head_bytes, ops=1)
                if not part.changes or part.changes[-1].revision != change.revision:
                    _add_change(change, part)
                part.changes[-1].ops.append(piece)
    return packer.finish()


def _pieces(op: Op, room_bytes: int, extra_bytes: int) -> Iterable[DeltaOp]:
    """Return an op cut; an op with something that cannot be cut may take more room."""
    try:
        return list(split_op(op, room_bytes, _no_depth))
    except UnsupportedValueError:
        try:
            return list(split_op(op, room_bytes + extra_bytes, _no_depth))
        except UnsupportedValueError as error:
            raise RefusedError(
                Reason.LIMIT_EXCEEDED,
                f"{error}. A client that takes larger messages says so: max_message_bytes",
                {"limit": "max_message_bytes", "path": ".".join(error.path)},
            ) from error


class NewsJoiner:
    """Puts the parts of news together, for the reader of one watch."""

    def __init__(self) -> None:
        self._begun: News | None = None

    def offer(self, message: WatchStateResponse) -> News | None:
        """Return the news that a message completes, if any.

        Raises:
            RefusedError: BAD_OP for parts of different revisions, or as `decode_ops`.
        """
        changes = [
            Change(
                change.revision,
                decode_timestamp(change.commit_time),
                change.origin,
                [((), decode_ops(change.ops, _FROM_SERVER, _no_depth))],
            )
            for change in message.changes
        ]
        news = News(message.tree_id, message.revision, changes, message.snapshot)
        if self._begun is not None:
            news = _join(self._begun, news)
        self._begun = news if message.more else None
        return None if message.more else news


def encode_state(
    tree_id: str,
    revision: int,
    value: Value,
    max_message_bytes: int = DEFAULTS.max_message_bytes,
) -> GetStateResponse:
    """Return a part of the tree at one revision.

    Raises:
        RefusedError: LIMIT_EXCEEDED; a watch comes in parts.
    """
    message = GetStateResponse(tree_id=tree_id, revision=revision)
    try:
        encode_value(value, message.value, max_depth=MAX_TREE_DEPTH)
    except UnsupportedValueError as error:
        raise RefusedError(
            Reason.LIMIT_EXCEEDED,
            f"{error}. Watch it, a watch comes in parts",
            {"limit": "max_value_depth", "value": MAX_TREE_DEPTH},
        ) from error
    size_bytes = message.ByteSize()
    if size_bytes > max_message_bytes:
        raise RefusedError(
            Reason.LIMIT_EXCEEDED,
            f"{size_bytes} bytes are over max_message_bytes, {max_message_bytes}. "
            "Watch it, a watch comes in parts",
            {"limit": "max_message_bytes", "value": max_message_bytes},
        )
    return message


def decode_state(message: GetStateResponse) -> tuple[str, int, Value]:
    """Return the tree's id, its revision and the value.

    Raises:
        RefusedError: As `decode_value`.
    """
    value = decode_value(message.value, max_depth=MAX_TREE_DEPTH)
    return message.tree_id, message.revision, value


def encode_update(update: StateUpdate) -> UpdateStateRequest:
    """Return a change from outside as a message.

    Raises:
        UnsupportedValueError: It holds what cannot be state.
    """
    message = UpdateStateRequest(
        request_id=update.request_id,
        client_name=update.client_name,
        expected_revision=update.expected_revision,
    )
    encode_ops(update.ops, message.ops, depth_in_variables)
    return message


def decode_update(message: UpdateStateRequest, limits: Limits = DEFAULTS) -> StateUpdate:
    """Return a change from outside.

    Raises:
        RefusedError: As `decode_ops`.
    """
    has_expected = message.HasField("expected_revision")
    return StateUpdate(
        ops=decode_ops(message.ops, limits, depth_in_variables),
        request_id=message.request_id,
        expected_revision=message.expected_revision if has_expected else None,
        client_name=message.client_name,
    )


#: The server's own messages: deep paths are its components.
_FROM_SERVER: Final = type(DEFAULTS)(max_path_segments=2**31, max_ops_per_message=2**31)


def _at_or_below(op: Op, path: Path) -> list[Op]:
    if isinstance(op, Set):
        return [Set(path, op.value)]
    if isinstance(op, Splice):
        return [Splice(path, op.start, op.delete_count, op.insert)]
    return [Remove(path)] if path else [Set((), None)]


def _from_above(op: Op, rest: Path) -> list[Op] | None:
    """Return what an op does to the place that lies `rest` below its own."""
    if isinstance(op, Set):
        return [Set((), _value_at(op.value, rest))]
    if isinstance(op, Remove):
        return [Set((), None)]
    if not rest[0].isdecimal():
        return []  # a splice needs a list, and this is no index: nothing was ever there
    index, inserted = int(rest[0]), len(op.insert)
    if index < op.start:
        return []
    if index < op.start + inserted:
        return [Set((), _value_at(op.insert[index - op.start], rest[1:]))]
    return [] if inserted == op.delete_count else None


def _value_at(value: Value, path: Path) -> Value:
    try:
        return lookup(value, path)
    except MisfitError:
        return None


def _ops_of(change: Change) -> list[Op]:
    return [op for place, ops in change.parts for op in (below(ops, place) if place else ops)]


def _add_change(change: Change, message: WatchStateResponse) -> StateChange:
    added = message.changes.add(revision=change.revision, origin=change.origin)
    encode_timestamp(change.time_s, added.commit_time)
    return added


def _join(begun: News, news: News) -> News:
    if (news.tree_id, news.revision) != (begun.tree_id, begun.revision):
        raise RefusedError(
            Reason.BAD_OP,
            f"revision {begun.revision} was to go on, here is revision {news.revision}",
        )
    changes = begun.changes
    for change in news.changes:
        if changes and changes[-1].revision == change.revision:
            last = changes[-1]
            joined = [*_ops_of(last), *_ops_of(change)]
            changes[-1] = Change(last.revision, last.time_s, last.origin, [((), joined)])
        else:
            changes.append(change)
    return News(begun.tree_id, begun.revision, changes, begun.snapshot)


def _no_depth(path: Path) -> int:
    """Count a value's depth from the value itself: variables lie at any depth of the tree."""
    return 0
