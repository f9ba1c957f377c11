"""Finding changes: the ops that lead from one value to another.

Written for comparing a live container with the private copy of what was last
told of it. Both share their leaves and no container, so an unchanged leaf is
the same object and whole runs of a list are passed over in C. Only where
objects differ are values looked at, and strictly: 1, 1.0 and True are three values.

Lists are compared by their equal head and tail; what lies between is one
splice, or item by item when it has the same length. A longest common
subsequence would sometimes find a shorter delta, at quadratic cost.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from itertools import compress, count
from typing import Final

from lightgrid.state.delta import Op, Path, Remove, Set, Splice
from lightgrid.state.values import Value, copy_value, kind_of, same

#: From this many changed items on, a run of a list in which most items changed
#: is told as one splice: an op for each would be larger and slower.
_RUN: Final = 8
_CHUNK: Final = 1024
#: A list longer than this that is mostly new is told whole.
_LONG: Final = 1000


def diff(old: Value, new: Value, path: Path = ()) -> list[Op]:
    """Return the ops that make `old` the same as `new`.

    Args:
        old: Plain, and changed by no one else meanwhile.
        new: Anything; another thread may change it meanwhile, in which case
            the result is a state that its containers had one after the other.
        path: Where both are; the ops start there.

    Raises:
        UnsupportedValueError: A changed part of `new` cannot be state.

    Cost: one pass over the containers, at C speed over runs of unchanged leaves.
    """
    ops: list[Op] = []
    _diff(old, new, path, ops)
    return ops


def diff_variables(old: dict[str, Value], new: dict[str, Value], names: Sequence[str]) -> list[Op]:
    """Return the ops that bring the named variables of `old` up to those of `new`."""
    ops: list[Op] = []
    for name in names:
        if name not in new:
            if name in old:
                ops.append(Remove((name,)))
        elif name in old:
            _diff(old[name], new[name], (name,), ops)
        else:
            ops.append(Set((name,), copy_value(new[name], (name,))))
    return ops


def _diff(old: Value, new: Value, path: Path, ops: list[Op]) -> None:
    if old is new and not isinstance(new, dict | list | tuple):
        return
    kind = kind_of(new)
    if kind is not kind_of(old):
        ops.append(Set(path, copy_value(new, path)))
    elif kind is dict:
        _diff_dict(old, new, path, ops)
    elif kind is list:
        _diff_list(old, new, path, ops)
    elif kind is tuple:
        _diff_tuple(old, new, path, ops)
    elif not same(old, new):
        ops.append(Set(path, copy_value(new, path)))


def _diff_dict(old: dict[str, Value], new: dict[str, Value], path: Path, ops: list[Op]) -> None:
    now = dict.copy(new)  # one C call: no other thread can change it under our feet
    if now.keys() == old.keys() and all(map(operator.is_, map(now.get, old), old.values())):
        return
    ops.extend(Remove((*path, key)) for key in old if key not in now)
    for key, item in now.items():
        if key in old:
            before = old[key]
            if before is not item:
                _diff(before, item, (*path, key), ops)
        else:
            copy_value({key: None}, path)  # the key itself may be unfit
            ops.append(Set((*path, key), copy_value(item, (*path, key))))


def _diff_list(old: list[Value], new: list[Value], path: Path, ops: list[Op]) -> None:
    now = list.copy(new)
    if len(old) == len(now):
        inner: list[Op] = []
        suspects = list(_suspects(old, now))
        if 2 * len(suspects) > len(now) > _LONG and old != now:
            # Mostly new: told as one value it is packed, and looked at by no one item by item.
            ops.append(Set(path, copy_value(now, path)))
            return
        for index in suspects:
            _diff(old[index], now[index], (*path, str(index)), inner)
        if len(inner) <= _RUN or 2 * len(inner) < suspects[-1] - suspects[0]:
            ops.extend(inner)
            return
    shorter = min(len(old), len(now))
    head = _equal_run(old, now, shorter)
    rest = shorter - head  # none after an append, which then costs no reversed copies
    tail = _equal_run(old[len(old) - rest :][::-1], now[len(now) - rest :][::-1], rest)
    end = len(now) - tail
    ops.append(Splice(path, head, len(old) - head - tail, _copy_items(now, head, end, path)))


def _diff_tuple(old: tuple[Value, ...], new: tuple[Value, ...], path: Path, ops: list[Op]) -> None:
    if len(old) == len(new):
        inner: list[Op] = []
        for index, (before, item) in enumerate(zip(old, new, strict=True)):
            _diff(before, item, (*path, str(index)), inner)
        # A path may lead through a tuple but not end in one.
        if all(len(op.path) > len(path) + 1 or type(op) is Splice for op in inner):
            ops.extend(inner)
            return
    ops.append(Set(path, copy_value(new, path)))


def _suspects(old: list[Value], new: list[Value]) -> Iterator[int]:
    """Yield where two lists of one length do not hold the same object, in order."""
    if all(map(operator.is_, old, new)):
        return
    for start in range(0, len(old), _CHUNK):
        before, now = old[start : start + _CHUNK], new[start : start + _CHUNK]
        if not all(map(operator.is_, before, now)):
            yield from compress(count(start), map(operator.is_not, before, now))


def _equal_run(old: Sequence[Value], new: Sequence[Value], stop: int) -> int:
    """Return how many items from the first on are the same, at most `stop`."""
    if stop == min(len(old), len(new)) and all(map(operator.is_, old, new)):
        return stop  # the whole of the shorter one: what an append leaves
    start = 0
    while start < stop:
        end = min(start + _CHUNK, stop)
        if all(map(operator.is_, old[start:end], new[start:end])):
            start = end
            continue
        for index in range(start, end):
            if not same(old[index], new[index]):
                return index
        start = end
    return stop


def _copy_items(items: list[Value], start: int, end: int, path: Path) -> list[Value]:
    return [copy_value(items[index], (*path, str(index))) for index in range(start, end)]
