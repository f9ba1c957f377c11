"""The shape of the state tree: what the node of a component holds, and how a path leads to it.

    {"vars": {name: value},          what user code assigned
     "calls": {key: record},         of a work; a flow keeps its schedules here
     "status": {...},                of a work alone
     "process": {...},               likewise: where it runs, {} while it does not
     "works": {name: node},          the components below, by kind
     "flows": {name: node},
     "structures": {name: node},
     "app_state": {"stage": ...}}    at the root alone

So the work `w` in the root's structure `pool` has its variable `loss` at
("structures", "pool", "works", "w", "vars", "loss").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from lightgrid.state.delta import Op, Path, Set
from lightgrid.state.values import Value

VARS: Final = "vars"
CALLS: Final = "calls"
STATUS: Final = "status"
PROCESS: Final = "process"
WORKS: Final = "works"
FLOWS: Final = "flows"
STRUCTURES: Final = "structures"
APP_STATE: Final = "app_state"

#: What holds the nodes below a node, in the order in which components are walked.
CHILDREN: Final = (WORKS, FLOWS, STRUCTURES)


def component_depth(path: Path) -> int:
    """Return how many segments of a path lead from the root to a component's node."""
    depth = 0
    while depth + 1 < len(path) and path[depth] in CHILDREN:
        depth += 2
    return depth


def depth_in_variables(path: Path) -> int:
    """Return how many segments a path leads into a node's variables, the variable's name included.

    0 for a path to anything else.
    """
    depth = component_depth(path)
    return len(path) - depth - 1 if path[depth : depth + 1] == (VARS,) else 0


def works_below(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the nodes of all works, by the names under which people know them: "pool.w"."""
    for key, work in node.get(WORKS, {}).items():
        yield f"{prefix}{key}", work
    for group in (FLOWS, STRUCTURES):
        for key, below in node.get(group, {}).items():
            yield from works_below(below, f"{prefix}{key}.")


def cut(value: Value) -> list[Op]:
    """Return ops that set the empty path to a value, a tree cut at each `vars`.

    So each op's value is as deep as one component's variables, however deep
    the components are nested.
    """
    return list(_cut((), value))


def _cut(path: Path, value: Value) -> Iterator[Op]:
    if not (isinstance(value, dict) and any(key in value for key in (VARS, *CHILDREN))):
        yield Set(path, value)
        return
    # The keys keep their order: the skeleton has them all.
    emptied = [key for key in (VARS, *CHILDREN) if value.get(key) and isinstance(value[key], dict)]
    yield Set(path, {key: {} if key in emptied else item for key, item in value.items()})
    for key in emptied:
        if key == VARS:
            yield Set((*path, key), value[key])
        else:
            for name, child in value[key].items():
                yield from _cut((*path, key, name), child)
