"""Changes: three kinds of op, and how they are applied.

A path is a tuple of str, outermost first. The container decides how a segment
is read: in a dict it is a key as it stands, in a list or tuple an index in
decimal without sign or leading zeros. Paths are never strings that get parsed.

An op belongs to whoever holds it and is not changed after it was made:
applying copies its containers, so that no two trees ever share one.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

from lightgrid.errors import MisfitError, StateError
from lightgrid.state.values import SCALAR_TYPES, Value, copy_of_op

Path = tuple[str, ...]


@dataclass(slots=True)
class Set:
    """Assigns a value. A missing dict key is made; a list index must exist."""

    path: Path
    value: Value


@dataclass(slots=True)
class Remove:
    """Removes a dict key, which must exist."""

    path: Path


@dataclass(slots=True)
class Splice:
    """Replaces `delete_count` items of the list at `path` from `start` on."""

    path: Path
    start: int
    delete_count: int
    insert: Sequence[Value]


Op = Set | Remove | Splice


class Assignments(Sequence[Op]):
    """Ops that each assign a scalar to a variable, kept as the `values` they come to.

    Nearly all batches are of this kind. Applying one is a single `dict.update`, and the ops
    themselves are made when somebody wants to see them.
    """

    __slots__ = ("values",)

    def __init__(self, values: dict[str, Value]) -> None:
        self.values = values

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Op]:
        return (Set((name,), value) for name, value in self.values.items())

    @overload
    def __getitem__(self, index: int) -> Op: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Op]: ...
    def __getitem__(self, index: int | slice) -> Op | Sequence[Op]:
        return list(self)[index]

    def __repr__(self) -> str:
        return f"Assignments({self.values!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    @classmethod
    def joined(cls, runs: Iterable[Assignments]) -> Assignments:
        """Return several of them, one after the other, as one."""
        values: dict[str, Value] = {}
        for run in runs:
            values.update(run.values)
        return cls(values)


#: A function and its arguments: what takes a step back.
_Undo = tuple[Any, ...]


def apply(root: dict[str, Value], ops: Iterable[Op]) -> None:
    """Apply ops in order, all of them or none.

    Args:
        root: Changed in place. A `Set` of the empty path replaces its content.
        ops: Any; their values are copied where they hold containers.

    Raises:
        MisfitError: An op does not fit; everything before it is undone.
        UnsupportedValueError: A container in an op holds what cannot be state,
            or is nested too deep where it goes; everything before it is undone.

    Cost: O(ops), not O(root), but for lists, whose splices cost what they move.
    """
    if type(ops) is Assignments:
        root.update(ops.values)
        return
    undo: list[_Undo] = []
    try:
        _apply_all(root, ops, undo)
    except BaseException:
        _take_back(undo)
        raise


def apply_parts(root: dict[str, Value], parts: Sequence[tuple[Path, Iterable[Op]]]) -> None:
    """Apply ops below several places of a tree, in order, all of them or none.

    Args:
        root: Changed in place.
        parts: Places, each with the ops relative to it.

    Raises:
        MisfitError: As `apply`, its path below the part's place; or no map is at a place.
        UnsupportedValueError: As `apply`.
    """
    undo: list[_Undo] = []
    try:
        for place, ops in parts:
            here = lookup(root, place)
            if not isinstance(here, dict):
                raise MisfitError(place, "no node of the tree is here")
            if len(parts) == 1:
                apply(here, ops)
            else:
                _apply_all(here, ops, undo)
    except BaseException:
        _take_back(undo)
        raise


def apply_fitting(root: dict[str, Value], ops: Iterable[Op]) -> list[Op]:
    """Apply those ops that fit and can be state, each on its own, and return them."""
    fitting = []
    for op in ops:
        try:
            apply(root, (op,))
        except StateError:
            continue
        fitting.append(op)
    return fitting


def lookup(root: Value, path: Path) -> Value:
    """Return what is at a path.

    Raises:
        MisfitError: Nothing is there.
    """
    here = root
    for depth, segment in enumerate(path):
        here = _child(here, segment, path[: depth + 1])
    return here


def variable_of(op: Op) -> str:
    """Return the variable that an op relative to a component's variables changes."""
    return op.path[0] if op.path else ""


def below(ops: Iterable[Op], prefix: Path) -> list[Op]:
    """Return the ops with their paths moved below a prefix."""
    moved: list[Op] = []
    for op in ops:
        if type(op) is Set:
            moved.append(Set(prefix + op.path, op.value))
        elif type(op) is Splice:
            moved.append(Splice(prefix + op.path, op.start, op.delete_count, op.insert))
        else:
            moved.append(Remove(prefix + op.path))
    return moved


def within(op: Op, depth: int) -> Op:
    """Return an op as it is told from a place `depth` segments down its path."""
    return replace(op, path=op.path[depth:])


def parse_index(segment: str, length: int, path: Path) -> int:
    """Return the list index that a segment is.

    `int()` would also take " 1", "+1", "1_0" and digits of other scripts; two
    spellings of one place would be two places to every check that compares paths.
    """
    if not (segment.isascii() and segment.isdigit()) or (segment[0] == "0" and segment != "0"):
        raise MisfitError(path, f"{segment!r} is no list index")
    index = int(segment) if len(segment) < 12 else length
    if index >= length:
        raise MisfitError(path, f"the list has {length} items, there is no item {segment}")
    return index


def _apply_all(root: dict[str, Value], ops: Iterable[Op], undo: list[_Undo]) -> None:
    for op in ops:
        path = op.path
        if type(op) is Set and len(path) == 1:  # nearly all ops are this one
            _set_item(root, path, op.value, undo)
        else:
            _apply_one(root, op, undo)


def _take_back(undo: list[_Undo]) -> None:
    for step, *arguments in reversed(undo):
        step(*arguments)


def _apply_one(root: dict[str, Value], op: Op, undo: list[_Undo]) -> None:
    path = op.path
    if type(op) is Splice:
        _splice(lookup(root, path), op, undo)
    elif not path:
        if type(op) is not Set or not isinstance(op.value, dict):
            raise MisfitError(path, "the root can only be set to a map")
        undo.append((_replace_map, root, dict(root)))
        _replace_map(root, copy_of_op(op.value, path))
    else:
        parent, last = lookup(root, path[:-1]), path[-1]
        if isinstance(parent, dict):
            if type(op) is Set:
                _set_item(parent, path, op.value, undo)
            elif last in parent:
                # Undone, the key comes back as the last one: order carries no meaning.
                undo.append((operator.setitem, parent, last, parent.pop(last)))
            else:
                raise MisfitError(path, "there is no such key to remove")
        elif isinstance(parent, list):
            if type(op) is not Set:
                raise MisfitError(path, "list items are removed by a splice")
            index = parse_index(last, len(parent), path)
            undo.append((operator.setitem, parent, index, parent[index]))
            parent[index] = copy_of_op(op.value, path)
        else:
            raise MisfitError(path, f"nothing can be changed inside a {_kind(parent)}")


def _set_item(parent: dict[str, Value], path: Path, value: Value, undo: list[_Undo]) -> None:
    if type(value) not in SCALAR_TYPES:
        value = copy_of_op(value, path)
    key = path[-1]
    if key in parent:
        undo.append((operator.setitem, parent, key, parent[key]))
    else:
        undo.append((operator.delitem, parent, key))
    parent[key] = value


def _splice(target: Value, op: Splice, undo: list[_Undo]) -> None:
    if not isinstance(target, list):
        raise MisfitError(op.path, f"a splice needs a list, here is a {_kind(target)}")
    start, end = op.start, op.start + op.delete_count
    if not 0 <= start <= end <= len(target):
        raise MisfitError(
            op.path,
            f"the list has {len(target)} items, no {op.delete_count} from item {start} on",
        )
    removed = target[start:end]
    target[start:end] = _copy_items(op)
    undo.append((operator.setitem, target, slice(start, start + len(op.insert)), removed))


def _copy_items(op: Splice) -> Sequence[Value]:
    """Return what a splice inserts; as for `Set`, scalars were looked at when it was made."""
    if SCALAR_TYPES.issuperset(map(type, op.insert)):
        return op.insert
    return [
        copy_of_op(item, (*op.path, str(index))) for index, item in enumerate(op.insert, op.start)
    ]


def _replace_map(target: dict[str, Value], content: dict[str, Value]) -> None:
    target.clear()
    target.update(content)


def _child(parent: Value, segment: str, path: Path) -> Value:
    if isinstance(parent, dict):
        if segment in parent:
            return parent[segment]
        raise MisfitError(path, "there is no such key")
    if isinstance(parent, list | tuple):
        return parent[parse_index(segment, len(parent), path)]
    raise MisfitError(path, f"a {_kind(parent)} has nothing inside")


def _kind(value: Value) -> str:
    return "null" if value is None else type(value).__name__
