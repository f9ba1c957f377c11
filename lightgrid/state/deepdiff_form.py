"""Deltas in DeepDiff's form, which is the language people and programs know.

    {"values_changed": {"root['works']['w']['vars']['counter']": {"new_value": 425}}}

Such a mapping has no order: DeepDiff applies changed values first, at the
indexes of before; then removals of list items, from the end; then added items,
in ascending order; then keys of dicts, at the indexes of after. Ops do have an
order, so both directions try them on a draft, which holds what differs from the
base and leaves the base alone.

DeepDiff is a language here and nothing else: nothing is ever applied by it, and
it is imported only to read an object that this process made with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from lightgrid.errors import MisfitError
from lightgrid.state.delta import Op, Path, Remove, Set, Splice, parse_index
from lightgrid.state.paths import Form, Step, parse_path, show_index, show_key, show_path
from lightgrid.state.values import MAX_TREE_DEPTH, Value, copy_value, kind_of, same

_ABSENT: Final = object()
#: In the order in which DeepDiff applies them, whatever their order in the mapping.
_REPORTS: Final = (
    "values_changed",
    "type_changes",
    "_iterable_opcodes",
    "iterable_item_removed",
    "iterable_item_added",
    "dictionary_item_added",
    "dictionary_item_removed",
)
_DETAILS: Final = {
    "values_changed": {"new_value", "old_value", "new_path"},
    "type_changes": {"new_value", "old_value", "new_path", "old_type", "new_type"},
}


@dataclass(frozen=True, slots=True)
class Delta:
    """A change as hooks and logs are given it.

    Attributes:
        prefix: The place in the tree that the ops are relative to.
        ops: What changed, in order.
    """

    prefix: Path
    ops: tuple[Op, ...]

    def to_deepdiff(self, base: Value) -> dict[str, Any]:
        """Return it in DeepDiff's form; `base` is what was at the prefix before."""
        return to_deepdiff(base, self.ops, self.prefix)

    @classmethod
    def from_deepdiff(cls, delta: object, base: Value, prefix: Path = ()) -> Delta:
        """Read DeepDiff's form; all its paths have to begin with the prefix."""
        return cls(prefix, tuple(from_deepdiff(delta, base, prefix)))


def to_deepdiff(base: Value, ops: Iterable[Op], prefix: Path = ()) -> dict[str, Any]:
    """Return what ops change, in the form of a `deepdiff.Delta`.

    Values that end as they began are left out. A type change always carries its
    value. What goes into and out of a list is told item by item, but a splice
    that replaces as many items as it brings is told as changes of these.

    Args:
        base: What the ops are relative to, before them. Not changed.
        ops: In order.
        prefix: Where the base is in the tree; the paths begin with it.

    Raises:
        MisfitError: An op does not fit the base.

    Cost: O(ops), not O(base). The result shares no container with base or ops.
    """
    draft = _Draft(base)
    for op in ops:
        draft.apply(op)
    return draft.told(show_path(prefix))


def from_deepdiff(delta: object, base: Value, prefix: Path = ()) -> list[Op]:
    """Return the ops that a delta in DeepDiff's form means on a base.

    Args:
        delta: A mapping in the form of a `deepdiff.Delta`, or a `Delta` or
            `DeepDiff` that this process made. Never bytes or text: DeepDiff
            would unpickle them.
        base: What the delta is relative to. Not changed.
        prefix: Where the base is in the tree; the paths have to begin with it.

    Raises:
        TypeError: `delta` is none of these.
        PathSyntaxError: A path cannot be read, or leads through an attribute.
        MisfitError: A part of it has no meaning for state, or does not fit the
            base: among others an old value that is not what the base has.
        UnsupportedValueError: A new value cannot be state.

    Cost: O(delta), not O(base).
    """
    reports = _reports(delta)
    for name in reports:
        if name not in _REPORTS:
            raise MisfitError((), f"{name} of DeepDiff has no meaning for state")
    reader = _Reader(base, prefix)
    for name in _REPORTS:
        if name in reports:
            content = reports[name]
            if not isinstance(content, Mapping) or not all(isinstance(key, str) for key in content):
                raise MisfitError((), f"{name} has to map paths to what changed there")
            reader.read(name, content)
    return reader.ops


def _reports(delta: object) -> Mapping[Any, Any]:
    if type(delta) is dict:
        return delta
    if isinstance(delta, bytes | bytearray | memoryview | str):
        raise TypeError("a serialised delta is not read: DeepDiff would unpickle it")
    import deepdiff  # only now: it takes 100 ms, and only its own objects need it

    # A DeepDiff is a Mapping as well, but of its text view, which is no delta.
    if isinstance(delta, deepdiff.DeepDiff):
        delta = deepdiff.Delta(delta, always_include_values=True)
    if isinstance(delta, deepdiff.Delta):
        reports: Mapping[Any, Any] = delta.to_dict()  # type: ignore[no-untyped-call]
        return reports
    if isinstance(delta, Mapping):
        return delta
    raise TypeError(f"a {type(delta).__qualname__} is no delta in DeepDiff's form")


#: The steps of a path, and what is told of it.
_Entry = tuple[tuple[Step, ...], Any]


def _segments(steps: tuple[Step, ...]) -> Path:
    return tuple(step.segment for step in steps)


def _runs(entries: list[_Entry], stride: int) -> Iterator[list[_Entry]]:
    """Give entries in groups that are neighbours in one list, so that each is one splice."""
    run: list[_Entry] = []
    expected = ""
    for entry in entries:
        steps = entry[0]
        if run and (steps[:-1] != run[0][0][:-1] or steps[-1].segment != expected):
            yield run
            run = []
        run.append(entry)
        index = steps[-1].segment
        # Longer ones are no index of any list, and int() takes long over them.
        expected = str(int(index) + stride) if len(index) < 12 else ""
    if run:
        yield run


class _Reader:
    """Turns reports into ops, each checked on the draft that those before it made."""

    def __init__(self, base: Value, prefix: Path) -> None:
        self.ops: list[Op] = []
        self._draft = _Draft(base)
        self._prefix = prefix

    def read(self, name: str, content: Mapping[str, Any]) -> None:
        entries = [(self._steps(text), detail) for text, detail in content.items()]
        if name in {"iterable_item_removed", "iterable_item_added"}:
            self._splice(name, entries)
            return
        for steps, detail in entries:
            path = self._path(steps)
            if name in _DETAILS:
                self._replace(name, path, detail)
            elif name == "_iterable_opcodes":
                self._apply_opcodes(path, detail)
            elif not steps or steps[-1].form is not Form.QUOTED:
                raise MisfitError(path, f"{name} needs a key of a dict")
            elif name == "dictionary_item_added":
                copy_value({path[-1]: None})  # the key itself may be unfit
                self._add(Set(path, copy_value(detail, path)))
            else:
                self._need_value(path, detail)
                self._add(Remove(path))

    def _steps(self, text: str) -> tuple[Step, ...]:
        parsed = parse_path(text)
        if not parsed.is_literal and text != "root":
            raise MisfitError((), f"{text!r} is no path of DeepDiff's form")
        cut = len(self._prefix)
        if _segments(parsed.steps[:cut]) != self._prefix:
            raise MisfitError((), f"{text!r} is not below {show_path(self._prefix)}")
        return parsed.steps[cut:]

    def _path(self, steps: tuple[Step, ...]) -> Path:
        path: Path = ()
        for step in steps:
            here = self._draft.open(path)
            path = (*path, step.segment)
            if isinstance(here, _Map) is not (step.form is Form.QUOTED):
                expected = "a key in quotes" if isinstance(here, _Map) else "an index"
                raise MisfitError(path, f"{expected} has to be here")
        return path

    def _replace(self, name: str, path: Path, detail: object) -> None:
        if not isinstance(detail, Mapping) or not detail.keys() <= _DETAILS[name]:
            known = ", ".join(sorted(_DETAILS[name]))
            raise MisfitError(path, f"{name} needs a mapping with {known} and no other key")
        if "new_value" not in detail:
            raise MisfitError(
                path,
                f"{name} has no new_value here, and what a conversion would give depends on "
                "the reader's own value: make the Delta with always_include_values=True",
            )
        now = self._draft.at(path)
        if now is _ABSENT:
            raise MisfitError(path, "there is nothing here that could change")
        if "old_value" in detail:
            self._need_value(path, detail["old_value"])
        for told, value in (("old_type", now), ("new_type", detail["new_value"])):
            if told in detail and _type_name(detail[told]) not in _type_names(_plain(value)):
                raise MisfitError(path, f"{told} is not the type of the value here")
        self._add(Set(path, copy_value(detail["new_value"], path)))

    def _splice(self, name: str, entries: list[_Entry]) -> None:
        removes = name == "iterable_item_removed"
        for steps, _ in entries:
            if not steps or steps[-1].form is not Form.BARE:
                raise MisfitError(_segments(steps), f"{name} needs an item of a list")
        # By number, though an index is text and may have any number of digits.
        entries.sort(
            key=lambda entry: [(len(step.segment), step.segment) for step in entry[0]],
            reverse=removes,
        )
        for run in _runs(entries, -1 if removes else 1):
            path = self._path(run[0][0])
            row = self._row(path[:-1], name)
            # An item can be removed where one is, and added behind the last as well.
            first = parse_index(path[-1], len(row) + (not removes), path)
            if removes:
                for other, told in run:
                    self._need_value((*path[:-1], other[-1].segment), told)
                self._add(Splice(path[:-1], first + 1 - len(run), len(run), []))
            else:
                items = [
                    copy_value(item, (*path[:-1], str(index)))
                    for index, (_, item) in enumerate(run, first)
                ]
                self._add(Splice(path[:-1], first, 0, items))

    def _apply_opcodes(self, path: Path, opcodes: Any) -> None:
        from deepdiff.helper import Opcode  # loaded already by whoever made the opcodes

        row = self._row(path, "_iterable_opcodes")
        at = 0
        splices = []
        for code in opcodes if isinstance(opcodes, list | tuple) else [None]:
            if type(code) is not Opcode or code.t1_from_index != at or code.t1_to_index < at:
                raise MisfitError(path, "these opcodes do not tell of a list from end to end")
            if code.tag != "equal":
                new_values = copy_value(list(code.new_values or ()), path)
                splices.append(Splice(path, at, code.t1_to_index - at, new_values))
            at = code.t1_to_index
        if at != len(row):
            raise MisfitError(path, f"the opcodes are for a list of {at} items, not {len(row)}")
        for splice in reversed(splices):
            self._add(splice)

    def _row(self, path: Path, name: str) -> _Row:
        node = self._draft.open(path)
        if isinstance(node, _Row) and isinstance(node.old, list):
            return node
        raise MisfitError(path, f"{name} needs a list, here is a {_kind(node.old)}")

    def _need_value(self, path: Path, told: Value) -> None:
        if not same(_plain(self._draft.at(path)), told):
            raise MisfitError(path, "the value here is not the one that the delta tells of")

    def _add(self, op: Op) -> None:
        self._draft.apply(op)
        self.ops.append(op)


class _Map:
    """A dict with what differs from it."""

    def __init__(self, old: dict[str, Value], is_kept: bool) -> None:
        self.old = old
        self.is_kept = is_kept
        self.changed: dict[str, Any] = {}

    def get(self, key: str, _path: Path) -> Any:
        return self.changed[key] if key in self.changed else self.old.get(key, _ABSENT)

    def put(self, key: str, value: Any, _path: Path) -> None:
        self.changed[key] = value

    def is_changed(self, key: str, _path: Path) -> bool:
        return key in self.changed

    def plain(self) -> Value:
        now = {**self.old, **self.changed}
        return {key: _plain(item) for key, item in now.items() if item is not _ABSENT}


class _Row:
    """A list or tuple with what differs from it.

    `pieces` are, in order, ranges of old indexes that are still there, and lists
    of new items; `changed` has what differs within the ranges, by old index. So
    an op costs by the number of pieces, not of items.
    """

    def __init__(self, old: list[Value] | tuple[Value, ...], is_kept: bool) -> None:
        self.old = old
        self.is_kept = is_kept
        self.pieces: list[range | list[Any]] = [range(len(old))]
        self.changed: dict[int, Any] = {}

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    def get(self, segment: str, path: Path) -> Any:
        piece, offset = self._locate(parse_index(segment, len(self), path))
        if isinstance(piece, list):
            return piece[offset]
        return self.changed.get(piece[offset], self.old[piece[offset]])

    def put(self, segment: str, value: Any, path: Path) -> None:
        piece, offset = self._locate(parse_index(segment, len(self), path))
        if isinstance(piece, list):
            piece[offset] = value
        else:
            self.changed[piece[offset]] = value

    def is_changed(self, segment: str, path: Path) -> bool:
        piece, offset = self._locate(parse_index(segment, len(self), path))
        return isinstance(piece, list) or piece[offset] in self.changed

    def splice(self, start: int, end: int, insert: list[Any]) -> None:
        before: list[range | list[Any]] = []
        after: list[range | list[Any]] = []
        at = 0
        for piece in self.pieces:
            before.append(piece[: max(start - at, 0)])
            after.append(piece[max(end - at, 0) :])
            at += len(piece)
        self.pieces = []
        for piece in (*before, insert, *after):
            last = self.pieces[-1] if self.pieces else None
            if isinstance(piece, list) and isinstance(last, list):
                last += piece
            elif piece:
                self.pieces.append(piece)

    def plain(self) -> Value:
        now: list[Any] = []
        for piece in self.pieces:
            if isinstance(piece, list):
                now += map(_plain, piece)
            else:
                now += (_plain(self.changed.get(index, self.old[index])) for index in piece)
        return tuple(now) if isinstance(self.old, tuple) else now

    def removed(self) -> Iterator[int]:
        """Give the old indexes that are gone."""
        at = 0
        for piece in self.pieces:
            if isinstance(piece, range):
                yield from range(at, piece.start)
                at = piece.stop
        yield from range(at, len(self.old))

    def added(self) -> Iterator[tuple[int, Any]]:
        """Give the new items with their new indexes."""
        at = 0
        for piece in self.pieces:
            if isinstance(piece, list):
                yield from enumerate(piece, at)
            at += len(piece)

    def moved(self) -> Iterator[tuple[int, int, Any]]:
        """Give what changed in items that are still there: old and new index, and the item."""
        starts = accumulate(map(len, self.pieces), initial=0)
        ranges = [(p, at) for p, at in zip(self.pieces, starts, strict=False) if type(p) is range]
        at = 0
        for old_index in sorted(self.changed):
            while at < len(ranges) and ranges[at][0].stop <= old_index:
                at += 1
            if at < len(ranges) and old_index in ranges[at][0]:
                kept, start = ranges[at]
                new_index = start + old_index - kept[0]
                yield old_index, new_index, self.changed[old_index]

    def _locate(self, index: int) -> tuple[range | list[Any], int]:
        for piece in self.pieces:
            if index < len(piece):
                return piece, index
            index -= len(piece)
        raise AssertionError("the index was checked against the length")


class _Draft:
    """A value on which ops are tried while the base stays as it is.

    Only what an op leads through becomes a node; all else is the base's own.
    """

    def __init__(self, base: Value) -> None:
        # The base is the one item of a holder, so that the root is no special case.
        self._holder = _Map({"": base}, True)

    def apply(self, op: Op) -> None:
        path = op.path
        if isinstance(op, Splice):
            self._splice(self.open(path), op)
            return
        parent = self._holder if not path else self.open(path[:-1])
        last = path[-1] if path else ""
        if isinstance(parent.old, tuple):
            raise MisfitError(path, "nothing can be changed inside a tuple")
        if isinstance(op, Set):
            parent.put(last, op.value, path)
        elif not path or isinstance(parent, _Row) or parent.get(last, path) is _ABSENT:
            raise MisfitError(path, "there is no such key to remove")
        else:
            parent.put(last, _ABSENT, path)

    def at(self, path: Path) -> Any:
        """Return the value or node at a path, `_ABSENT` for a key that is not there."""
        return self.open(path[:-1]).get(path[-1], path) if path else self._holder.get("", path)

    def open(self, path: Path) -> _Map | _Row:
        """Return the node of the container at a path.

        Raises:
            MisfitError: None is there.
        """
        here = _open(self._holder, "", ())
        for depth, segment in enumerate(path):
            here = _open(here, segment, path[: depth + 1])
        return here

    def told(self, prefix: str) -> dict[str, Any]:
        """Return what differs from the base, in DeepDiff's form."""
        told: dict[str, dict[str, Any]] = {name: {} for name in _REPORTS}
        if "" in self._holder.changed:
            _tell(self._holder.old[""], self._holder.changed[""], prefix, prefix, told)
        return {name: entries for name, entries in told.items() if entries}

    def _splice(self, row: _Map | _Row, op: Splice) -> None:
        if not isinstance(row, _Row) or not isinstance(row.old, list):
            raise MisfitError(op.path, f"a splice needs a list, here is a {_kind(row.old)}")
        start, end = op.start, op.start + op.delete_count
        if not 0 <= start <= end <= len(row):
            raise MisfitError(op.path, f"the list has {len(row)} items, not {start} to {end}")
        if op.delete_count == len(op.insert):
            for index, item in enumerate(op.insert, start):
                row.put(str(index), item, op.path)
        else:
            row.splice(start, end, list(op.insert))


def _open(parent: _Map | _Row, segment: str, path: Path) -> _Map | _Row:
    item = parent.get(segment, path)
    if isinstance(item, _Map | _Row):
        return item
    node: _Map | _Row
    is_kept = not parent.is_changed(segment, path)
    if isinstance(item, dict):
        node = _Map(item, is_kept)
    elif isinstance(item, list | tuple):
        node = _Row(item, is_kept)
    elif item is _ABSENT:
        raise MisfitError(path, "there is no such key")
    else:
        raise MisfitError(path, f"a {_kind(item)} has nothing inside")
    parent.put(segment, node, path)
    return node


def _tell(was: Value, now: Any, old_at: str, new_at: str, told: dict[str, dict[str, Any]]) -> None:
    """Tell of one place: where it was before the items of lists moved, and where it is."""
    if isinstance(now, _Map) and now.is_kept:
        for key, item in now.changed.items():
            shown = show_key(key)
            before = now.old.get(key, _ABSENT)
            if before is _ABSENT:
                if item is not _ABSENT:
                    told["dictionary_item_added"][new_at + shown] = _plain(item)
            elif item is _ABSENT:
                told["dictionary_item_removed"][new_at + shown] = _plain(before)
            else:
                _tell(before, item, old_at + shown, new_at + shown, told)
    elif isinstance(now, _Row) and now.is_kept:
        for old, new, item in now.moved():
            _tell(now.old[old], item, old_at + show_index(old), new_at + show_index(new), told)
        for index in now.removed():
            told["iterable_item_removed"][old_at + show_index(index)] = _plain(now.old[index])
        for index, item in now.added():
            told["iterable_item_added"][new_at + show_index(index)] = _plain(item)
    else:
        value = _plain(now)
        old_kind, new_kind = kind_of(was), kind_of(value)
        if old_kind is not new_kind:
            detail = {"old_type": old_kind, "new_type": new_kind, "new_value": value}
            told["type_changes"][old_at] = detail
        elif not same(was, value):
            told["values_changed"][old_at] = {"new_value": value}


def _plain(item: Any) -> Value:
    if isinstance(item, _Map | _Row):
        return item.plain()
    return copy_value(item, (), MAX_TREE_DEPTH)


def _kind(value: Value) -> str:
    return "null" if value is None else kind_of(value).__name__


def _type_name(told: object) -> str:
    return told.__name__ if isinstance(told, type) else str(told)


def _type_names(value: Value) -> set[str]:
    return {type(value).__name__, kind_of(value).__name__}
