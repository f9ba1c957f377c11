"""Revised containers: one of the base, with what differs from it.

The base is left alone. A revised container's items are plain values, of the base or of
an op, and revised containers where an op led into a container.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

from lightgrid.state.values import MAX_TREE_DEPTH, Value, copy_value

#: What is at a key that a dict does not have.
ABSENT: Final = object()


class RevisedDict:
    """A dict with what differs from it; a key that was removed is changed to `ABSENT`."""

    def __init__(self, old: dict[str, Value]) -> None:
        self.old = old
        self.changed: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """Return the item at a key, or `ABSENT`."""
        return self.changed[key] if key in self.changed else self.old.get(key, ABSENT)

    def put(self, key: str, item: Any) -> None:
        """Put a value, a revised container or `ABSENT` at a key."""
        self.changed[key] = item

    def plain(self) -> Value:
        """Return what it comes to."""
        now = {**self.old, **self.changed}
        return {key: plain(item) for key, item in now.items() if item is not ABSENT}


class RevisedList:
    """A list or tuple with what differs from it.

    `_pieces` are, in order, ranges of old indexes that are still there, and lists
    of new items; `_changed` has what differs within the ranges, by old index. So
    an op costs by the number of pieces, not of the base's items.
    """

    def __init__(self, old: list[Value] | tuple[Value, ...]) -> None:
        self.old = old
        self._pieces: list[range | list[Any]] = [range(len(old))]
        self._changed: dict[int, Any] = {}

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def get(self, index: int) -> Any:
        """Return the item at an index, which has to be there."""
        items, key = self._slot(index)
        return items.get(key, self.old[key]) if items is self._changed else items[key]

    def put(self, index: int, item: Any) -> None:
        """Put a value or a revised container in the place of an item."""
        items, key = self._slot(index)
        items[key] = item

    def splice(self, start: int, end: int, insert: Sequence[Any]) -> None:
        """Replace the items from start to end; by as many is a change of each of them."""
        if len(insert) == end - start:
            for index, item in enumerate(insert, start):
                self.put(index, item)
            return
        first, last = self._cut(start), self._cut(end)
        new_items = list(insert)
        # They join new items beside them, so that many small splices leave few pieces.
        if first and isinstance(before := self._pieces[first - 1], list):
            before += new_items
            new_items = before
            first -= 1
        if last < len(self._pieces) and isinstance(after := self._pieces[last], list):
            new_items += after
            last += 1
        self._pieces[first:last] = [new_items] if new_items else []

    def plain(self) -> Value:
        """Return what it comes to."""
        now: list[Any] = []
        for piece in self._pieces:
            if isinstance(piece, list):
                now += map(plain, piece)
            else:
                now += (plain(self._changed.get(index, self.old[index])) for index in piece)
        return tuple(now) if isinstance(self.old, tuple) else now

    def changes(self) -> Iterator[tuple[int, int, Any]]:
        """Give what differs in items that are still there: old and new index, and the item."""
        indexes = sorted(self._changed)
        for start, piece in self._placed():
            if isinstance(piece, range):
                within = slice(bisect_left(indexes, piece.start), bisect_left(indexes, piece.stop))
                for index in indexes[within]:
                    yield index, start + index - piece.start, self._changed[index]

    def removed(self) -> Iterator[int]:
        """Give the old indexes that are gone."""
        at = 0
        for piece in self._pieces:
            if isinstance(piece, range):
                yield from range(at, piece.start)
                at = piece.stop
        yield from range(at, len(self.old))

    def added(self) -> Iterator[tuple[int, Any]]:
        """Give the new items with their new indexes."""
        for start, piece in self._placed():
            if isinstance(piece, list):
                yield from enumerate(piece, start)

    def _placed(self) -> Iterator[tuple[int, range | list[Any]]]:
        return zip(accumulate(map(len, self._pieces), initial=0), self._pieces, strict=False)

    def _slot(self, index: int) -> tuple[Any, int]:
        """Return where an item's change is kept, a piece or `_changed`, and its key there."""
        for piece in self._pieces:
            if index < len(piece):
                return (piece, index) if isinstance(piece, list) else (self._changed, piece[index])
            index -= len(piece)
        raise AssertionError("the index was checked against the length")

    def _cut(self, index: int) -> int:
        """Let a piece begin at an index, and return the number of that piece."""
        for number, piece in enumerate(self._pieces):
            if index == 0:
                return number
            if index < len(piece):
                self._pieces[number : number + 1] = [piece[:index], piece[index:]]
                return number + 1
            index -= len(piece)
        return len(self._pieces)


Revised = RevisedDict | RevisedList


def plain(item: Any) -> Value:
    """Return a value, or what a revised container comes to, as a copy that shares no container."""
    return item.plain() if isinstance(item, Revised) else copy_value(item, (), MAX_TREE_DEPTH)
