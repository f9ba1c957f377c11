"""Finding changes: the ops that lead from one value to another.

Written for comparing a live container with a private copy of what was last
told of it. The two share their leaves and no container: an unchanged leaf is the
same object in both, so that whole stretches of a list are passed over in C. Values
are compared only where the objects differ, and strictly: 1, 1.0 and True are three values.

There are two ways to look. A strict look asks of each item whether it is the same
object, which takes a call per item. A glance compares two lists by `==`, which asks that
first, too, but without a call: for a million items it takes 2 ms and not 35. But `==`
takes 1, 1.0 and True for equal, and 0.0 and -0.0, and believes what items of other classes
say of themselves. So a glance may pass over a change, and whoever glances has to look
strictly now and then: the change is then found late, and not lost.

Lists are compared by their equal head and tail; what lies between is one
splice, or item by item when it has the same length. A longest common
subsequence would sometimes find a shorter delta, at quadratic cost.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, count, repeat
from typing import Final

from lightgrid.state.delta import Op, Path, Remove, Set, Splice
from lightgrid.state.values import SCALAR_TYPES, Value, copy_for_op, copy_value, kind_of, same

#: From this many changed items on, a stretch of a list in which most items changed
#: is told as one splice: an op for each would be larger and slower.
_STRETCH: Final = 8
_CHUNK: Final = 1024
#: A list longer than this that is mostly new is told whole.
_LONG: Final = 1000
_SAMPLE: Final = 64
_ABSENT: Final = object()


def diff(old: Value, new: Value, path: Path = ()) -> list[Op]:
    """Return the ops that make `old` the same as `new`.

    Args:
        old: Plain, and changed by no one else meanwhile.
        new: Anything; another thread may change it meanwhile, in which case
            the result is a state that its containers had one after the other.
        path: Where both are; the ops start there.

    Raises:
        UnsupportedValueError: A changed part of `new` cannot be state.

    Cost: one pass over the containers, at C speed over stretches of unchanged leaves.
    """
    ops: list[Op] = []
    _diff(old, new, path, ops, strict=True)
    return ops


def diff_variables(
    old: dict[str, Value], new: dict[str, Value], names: Iterable[str], *, strict: bool = True
) -> list[Op]:
    """Return the ops that bring the named variables of `old` up to those of `new`.

    Args:
        old: As for `diff`.
        new: As for `diff`.
        names: Which variables.
        strict: Find all changes. A glance, without it, may miss list items that became
            equal ones, and is the faster the longer a list is.

    Raises:
        UnsupportedValueError: As `diff`.
    """
    ops: list[Op] = []
    for name in names:
        if name not in new:
            if name in old:
                ops.append(Remove((name,)))
        elif name in old:
            _diff(old[name], new[name], (name,), ops, strict=strict)
        else:
            ops.append(Set((name,), copy_for_op(new[name], (name,))))
    return ops


def _diff(old: Value, new: Value, path: Path, ops: list[Op], *, strict: bool) -> None:
    if old is new and not isinstance(new, dict | list | tuple):
        return
    kind = kind_of(new)
    if kind is not kind_of(old):
        if kind is object and same(old, new):
            return
        ops.append(Set(path, copy_for_op(new, path)))
    elif kind is dict:
        _diff_dict(old, new, path, ops, strict=strict)
    elif kind is list:
        _diff_list(old, new, path, ops, strict=strict)
    elif kind is tuple:
        _diff_tuple(old, new, path, ops, strict=strict)
    elif not same(old, new):
        ops.append(Set(path, copy_for_op(new, path)))


def _diff_dict(
    old: dict[str, Value], new: dict[str, Value], path: Path, ops: list[Op], *, strict: bool
) -> None:
    now = dict.copy(new)  # one C call: no other thread can change it under our feet
    before: Iterable[Value]
    if len(now) == len(old) and all(map(operator.is_, now, old)):
        before = old.values()  # key by key the same: looking each up takes four times as long
    else:
        before = map(old.get, now, repeat(_ABSENT))
    suspects = list(compress(now, map(operator.is_not, now.values(), before)))
    added = [key for key in suspects if key not in old]
    if len(old) > len(now) - len(added):
        ops.extend(Remove((*path, key)) for key in old if key not in now)
    for key in suspects:
        if key in old:
            _diff(old[key], now[key], (*path, key), ops, strict=strict)
        else:
            copy_value({key: None}, path)  # the key itself may be unfit
            ops.append(Set((*path, key), copy_for_op(now[key], (*path, key))))


def _diff_list(
    old: list[Value], new: list[Value], path: Path, ops: list[Op], *, strict: bool
) -> None:
    if not strict and type(new) is list and _are_equal(old, new):
        return
    now = list.copy(new)
    if len(old) == len(now):
        if len(old) <= _CHUNK and all(map(operator.is_, old, now)):
            return  # there may be very many that are short
        if len(now) > _LONG and _mostly_differ(old, now):
            # Mostly new: told as one value it is packed, and looked at by no one item by item.
            ops.append(Set(path, copy_for_op(now, path)))
            return
        inner: list[Op] = []
        suspects = list(_suspects(old, now, strict=strict))
        for index in suspects:
            _diff(old[index], now[index], (*path, str(index)), inner, strict=strict)
        if len(inner) <= _STRETCH or 2 * len(inner) < suspects[-1] - suspects[0]:
            ops.extend(inner)
            return
    shorter = min(len(old), len(now))
    head = _equal_run(old, now, shorter, strict=strict)
    rest = shorter - head  # none after an append, which then costs no reversed copies
    tail = _equal_run(
        old[len(old) - rest :][::-1], now[len(now) - rest :][::-1], rest, strict=strict
    )
    end = len(now) - tail
    ops.append(Splice(path, head, len(old) - head - tail, _copy_items(now, head, end, path)))


def _diff_tuple(
    old: tuple[Value, ...], new: tuple[Value, ...], path: Path, ops: list[Op], *, strict: bool
) -> None:
    if len(old) == len(new):
        inner: list[Op] = []
        now = tuple(new)
        for index in _suspects(old, now, strict=strict):
            _diff(old[index], now[index], (*path, str(index)), inner, strict=strict)
        # A path may lead through a tuple but not end in one.
        if all(len(op.path) > len(path) + 1 or type(op) is Splice for op in inner):
            ops.extend(inner)
            return
    ops.append(Set(path, copy_for_op(new, path)))


def _suspects(old: Sequence[Value], new: Sequence[Value], *, strict: bool) -> Iterator[int]:
    """Yield where two lists of one length do not hold the same object, in order.

    Chunk by chunk: what a slice has touched is still in the processor's cache when
    its items are asked for, which in a list of a million takes half the time.
    """
    for start in range(0, len(old), _CHUNK):
        before, now = old[start : start + _CHUNK], new[start : start + _CHUNK]
        if not _is_same_run(before, now, strict=strict):
            yield from compress(count(start), map(operator.is_not, before, now))


def _mostly_differ(old: list[Value], new: list[Value]) -> bool:
    """Tell whether two lists of one length differ in most items.

    A sample says so for values. It alone would take the column of a matrix for the whole, and
    other objects alone would take lists of containers for changed ones.
    """
    step = max(1, len(old) // _SAMPLE)
    sample = list(map(same, old[::step], new[::step]))
    return 2 * sum(sample) < len(sample) and 2 * sum(map(operator.is_not, old, new)) > len(new)


def _equal_run(old: Sequence[Value], new: Sequence[Value], stop: int, *, strict: bool) -> int:
    """Return how many items from the first on are the same, at most `stop`."""
    for start in range(0, stop, _CHUNK):
        end = min(start + _CHUNK, stop)
        if not _is_same_run(old[start:end], new[start:end], strict=strict):
            for index in range(start, end):
                if not same(old[index], new[index]):
                    return index
    return stop


def _is_same_run(old: Sequence[Value], new: Sequence[Value], *, strict: bool) -> bool:
    """Tell, without a look at each item, whether two stretches of one length are the same."""
    if not strict:
        return _are_equal(old, new)
    if all(map(operator.is_, old, new)):
        return True
    # Other objects may be the same values, as when a list is made anew. What `==` overlooks
    # are types, and the two zeros.
    return (
        type(old[0]) in SCALAR_TYPES
        and _are_equal(old, new)
        and SCALAR_TYPES.issuperset(kinds := list(map(type, old)))
        and kinds == list(map(type, new))
        and 0.0 not in old
    )


def _are_equal(old: Sequence[Value], new: Sequence[Value]) -> bool:
    try:
        return bool(old == new)
    except Exception:  # of an item that cannot be state: an array has no truth value
        return False


def _copy_items(items: list[Value], start: int, end: int, path: Path) -> list[Value]:
    return [copy_value(items[index], (*path, str(index))) for index in range(start, end)]
