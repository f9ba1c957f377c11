"""When two run calls are the same call.

A call's key is SHA-256 over its arguments in one canonical form. Order counts
but for dict keys and keyword arguments; 1, 1.0 and True differ, so do a list
and a tuple. A pickle would not do: equal values can have unequal pickles.
"""

from __future__ import annotations

import dataclasses
import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from pathlib import PurePath
from typing import Any, Final

from lightgrid.errors import ComponentError
from lightgrid.state.advice import advice_on
from lightgrid.state.values import as_number, kind_of

#: The key of a call without arguments.
NO_ARGUMENTS: Final = hashlib.sha256(b"k").hexdigest()

_Put = Callable[[bytes], None]


def call_key(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the key of a call: 64 hex digits.

    An argument that is no state value takes part by its type and its content,
    where that is well defined: a dataclass by its fields, an array or a
    dataframe by shape, types and bytes, a set, a path, an enum's member, and
    anything else by what its `__call_key__()` returns.

    Raises:
        ComponentError: An argument has no key; the error names it.
    """
    if not args and not kwargs:
        return NO_ARGUMENTS
    parts: list[bytes] = []
    put = parts.append
    where: int | str = 0
    try:
        for where in range(1, len(args) + 1):
            _feed(args[where - 1], put)
        put(b"k")
        for where in sorted(kwargs):
            _feed(where, put)
            _feed(kwargs[where], put)
    except _HasNoKeyError as error:
        raise ComponentError(
            f"argument {where}: a {error} has no key by which equal calls are known. {error.advice}"
        ) from None
    except RecursionError:
        raise ComponentError(f"argument {where} is nested too deep, or contains itself") from None
    return hashlib.sha256(b"".join(parts)).hexdigest()


class _HasNoKeyError(TypeError):
    """Something has no content that could be told."""

    def __init__(self, value: object, what: str = "") -> None:
        super().__init__(what or _name_of(type(value)))
        advice = advice_on(value)
        self.advice = f"Instead, {advice}" if advice else _ADVICE


_ADVICE: Final = (
    "Give the class a method __call_key__() that returns a state value, make it a dataclass, or "
    "pass what identifies it instead"
)


def _feed(value: Any, put: _Put) -> None:
    """Write a value so that different values never are written alike.

    Each begins with a letter for its kind and tells where it ends.
    """
    kind = kind_of(value)
    if value is None:
        put(b"N")
    elif kind is bool:
        put(b"T" if value else b"F")
    elif kind is int:
        put(b"i%x." % value)
    elif kind is float:
        # There are many NaN, and which of them it is means nothing.
        put(b"f" + struct.pack("<d", value) if value == value else b"n")
    elif kind is str:
        text = str.encode(value, "utf-8", "surrogatepass")
        put(b"s%d:%b" % (len(text), text))
    elif kind is bytes:
        put(b"b%d:" % len(value))
        put(bytes(value))
    elif kind is dict:
        pairs = [_encoded(key) + _encoded(item) for key, item in dict.items(value)]
        _put_all(b"d", sorted(pairs), put)
    elif kind is list or kind is tuple:
        put(b"%s%d:" % (b"l" if kind is list else b"t", len(value)))
        for item in value:
            _feed(item, put)
    else:
        _feed_object(value, put)


def _feed_object(value: Any, put: _Put) -> None:
    """Write the type of an object, and what it holds."""
    number = as_number(value)
    if number is not None:  # as which it travels
        _feed(number, put)
        return
    kind = type(value)
    put(b"o")
    _feed(_name_of(kind), put)
    if hasattr(kind, "__call_key__"):
        _feed(value.__call_key__(), put)
    elif dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            _feed(field.name, put)
            _feed(getattr(value, field.name), put)
    elif isinstance(value, PurePath):
        _feed(str(value), put)
    elif isinstance(value, Enum):
        _feed(value.name, put)
    elif isinstance(value, set | frozenset):
        _put_all(b"S", sorted(map(_encoded, value)), put)
    elif hasattr(value, "dtype") and hasattr(value, "tobytes"):
        _feed_array(value, put)
    elif hasattr(value, "axes") and hasattr(value, "to_numpy"):
        _feed_frame(value, put)
    else:
        _feed_buffer(value, put)


def _feed_array(value: Any, put: _Put) -> None:
    """Write an array of numpy, or one of its scalars.

    A buffer would not do: there is none of dates. The bytes are those of the
    items in order, however they lie in memory.
    """
    if value.dtype.hasobject:
        raise _HasNoKeyError(value, "numpy array of objects")
    _feed([repr(value.dtype.descr), list(value.shape), value.tobytes()], put)
    _feed(getattr(value, "mask", None), put)


def _feed_frame(value: Any, put: _Put) -> None:
    """Write a dataframe or series of pandas: its labels, and each column with its type."""
    index, *columns = value.axes
    for labels in (index, *columns):
        _feed(list(labels.names), put)
        _feed_column(labels, put)
    if columns:
        for position in range(len(columns[0])):
            _feed_column(value.iloc[:, position], put)
    else:
        _feed(value.name, put)
        _feed_column(value, put)


def _feed_column(column: Any, put: _Put) -> None:
    _feed(str(column.dtype), put)
    items = column.to_numpy()
    _feed(items.tolist() if items.dtype.hasobject else items, put)


def _feed_buffer(value: Any, put: _Put) -> None:
    try:
        view = memoryview(value)
    except TypeError:
        raise _HasNoKeyError(value) from None
    if "O" in view.format or "P" in view.format:
        raise _HasNoKeyError(value, f"{_name_of(type(value))} of pointers")
    _feed([view.format, list(view.shape or ()), view.tobytes()], put)


def _encoded(value: Any) -> bytes:
    parts: list[bytes] = []
    _feed(value, parts.append)
    return b"".join(parts)


def _put_all(tag: bytes, encoded: Sequence[bytes], put: _Put) -> None:
    put(b"%s%d:" % (tag, len(encoded)))
    for one in encoded:
        put(one)


def _name_of(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
