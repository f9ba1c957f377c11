"""The teller: ops in DeepDiff's form.

Items of lists move when others are added or removed, so a path has two meanings: the
place before any item moved, and the place after all have. DeepDiff reads the paths of
changed and of removed items as places before, and those of added items and of keys of
dicts as places after; so they are written in that way here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lightgrid.state.deepdiff_form.draft import Draft
from lightgrid.state.deepdiff_form.reports import NAMES
from lightgrid.state.deepdiff_form.revised import ABSENT, RevisedDict, RevisedList, plain
from lightgrid.state.delta import Op, Path
from lightgrid.state.paths import show_index, show_key, show_path
from lightgrid.state.values import Value, kind_of, same

#: The name of a report, the path, and what the report tells of it.
_Told = tuple[str, str, Any]


def tell(base: Value, ops: Iterable[Op], prefix: Path) -> dict[str, Any]:
    """Return what ops change; see `to_deepdiff`."""
    draft = Draft(base)
    for op in ops:
        draft.apply(op)
    reports: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
    shown = show_path(prefix)
    for name, path, detail in _tell_place(base, draft.at(()), shown, shown):
        reports[name][path] = detail
    return {name: content for name, content in reports.items() if content}


def _tell_place(was: Value, now: Any, old_at: str, new_at: str) -> Iterator[_Told]:
    """Tell of one place: where it was before the items of lists moved, and where it is."""
    # A revised container over something else lies over a new value, which is told whole.
    if isinstance(now, RevisedDict) and now.old is was:
        yield from _tell_dict(now, old_at, new_at)
    elif isinstance(now, RevisedList) and now.old is was:
        yield from _tell_list(now, old_at, new_at)
    elif now is not was:
        value = plain(now)
        old_kind, new_kind = kind_of(was), kind_of(value)
        if old_kind is not new_kind:
            detail = {"old_type": old_kind, "new_type": new_kind, "new_value": value}
            yield "type_changes", old_at, detail
        elif not same(was, value):
            yield "values_changed", old_at, {"new_value": value}


def _tell_dict(over: RevisedDict, old_at: str, new_at: str) -> Iterator[_Told]:
    for key, now in over.changed.items():
        was = over.old.get(key, ABSENT)
        shown = show_key(key)
        if was is now:
            continue  # above all a key that came and went
        if was is ABSENT:
            yield "dictionary_item_added", new_at + shown, plain(now)
        elif now is ABSENT:
            yield "dictionary_item_removed", new_at + shown, plain(was)
        else:
            yield from _tell_place(was, now, old_at + shown, new_at + shown)


def _tell_list(over: RevisedList, old_at: str, new_at: str) -> Iterator[_Told]:
    for old, new, now in over.changes():
        old_place, new_place = old_at + show_index(old), new_at + show_index(new)
        yield from _tell_place(over.old[old], now, old_place, new_place)
    for index in over.removed():
        yield "iterable_item_removed", old_at + show_index(index), plain(over.old[index])
    for index, item in over.added():
        yield "iterable_item_added", new_at + show_index(index), plain(item)
