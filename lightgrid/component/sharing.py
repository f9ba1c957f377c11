"""Containers that more than one place refers to.

Python code shares them as a matter of course: a mutable default, `self.a = self.b = []`,
`[[]] * 3`. Within a process that is the user's, and an alias goes on working. What
belongs to two processes may not be shared: a change of one would be one of the other.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from lightgrid.state.values import SCALAR_TYPES, Value, is_container, kind_of, same


def is_shared(holder: Any, key: Any) -> bool:
    """Tell whether anything but `holder` refers to the container at `key`, or to one inside.

    No variable may refer to the container when its references are counted: how
    many of these count is another matter in each version of Python.
    """
    shared = sys.getrefcount(holder[key]) > 2  # `holder`, and the argument itself
    container = holder[key]
    items = container.values() if isinstance(container, dict) else container
    is_flat = SCALAR_TYPES.issuperset(map(type, items))
    # Nothing can change in a flat tuple; the empty one and those that are written in code
    # have other owners as a matter of course.
    if shared and not (is_flat and isinstance(container, tuple)):
        return True
    keys = container if isinstance(container, dict) else range(len(container))
    return not is_flat and any(
        is_container(container[inner]) and is_shared(container, inner) for inner in keys
    )


def restored(made: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return variables with their values now, in the containers that `__init__` made.

    A work that keeps one of them elsewhere too, in a private attribute or in a second
    variable, has in its process what its `__init__` set up: one container.

    Args:
        made: Containers by the name of their variable; changed in place.
        values: All variables as they are now.

    Returns:
        Those containers, filled. Where two variables are one container and have come to
        differ, one of them has its value in a container of its own.
    """
    filled = {name: _filled(container, values[name]) for name, container in made.items()}
    return {
        name: filled[name] if name in filled and same(filled[name], value) else value
        for name, value in values.items()
    }


def _filled(old: Value, new: Value) -> Value:
    """Return `new`, in the containers of `old` as far as they are of its kinds."""
    kind = kind_of(new)
    if kind is not kind_of(old) or not is_container(new):
        return new
    if kind is dict:
        items = {key: _filled(old.get(key), item) for key, item in new.items()}
        old.clear()
        old.update(items)
        return old
    # Of a list that has grown or shrunk, no one can say which item is which.
    rows = list(map(_filled, old, new)) if len(old) == len(new) else list(new)
    if kind is tuple:
        return tuple(rows)
    old[:] = rows
    return old
