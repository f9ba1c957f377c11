"""The draft: a value on which ops are tried while the base stays as it is."""

from __future__ import annotations

from typing import Any

from lightgrid.errors import MisfitError
from lightgrid.state.deepdiff_form.revised import ABSENT, Revised, RevisedDict, RevisedList
from lightgrid.state.delta import Op, Path, Set, Splice, parse_index
from lightgrid.state.values import Value, kind_of


class Draft:
    """What a base has become by ops.

    Only what an op leads through becomes a revised container; all else is the base's own,
    or the op's. So an op costs by its path, not by what is around it.
    """

    def __init__(self, base: Value) -> None:
        # The root is an item of a list: it can be replaced, but not removed.
        self._holder = RevisedList([base])

    def apply(self, op: Op) -> None:
        """Apply an op; the draft shares its values, and does not change them.

        Raises:
            MisfitError: It does not fit. The draft is as before.
        """
        path = op.path
        if isinstance(op, Splice):
            self._splice(op)
            return
        parent, key = self._find(path)
        if isinstance(parent.old, tuple):
            raise MisfitError(path, "nothing can be changed inside a tuple")
        if isinstance(op, Set):
            parent.put(key, op.value)
        elif isinstance(parent, RevisedList) or parent.get(key) is ABSENT:
            raise MisfitError(path, "there is no such key to remove")
        else:
            parent.put(key, ABSENT)

    def at(self, path: Path) -> Any:
        """Return the value or revised container at a path, `ABSENT` for a key that is not there."""
        parent, key = self._find(path)
        return parent.get(key)

    def open(self, path: Path) -> Revised:
        """Return the revised form of the container at a path.

        Raises:
            MisfitError: None is there.
        """
        here = _open(self._holder, 0, ())
        for depth, segment in enumerate(path, 1):
            so_far = path[:depth]
            here = _open(here, _key(here, segment, so_far), so_far)
        return here

    def list_at(self, path: Path) -> RevisedList:
        """Return the revised form of the list at a path.

        Raises:
            MisfitError: None is there.
        """
        here = self.open(path)
        if isinstance(here, RevisedList) and isinstance(here.old, list):
            return here
        raise MisfitError(path, f"a change of items needs a list, here is a {_kind(here.old)}")

    def _find(self, path: Path) -> tuple[Any, Any]:
        """Return the revised container that holds what is at a path, and its key there."""
        if not path:
            return self._holder, 0
        parent = self.open(path[:-1])
        return parent, _key(parent, path[-1], path)

    def _splice(self, op: Splice) -> None:
        target = self.list_at(op.path)
        start, end = op.start, op.start + op.delete_count
        if not 0 <= start <= end <= len(target):
            raise MisfitError(op.path, f"the list has {len(target)} items, not {start} to {end}")
        target.splice(start, end, op.insert)


def _open(parent: Any, key: Any, path: Path) -> Revised:
    item = parent.get(key)
    if isinstance(item, Revised):
        return item
    over: Revised
    if isinstance(item, dict):
        over = RevisedDict(item)
    elif isinstance(item, list | tuple):
        over = RevisedList(item)
    elif item is ABSENT:
        raise MisfitError(path, "there is no such key")
    else:
        raise MisfitError(path, f"a {_kind(item)} has nothing inside")
    parent.put(key, over)
    return over


def _key(parent: Revised, segment: str, path: Path) -> str | int:
    """Return what a segment of a path is in a container, which decides how it is read."""
    return segment if isinstance(parent, RevisedDict) else parse_index(segment, len(parent), path)


def _kind(value: Value) -> str:
    return "null" if value is None else kind_of(value).__name__
