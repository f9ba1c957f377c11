"""The reader: DeepDiff's form into ops, each checked on the draft that those before it made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from lightgrid.errors import MisfitError
from lightgrid.state.deepdiff_form.draft import Draft
from lightgrid.state.deepdiff_form.reports import reports_of, splices_of
from lightgrid.state.deepdiff_form.revised import ABSENT, Revised, RevisedDict, plain
from lightgrid.state.delta import Op, Path, Remove, Set, Splice, parse_index
from lightgrid.state.paths import Form, Step, parse_path, show_path
from lightgrid.state.values import Value, copy_value, kind_of, same

_Steps = tuple[Step, ...]
#: The steps of a path, and what is told of it.
_Entry = tuple[_Steps, Any]
#: What a change may tell of its place.
_DETAILS: Final = {
    "values_changed": {"new_value", "old_value", "new_path"},
    "type_changes": {"new_value", "old_value", "new_path", "old_type", "new_type"},
}


def read(delta: object, base: Value, prefix: Path) -> list[Op]:
    """Return the ops that a delta means on a base; see `from_deepdiff`."""
    reader = _Reader(base, prefix)
    for name, content in reports_of(delta):
        reader.read(name, content)
    return reader.ops


class _Reader:
    """Reads one report after the other, which have to come in DeepDiff's order."""

    def __init__(self, base: Value, prefix: Path) -> None:
        self.ops: list[Op] = []
        self._draft = Draft(base)
        self._prefix = prefix

    def read(self, name: str, content: Mapping[str, Any]) -> None:
        entries = [(self._steps(text), told) for text, told in content.items()]
        if name in {"iterable_item_removed", "iterable_item_added"}:
            for steps, _ in entries:
                if not steps or steps[-1].form is not Form.BARE:
                    raise MisfitError(_segments(steps), f"{name} needs an item of a list")
            if name == "iterable_item_removed":
                self._remove_items(entries)
            else:
                self._add_items(entries)
        else:
            for steps, told in entries:
                self._read_place(name, steps, told)

    def _read_place(self, name: str, steps: _Steps, told: Any) -> None:
        path = self._path(steps)
        if name in _DETAILS:
            self._change(name, path, told)
        elif name == "_iterable_opcodes":
            splices = splices_of(told, len(self._draft.list_at(path)), path)
            for splice in reversed(splices):  # they are at the indexes of before
                self._add(splice)
        elif not steps or steps[-1].form is not Form.QUOTED:
            raise MisfitError(path, f"{name} needs a key of a dict")
        elif name == "dictionary_item_added":
            copy_value({path[-1]: None})  # the key itself may be unfit
            self._add(Set(path, copy_value(told, path)))
        else:
            self._check_told(path, told)
            self._add(Remove(path))

    def _change(self, name: str, path: Path, detail: Any) -> None:
        if not isinstance(detail, Mapping) or not detail.keys() <= _DETAILS[name]:
            known = ", ".join(sorted(_DETAILS[name]))
            raise MisfitError(path, f"{name} needs a mapping with {known} and no other key")
        if "new_value" not in detail:
            raise MisfitError(
                path,
                f"{name} has no new_value here, and what a conversion would give depends on "
                "the reader's own value: make the Delta with always_include_values=True",
            )
        now, new_value = self._draft.at(path), detail["new_value"]
        if now is ABSENT:
            raise MisfitError(path, "there is nothing here that could change")
        if "old_value" in detail:
            self._check_told(path, detail["old_value"])
        old_value = now.old if isinstance(now, Revised) else now
        for told, value in (("old_type", old_value), ("new_type", new_value)):
            if told in detail and _type_name(detail[told]) not in _type_names(value):
                raise MisfitError(path, f"{told} is not the type of the value here")
        self._add(Set(path, copy_value(new_value, path)))

    def _remove_items(self, entries: list[_Entry]) -> None:
        for steps, run in _runs(entries, -1):
            path = self._path(steps)
            last = parse_index(path[-1], len(self._draft.list_at(path[:-1])), path)
            first = last + 1 - len(run)
            for index, told in enumerate(reversed(run), first):
                self._check_told((*path[:-1], str(index)), told)
            self._add(Splice(path[:-1], first, len(run), []))

    def _add_items(self, entries: list[_Entry]) -> None:
        for steps, run in _runs(entries, 1):
            path = self._path(steps)
            # One behind the last item is a place to add one.
            first = parse_index(path[-1], len(self._draft.list_at(path[:-1])) + 1, path)
            items = [
                copy_value(item, (*path[:-1], str(index))) for index, item in enumerate(run, first)
            ]
            self._add(Splice(path[:-1], first, 0, items))

    def _steps(self, text: str) -> _Steps:
        parsed = parse_path(text)
        if not parsed.is_literal and text != "root":
            raise MisfitError((), f"{text!r} is no path of DeepDiff's form")
        cut = len(self._prefix)
        if _segments(parsed.steps[:cut]) != self._prefix:
            raise MisfitError((), f"{text!r} is not below {show_path(self._prefix)}")
        return parsed.steps[cut:]

    def _path(self, steps: _Steps) -> Path:
        """Return the path of steps, each of which has the form that the container there needs."""
        path = _segments(steps)
        for depth, step in enumerate(steps):
            is_dict = isinstance(self._draft.open(path[:depth]), RevisedDict)
            if is_dict is not (step.form is Form.QUOTED):
                expected = "a key in quotes" if is_dict else "an index"
                raise MisfitError(path[: depth + 1], f"{expected} has to be here")
        return path

    def _check_told(self, path: Path, told: Value) -> None:
        now = self._draft.at(path)
        if now is ABSENT or not same(plain(now), told):
            raise MisfitError(path, "the value here is not the one that the delta tells of")

    def _add(self, op: Op) -> None:
        self._draft.apply(op)
        self.ops.append(op)


def _runs(entries: list[_Entry], stride: int) -> Iterator[tuple[_Steps, list[Any]]]:
    """Give what is told of neighbours in one list together, so that it becomes one splice.

    With each run comes the place it begins at. A stride of -1 goes downwards, of 1 upwards.
    """

    def run_of(numbered: tuple[int, _Entry]) -> tuple[_Steps, int]:
        number, (steps, _) = numbered
        # No list has an index of more digits, and int() would take long over them.
        return steps[:-1], int(steps[-1].segment[:12]) - stride * number

    ordered = sorted(entries, key=_by_number, reverse=stride < 0)
    for _, group in groupby(enumerate(ordered), run_of):
        run = [entry for _, entry in group]
        yield run[0][0], [told for _, told in run]


def _by_number(entry: _Entry) -> list[tuple[int, str]]:
    """Order indexes as numbers, though they are text and may have any number of digits."""
    return [(len(step.segment), step.segment) for step in entry[0]]


def _segments(steps: _Steps) -> Path:
    return tuple(step.segment for step in steps)


def _type_name(told: object) -> str:
    return told.__name__ if isinstance(told, type) else str(told)


def _type_names(value: Value) -> set[str]:
    return {type(value).__name__, kind_of(value).__name__}
