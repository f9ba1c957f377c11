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
from typing import Any

from lightgrid.errors import ComponentError
from lightgrid.state.values import kind_of


def call_key(work: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Return the key of a call: 64 hex digits.

    An argument that is no state value takes part by its content where that is
    well defined: a dataclass by its type and fields, an array or a dataframe by
    type, shape and bytes, anything else by what its `__call_key__()` returns.

    Raises:
        ComponentError: An argument has no key; the error names it.
    """
    if not args and not kwargs:
        return _NO_ARGUMENTS
    parts: list[bytes] = []
    for index, argument in enumerate(args):
        _feed(argument, parts.append, f"{work}.run(): argument {index + 1}")
    parts.append(b"k")
    for name in sorted(kwargs):
        _feed(name, parts.append, "")
        _feed(kwargs[name], parts.append, f"{work}.run(): argument {name}")
    return hashlib.sha256(b"".join(parts)).hexdigest()


_NO_ARGUMENTS = hashlib.sha256(b"k").hexdigest()


def _feed(value: Any, put: Callable[[bytes], None], where: str) -> None:
    """Write a value so that different values never are written alike."""
    kind = kind_of(value)
    if value is None:
        put(b"N")
    elif kind is bool:
        put(b"T" if value else b"F")
    elif kind is int:
        _put_sized(b"i", b"%d" % value, put)
    elif kind is float:
        put(b"f" + struct.pack("<d", value))
    elif kind is str:
        _put_sized(b"s", value.encode("utf-8", "surrogatepass"), put)
    elif kind is bytes:
        _put_sized(b"b", bytes(value), put)
    elif kind is dict:
        put(b"d%d:" % len(value))
        for key, item in sorted(value.items(), key=lambda pair: _sort_key(pair[0])):
            _feed(key, put, where)
            _feed(item, put, where)
    elif kind is list or kind is tuple:
        put(b"%s%d:" % (b"l" if kind is list else b"t", len(value)))
        for item in value:
            _feed(item, put, where)
    else:
        _feed_object(value, put, where)


def _feed_object(value: Any, put: Callable[[bytes], None], where: str) -> None:
    kind = type(value)
    _put_sized(b"o", f"{kind.__module__}.{kind.__qualname__}".encode(), put)
    if hasattr(kind, "__call_key__"):
        _feed(value.__call_key__(), put, where)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            _feed(field.name, put, where)
            _feed(getattr(value, field.name), put, where)
    elif kind.__module__.partition(".")[0] == "pandas" and hasattr(value, "to_numpy"):
        _feed_frame(value, put, where)
    else:
        _feed_buffer(value, put, where)


def _feed_frame(value: Any, put: Callable[[bytes], None], where: str) -> None:
    """Write a pandas object: its labels, its types, and each column."""
    _feed([repr(index) for index in value.axes], put, where)
    for column in value.columns if hasattr(value, "columns") else [None]:
        data = value if column is None else value[column]
        _feed(str(data.dtype), put, where)
        _feed(data.tolist(), put, where)


def _feed_buffer(value: Any, put: Callable[[bytes], None], where: str) -> None:
    try:
        view = memoryview(value)
        if "O" in view.format or "P" in view.format:
            raise TypeError("pointers have no content")
        _feed([view.format, list(view.shape or ()), view.tobytes()], put, where)
    except (TypeError, ValueError, BufferError):
        kind = type(value)
        raise ComponentError(
            f"{where}: a {kind.__module__}.{kind.__qualname__} has no key by which equal calls "
            "are known. Give the class a method __call_key__() that returns a state value, "
            "make it a dataclass, or pass what identifies it instead"
        ) from None


def _put_sized(tag: bytes, content: bytes, put: Callable[[bytes], None]) -> None:
    put(b"%s%d:" % (tag, len(content)))
    put(content)


def _sort_key(key: object) -> tuple[str, str]:
    return type(key).__name__, str(key)
