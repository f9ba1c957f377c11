"""The framework's side of a component: its place, its state names, what changed.

In the flow's process containers are kept out of the component's `__dict__`, in
`held`: reading one is the only way to change it in place, and a name that is
not in `__dict__` makes Python call `__getattr__`, which notes the reading. So a
run of the flow is followed by looking at what it has read, not at everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lightgrid.component.held import Held, HeldOfWork, Lent
from lightgrid.errors import ComponentError, UnsupportedValueError, place_of, short_name
from lightgrid.state.delta import Assignments, Op, Path, Set, apply
from lightgrid.state.layout import FLOWS, STRUCTURES, VARS, WORKS
from lightgrid.state.values import SCALAR_TYPES, Value, copy_of_op, is_container

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
        held: Containers by name, in the flow's process; None in others.
        initializing: Whether `__init__` is running: new names may still appear.
        notify: Called when there may be something to collect.
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
    )

    def __init__(self, component: Component) -> None:
        self.component = component
        self.key = "root"
        self.parent: Component | None = None
        self.group = FLOWS
        self.names: dict[str, None] = {}
        self.dirty: dict[str, type | None] = {}
        self.held: Held | None = None
        self.children: dict[str, dict[str, Component]] = {
            FLOWS: {}, WORKS: {}, STRUCTURES: {},
        }  # fmt: skip
        self.backend: Backend | None = None
        self.notify: Callable[[], None] | None = None
        self.initializing = True

    # --- the tree ------------------------------------------------------------

    @property
    def name(self) -> str:
        """The dotted name of the component: "root", "root.w", "root.trainers.0"."""
        if self.parent is None:
            return self.key
        return f"{self.parent._lightgrid_node.name}.{self.key}"

    @property
    def label(self) -> str:
        """What errors call the component: its name, or its class while it is in no tree."""
        if self.parent is None and self.key == "root":
            return type(self.component).__name__
        return short_name(self.name)

    @property
    def place(self) -> Path:
        """The path of the component's node in the state tree."""
        if self.parent is None:
            return ()
        return (*self.parent._lightgrid_node.place, self.group, self.key)

    @property
    def vars_place(self) -> Path:
        """The path of the component's variables in the state tree."""
        return (*self.place, VARS)

    def walk(self) -> Iterator[Component]:
        """Yield the component and all below it: parents first, each one's children in order."""
        yield self.component
        for child in self.component._lightgrid_children():
            yield from child._lightgrid_node.walk()

    def child(self, key: str) -> Component | None:
        """Return the component below this one that has a name, if any."""
        return next((group[key] for group in self.children.values() if key in group), None)

    def check_is_free(self, key: str, child: Component) -> None:
        """Refuse to have a component below this one that is somewhere already.

        Raises:
            ComponentError: It has a parent, or this component is it or below it.
        """
        if child._lightgrid_node.parent is not None:
            raise ComponentError(
                f"{self.label}.{key}: the component already is {child._lightgrid_node.label}; "
                "one place is enough"
            )
        above: Component | None = self.component
        while above is not None:
            if above is child:
                raise ComponentError(f"{self.label}.{key}: a component cannot be inside itself")
            above = above._lightgrid_node.parent

    def adopt(self, group: str, key: str, child: Component) -> None:
        """Put a component below this one.

        Raises:
            ComponentError: See `check_is_free`.
        """
        self.check_is_free(key, child)
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
        node.parent, node.group, node.key = None, FLOWS, "root"

    # --- state ----------------------------------------------------------------

    def read(self, name: str) -> Value:
        """Return the value of a state name."""
        if self.held is not None and name in self.held:
            return self.held[name]
        return self.component._lightgrid_vars[name]

    def variables(self) -> dict[str, Value]:
        """Return all state, by name. The containers are the live ones."""
        held: Mapping[str, Value] = self.held or {}
        others = self.component._lightgrid_vars
        return {name: held[name] if name in held else others[name] for name in self.names}

    def assign(self, name: str, value: Value) -> None:
        """Store a checked value that code assigns."""
        if self.held is not None and is_container(value):
            value = self.held.assigned(name, value)
        self.store(name, value)

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
        if self.notify is not None:  # not by `tell`: a work waits for this
            self.notify()

    def touch(self, name: str) -> Value:
        """Return a held container to code that may change it in place."""
        assert self.held is not None
        self.tell()
        return self.held.touch(name)

    def tell(self) -> None:
        """Tell whoever collects that there may be something."""
        if self.notify is not None:
            self.notify()

    def hold_containers(self, lent: Lent, *, of_work: bool) -> None:
        """Begin to note which containers are read, in the flow's process.

        Args:
            lent: Of the app.
            of_work: Whether the variables are those of a work.
        """
        if self.held is None:
            self.held = HeldOfWork(lent) if of_work else Held(lent)
            variables = self.component._lightgrid_vars
            for name in self.names:
                if is_container(variables[name]):
                    self.store(name, variables[name])
        self.held.lent = lent
        if isinstance(self.held, HeldOfWork):
            self.held.part_from_init()

    def forget_changes(self) -> None:
        """Begin anew without a look: whoever asks is about to read all the state.

        What is assigned meanwhile is read then, or is marked afterwards.
        """
        self.dirty.clear()
        self._keep_looking(self.held or ())

    def take_changed_names(self) -> list[str]:
        """Return the names to look at, and begin anew.

        Names are taken before their values are read: one that is assigned
        meanwhile is then marked again, and none is missed.
        """
        # Each by a step that both gives and takes it: a mark that user code makes between a
        # copy of `dirty` and a clear() would be lost, and a fresh dict in its place might
        # never be seen by an assignment that has the old one in hand.
        names = set()
        while self.dirty:
            names.add(self.dirty.popitem()[0])
        if self.held is not None:
            names |= self.held.touched
            self._keep_looking(names)
        return sorted(names)

    def _keep_looking(self, names: Iterable[str]) -> None:
        if self.held is not None and self.held.keep_looking(names):
            self.tell()

    def explain(self, error: UnsupportedValueError) -> UnsupportedValueError:
        """Return an error about a value of this component as one that says what to do.

        Args:
            error: Its path begins with the name of a variable of this component.
        """
        value = self.read(error.path[0])
        told = self.explain_value(error, value)
        # In the flow's process only flows execute anything, whatever they put it into.
        owner = self.component if self.held is None else self._flow_above()
        run = getattr(type(owner), "run", None)
        file, line = place_of(run)
        is_users = bool(file) and not run.__module__.startswith("lightgrid.")
        if not (is_users and is_container(value)):
            return told
        # No line of the user's is at work when this is found: the function is all there is.
        where = f"{type(owner).__name__}.run is in {file}, line {line}"
        what = f"{told.what.rstrip('.')}. It was put there in place; {where}"
        return UnsupportedValueError(told.path, what, told.component)

    def _flow_above(self) -> Component:
        node = self
        while node.group != FLOWS and node.parent is not None:
            node = node.parent._lightgrid_node
        return node.component

    def explain_value(self, error: UnsupportedValueError, value: object) -> UnsupportedValueError:
        """Return the same about a value that is not assigned yet."""
        for segment in error.path[1:]:
            if isinstance(value, dict):
                value = value.get(segment)
            elif isinstance(value, list | tuple) and segment.isdigit():
                items = list(value)  # user code may shorten it meanwhile
                value = items[int(segment)] if int(segment) < len(items) else None
        if hasattr(type(value), "_lightgrid_node"):
            advice = self.component._lightgrid_advice(error.path[0], value)
            error = UnsupportedValueError(error.path, advice)
        return error.inside(self.label)

    def receive(self, ops: Sequence[Op]) -> None:
        """Apply changes that were made elsewhere, by a work to its variables or from outside."""
        variables = self.component._lightgrid_vars
        if type(ops) is Assignments:
            variables.update(ops.values)
            if self.held:
                for name in self.held.keys() & ops.values.keys():
                    del self.held[name]
            return
        for op in ops:
            if type(op) is Set and len(op.path) == 1:
                value = op.value
                if type(value) in SCALAR_TYPES:
                    name = op.path[0]
                    variables[name] = value
                    if self.held and name in self.held:
                        del self.held[name]
                else:
                    name = op.path[0]
                    self.store(name, copy_of_op(value, op.path))
                    if name in self.dirty:  # its type may be assigned without a look no more
                        self.dirty[name] = None
            elif self.held is None:
                apply(variables, (op,))
            else:
                self.held.receive(op)
