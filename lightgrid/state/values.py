"""What can be state.

A value is None, bool, int (64 bit), float, str, bytes, list, tuple or a dict
with str keys, nested at most `MAX_DEPTH` deep. Instances of subclasses are
values too and travel as their base type (training code assigns np.float64), and
the other numbers of numpy as the number of Python's that their `item()` is.

Leaves are shared between copies, containers never are. A leaf that is the very
same object is therefore an unchanged one, which is what makes comparing a
large container with its last copy cheap (see `diff`).
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from math import copysign
from typing import Any, Final

from lightgrid.errors import UnsupportedValueError
from lightgrid.state.advice import advice_on

#: Any state value. The alias is open because nested generics of it would be
#: checked at each leaf access; `check_value` is what holds it.
Value = Any

MAX_DEPTH: Final = 24
#: How deep a state tree nests, the components around the variables included. It
#: only keeps recursion bounded: `MAX_DEPTH` is what holds for a variable.
MAX_TREE_DEPTH: Final = 128
MIN_INT: Final = -(2**63)
MAX_INT: Final = 2**63 - 1

#: Types whose instances no one can change in place.
SCALAR_TYPES: Final = frozenset({type(None), bool, int, float, str, bytes})
_CONTAINER_TYPES: Final = (dict, list, tuple)


def is_container(value: Value) -> bool:
    """Tell whether a value holds others."""
    return isinstance(value, _CONTAINER_TYPES)


def check_value(value: object, path: tuple[str, ...] = ()) -> None:
    """Refuse what cannot be state.

    Args:
        value: Anything.
        path: Where it is; the error names it and what lies below it.

    Raises:
        UnsupportedValueError: With the path of the first part that cannot be state.

    Cost: one pass over the value; a list of one scalar type is checked at C speed.
    """
    if not _is_free(value):
        _check(value, path)


def copy_value(value: Value, path: tuple[str, ...] = (), max_depth: int = MAX_DEPTH) -> Value:
    """Return a copy that shares leaves but no container; containers become plain.

    Each container is copied by one C call, so that another thread may change
    the value meanwhile without breaking the copy.

    Raises:
        UnsupportedValueError: A part of it cannot be state.
    """
    return _copy(value, path, max_depth)


class Numbers(list[Value]):
    """A list of floats alone or of ints alone, as the value of an op, which nobody changes.

    To find out what a list holds takes as long as ten copies of it. Of these it is known:
    copying, counting and packing one takes no look at its items.
    """

    __slots__ = ()


def copy_for_op(value: Value, path: tuple[str, ...]) -> Value:
    """Return a copy as `copy_value` does, but a list of numbers as `Numbers`."""
    if kind_of(value) is not list:
        return _copy(value, path, MAX_DEPTH)
    _check_depth(path, MAX_DEPTH)
    items = list(value)
    kinds = set(map(type, items))
    copied = _copy_items(items, kinds, path, MAX_DEPTH)
    return Numbers(copied) if kinds in _NUMBER_KINDS else copied


def copy_of_op(value: Value, path: tuple[str, ...]) -> Value:
    """Return a copy of an op's value, for the tree or variables it goes into."""
    if type(value) is Numbers:
        return list(value)
    return _copy(value, path, MAX_TREE_DEPTH)


def same(a: Value, b: Value) -> bool:
    """Tell whether two values are the same value of the same type.

    Unlike `==`: 1, 1.0 and True differ, 0.0 and -0.0 differ, NaN equals NaN.
    The order of a dict's keys does not count. Another thread may change `b`
    meanwhile, in which case either answer may come.

    Args:
        a: A plain value.
        b: Anything: a value as user code has it.
    """
    if a is b:
        return True
    kind = kind_of(a)
    if kind is not kind_of(b):
        number = as_number(b)
        return number is not None and same(a, number)
    if kind is float:
        if a == b:
            return bool(a) or copysign(1.0, a) == copysign(1.0, b)
        return bool(a != a and b != b)
    if kind is dict:
        return len(a) == len(b) and all(same(item, b.get(key, _ABSENT)) for key, item in a.items())
    if kind is list or kind is tuple:
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def kind_of(value: Value) -> type:
    """Return the value type that a value is, or is a subclass of; `object` for none."""
    kind = type(value)
    if kind in _KINDS:
        return kind
    for base in _KINDS:  # a bool cannot be subclassed, so int before bool is no trap
        if isinstance(value, base):
            return base
    return object


def as_number(value: object) -> bool | int | float | None:
    """Return the number that a scalar of numpy is; None for anything else.

    For what has no value type: of all others this is slow. An array is no number, not
    even one of no dimensions, which can change in place.
    """
    numpy = sys.modules.get("numpy")  # who has a scalar of it has imported it
    if numpy is None or not isinstance(value, numpy.generic):
        return None
    number = value.item()
    # Of dates, complex numbers and very long floats it is something else.
    return number if type(number) in (bool, int, float) else None


def type_name(value: object) -> str:
    """Return the name of a value's type as people write it: "set", "numpy.ndarray"."""
    kind = type(value)
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return f"{prefix}{kind.__qualname__}"


def count_nodes(value: Value) -> int:
    """Count the leaves and containers of a value."""
    if isinstance(value, dict):
        return 1 + sum(map(count_nodes, value.values()))
    if isinstance(value, list | tuple):
        if type(value) is Numbers:
            return 1 + len(value)
        if SCALAR_TYPES.issuperset(map(type, value)):
            return 1 + len(value)
        return 1 + sum(map(count_nodes, value))
    return 1


def memory_of(value: Value) -> int:
    """Return about how many bytes of memory a value takes, for bounds.

    Cost: one pass over the value, at C speed over a list of numbers or of text.
    """
    kind = type(value)
    if kind in _SMALL_TYPES:
        return _OBJECT_BYTES
    if kind is str or kind is bytes:
        return _OBJECT_BYTES + len(value)
    items: Collection[Value]
    if isinstance(value, dict):
        size_bytes, items = _OBJECT_BYTES + sum(map(len, value)), value.values()
    elif isinstance(value, list | tuple):
        size_bytes, items = _OBJECT_BYTES, value
    else:
        return _OBJECT_BYTES + (len(value) if isinstance(value, str | bytes) else 0)
    if kind is Numbers or _SMALL_TYPES.issuperset(map(type, items)):
        return size_bytes + _OBJECT_BYTES * len(value)
    return size_bytes + sum(map(memory_of, items))


#: What an object takes beside its content, and its place in a container, roughly.
_OBJECT_BYTES: Final = 48
_SMALL_TYPES: Final = frozenset({type(None), bool, int, float})
_KINDS: Final = (*SCALAR_TYPES, *_CONTAINER_TYPES)
_ABSENT: Final = object()


def _check(value: object, path: tuple[str, ...]) -> None:
    if isinstance(value, dict):
        _check_depth(path, MAX_DEPTH)
        for key, item in dict.copy(value).items():
            _check_key(key, path)
            _check(item, (*path, key))
    elif isinstance(value, list | tuple):
        _check_depth(path, MAX_DEPTH)
        items = list(value)
        if not _are_free(items, set(map(type, items))):
            for index, item in enumerate(items):
                if not _is_free(item):
                    _check(item, (*path, str(index)))
    else:
        _checked_scalar(value, path)


def _copy(value: Value, path: tuple[str, ...], max_depth: int) -> Value:
    if _is_free(value):
        return value
    if isinstance(value, dict):
        _check_depth(path, max_depth)
        # One C call: a dict that another thread changes cannot be iterated. It
        # gives a plain dict for subclasses too.
        copied = dict.copy(value)
        for key, item in copied.items():
            if type(key) is not str or not key.isascii():
                _check_key(key, path)
            if not _is_free(item):
                copied[key] = _copy(item, (*path, key), max_depth)
        return copied
    if isinstance(value, list | tuple):
        _check_depth(path, max_depth)
        items = list(value)
        items = _copy_items(items, set(map(type, items)), path, max_depth)
        return items if isinstance(value, list) else tuple(items)
    return _checked_scalar(value, path)


def _copy_items(
    items: list[Value], kinds: set[type], path: tuple[str, ...], max_depth: int
) -> list[Value]:
    """Put copies in the places of items that need one."""
    if not _are_free(items, kinds):
        for index, item in enumerate(items):
            if not _is_free(item):
                items[index] = _copy(item, (*path, str(index)), max_depth)
    return items


#: Exact types that need no look at the value. An int can be too large and a
#: str can hold a lone surrogate, which no UTF-8 can carry.
_FREE_BASES: Final = (bool, float, bytes)
_FREE_TYPES: Final = frozenset({type(None), *_FREE_BASES})
#: What a list holds that can be `Numbers`.
_NUMBER_KINDS: Final = ({float}, {int})


def _is_free(value: object) -> bool:
    kind = type(value)
    if kind is int:
        return MIN_INT <= value <= MAX_INT  # type: ignore[operator]
    if kind is str:
        return value.isascii()  # type: ignore[attr-defined, no-any-return]
    return kind in _FREE_TYPES


def _are_free(items: list[Value], kinds: set[type]) -> bool:
    if kinds == {int}:
        return bool(min(items) >= MIN_INT and max(items) <= MAX_INT)
    if kinds == {str}:
        return all(map(str.isascii, items))
    return kinds <= _FREE_TYPES


def _checked_scalar(value: Value, path: tuple[str, ...]) -> Value:
    """Return what a scalar travels as."""
    if value is None or isinstance(value, _FREE_BASES):
        return value
    if isinstance(value, int):
        if not MIN_INT <= value <= MAX_INT:
            raise UnsupportedValueError(
                path, f"{_shown(value)} is outside the range of 64-bit integers"
            )
        return value
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as error:
                raise UnsupportedValueError(
                    path, f"the text cannot be encoded as UTF-8: {error.reason}"
                ) from None
        return value
    number = as_number(value)
    if number is not None:
        return _checked_scalar(number, path)
    advice = advice_on(value)
    raise UnsupportedValueError(
        path,
        f"a value of type {type_name(value)} cannot be state{f': {advice}' if advice else ''}. "
        "State is None, bool, int, float, str, bytes, list, tuple or dict with str keys",
    )


def _check_key(key: object, path: tuple[str, ...]) -> None:
    if not isinstance(key, str):
        raise UnsupportedValueError(
            path, f"the key {key!r} is no str. Use str({key!r}), which is {str(key)!r}"
        )
    _checked_scalar(key, (*path, key))


def _check_depth(path: tuple[str, ...], max_depth: int) -> None:
    # A variable's own path has one segment, so the length is the depth.
    if len(path) > max_depth:
        raise UnsupportedValueError(path, f"nested more than {max_depth} deep")


def _shown(number: int) -> str:
    # str() of a huge int raises, and nobody reads 4,000 digits.
    return str(number) if number.bit_length() < 200 else f"an int of {number.bit_length()} bits"
