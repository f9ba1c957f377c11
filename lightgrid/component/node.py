"""The framework's side of a component: its place, its state names, what changed.

In the flow's process containers are kept out of the component's `__dict__`, in
`held`: reading one is the only way to change it in place, and a name that is
not in `__dict__` makes Python call `__getattr__`, which notes the reading. So a
run of the flow is followed by looking at what it has read, not at everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lightgrid.state.delta import Op, Path, Set, apply
from lightgrid.state.values import SCALAR_TYPES, Value, copy_value, is_container

if TYPE_CHECKING:
    from lightgrid.component.backend import Backend
    from lightgrid.component.component import Component


class Node:
    """The place of one component in its tree, and what is to be collected of it.

    Attributes:
        component: What this is the node of.
        key: Its name in its parent; "root" without one.
        parent: The component above it, if any.
        group: Which of the parent's groups it is in: "flows", "works" or "structures".
        names: The names of its state, in the order they were first set.
        dirty: Names assigned since the last collection. The value is the exact type
            of a scalar, which lets the same type be assigned again without a look.
        children: The components below it, by group and key.
        backend: What runs the app; None for components that stand alone.
    """

    __slots__ = (
        "backend",
        "children",
        "component",
        "dirty",
        "group",
        "held",
        "initializing",
        "key",
        "names",
        "notify",
        "parent",
        "touched",
    )

    def __init__(self, component: Component) -> None:
        self.component = component
        self.key = "root"
        self.parent: Component | None = None
        self.group = "flows"
        self.names: dict[str, None] = {}
        self.dirty: dict[str, type | None] = {}
        self.held: dict[str, Value] | None = None
        self.touched: set[str] = set()
        self.children: dict[str, dict[str, Component]] = {
            "flows": {}, "works": {}, "structures": {},
        }  # fmt: skip
        self.backend: Backend | None = None
        self.notify: Callable[[], None] | None = None
        self.initializing = 0

    # --- the tree ------------------------------------------------------------

    @property
    def name(self) -> str:
        """The dotted name of the component: "root", "root.w", "root.trainers.0"."""
        if self.parent is None:
            return self.key
        return f"{self.parent._lightgrid_node.name}.{self.key}"

    @property
    def place(self) -> Path:
        """The path of the component's node in the state tree."""
        if self.parent is None:
            return ()
        return (*self.parent._lightgrid_node.place, self.group, self.key)

    @property
    def vars_place(self) -> Path:
        """The path of the component's variables in the state tree."""
        return (*self.place, "vars")

    def walk(self) -> Iterator[Component]:
        """Yield the component and all below it, parents first, in order of name."""
        yield self.component
        for child in self.ordered_children():
            yield from child._lightgrid_node.walk()

    def ordered_children(self) -> Iterator[Component]:
        """Yield own works by name, then flows by name, then structures."""
        for group in ("works", "flows", "structures"):
            members = self.children[group]
            for key in sorted(members) if self.is_sorted else members:
                yield members[key]

    @property
    def is_sorted(self) -> bool:
        """Whether members come in order of name; those of a structure keep their own order."""
        return self.group != "structures"

    def adopt(self, group: str, key: str, child: Component) -> None:
        """Put a component below this one."""
        node = child._lightgrid_node
        node.parent, node.group, node.key = self.component, group, key
        self.children[group][key] = child
        if self.backend is not None:
            self.backend.attached(child)

    def give_up(self, child: Component) -> None:
        """Take a component out of the tree."""
        node = child._lightgrid_node
        if self.backend is not None:
            self.backend.detached(child)
        del self.children[node.group][node.key]
        node.parent, node.key = None, "root"

    # --- state ----------------------------------------------------------------

    def read(self, name: str) -> Value:
        """Return the value of a state name."""
        if self.held is not None and name in self.held:
            return self.held[name]
        return self.component._lightgrid_vars[name]

    def variables(self) -> dict[str, Value]:
        """Return all state, by name. The containers are the live ones."""
        return {name: self.read(name) for name in self.names}

    def store(self, name: str, value: Value) -> None:
        """Store a checked value, where its kind belongs."""
        if self.held is None or not is_container(value):
            self.component._lightgrid_vars[name] = value
            if self.held is not None:
                self.held.pop(name, None)
        else:
            self.held[name] = value
            self.component._lightgrid_vars.pop(name, None)

    def forget(self, name: str) -> None:
        """Take a name out of the state."""
        self.names.pop(name, None)
        self.component._lightgrid_vars.pop(name, None)
        if self.held is not None:
            self.held.pop(name, None)
        self.mark(name, None)

    def mark(self, name: str, kind: type | None) -> None:
        """Note that a name was assigned, and tell whoever collects."""
        self.dirty[name] = kind
        self.tell()

    def touch(self, name: str) -> Value:
        """Return a held container to code that may change it in place."""
        assert self.held is not None
        self.touched.add(name)
        self.tell()
        return self.held[name]

    def tell(self) -> None:
        """Tell whoever collects that there may be something."""
        if self.notify is not None:
            self.notify()

    def hold_containers(self) -> None:
        """Begin to note which containers are read."""
        if self.held is None:
            self.held = {}
            for name in self.names:
                self.store(name, self.component._lightgrid_vars[name])

    def take_changed_names(self) -> list[str]:
        """Return the names to look at, and begin anew.

        Names are taken before their values are read: one that is assigned
        meanwhile is then marked again, and none is missed.
        """
        names = set()
        while self.dirty:
            names.add(self.dirty.popitem()[0])
        if self.touched:
            names |= self.touched
            self.touched = {name for name in self.touched if self._is_aliased(name)}
        return sorted(names)

    def receive(self, ops: list[Op]) -> None:
        """Apply changes that a work made to its own variables, in the flow's process."""
        variables = self.component._lightgrid_vars
        for op in ops:
            if type(op) is Set and len(op.path) == 1:
                value = op.value
                if type(value) in SCALAR_TYPES:
                    name = op.path[0]
                    variables[name] = value
                    if self.held and name in self.held:
                        del self.held[name]
                else:
                    self.store(op.path[0], copy_value(value))
            else:
                apply(self.held if self.held is not None else variables, (op,))

    def _is_aliased(self, name: str) -> bool:
        """Whether someone but us still refers to a container or to one inside it.

        Such code can change it without reading it from the component again, so
        the container stays one to be looked at after each run.
        """
        assert self.held is not None
        container = self.held.get(name)
        return container is not None and _has_other_owner(container, _OWN_REFERENCES)


#: What `sys.getrefcount` counts for a container that only `held` refers to: `held`,
#: the variables of the two functions below, and the argument itself.
_OWN_REFERENCES = 4
#: The same for a container inside another: its parent, the loop's and the function's
#: variable, and the argument.
_INNER_REFERENCES = 4


def _has_other_owner(container: Any, own: int) -> bool:
    if sys.getrefcount(container) > own:
        return True
    if not isinstance(container, dict | list | tuple):
        return False
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, dict | list | tuple) and _has_other_owner(item, _INNER_REFERENCES):
            return True
    return False
