"""The framework's side of a component: its place in the tree, its kind, its variables.

A component is what users subclass, so its namespace is theirs. All that the framework
has to remember of it is in its node, which `node_of` returns. Nodes hold nodes; what
runs an app speaks of nodes and gets from one to the user's object by `component`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from lightgrid.component.sharing import restored
from lightgrid.component.variables import Variables
from lightgrid.errors import ComponentError, UnsupportedValueError, place_of, short_name
from lightgrid.state.delta import Path
from lightgrid.state.layout import CALLS, CHILDREN, FLOWS, STRUCTURES, VARS, WORKS
from lightgrid.state.values import Value, is_container

if TYPE_CHECKING:
    from lightgrid.component.backend import Backend
    from lightgrid.component.component import Component


class Node(Variables):
    """The place of one component in its tree, and what its kind adds to that.

    Args:
        component: What this is the node of.

    Attributes:
        component: The same.
        key: Its name in its parent; "root" without one.
        parent: The node above it, if any.
        children: The nodes below it, by group and key.
        backend: What runs the app; None for components that stand alone.
        is_set_up: Whether the `__init__` of lightgrid's own class was called.
        initializing: Whether `__init__` is running: new names may still appear.
        group: Which of the groups of its parent it is in: "flows", "works" or "structures".
    """

    __slots__ = (
        "backend",
        "children",
        "component",
        "initializing",
        "is_set_up",
        "key",
        "parent",
    )

    group: ClassVar[str] = FLOWS

    def __init__(self, component: Component) -> None:
        super().__init__(component.__dict__)
        self.component = component
        self.key = "root"
        self.parent: Node | None = None
        self.children: dict[str, dict[str, Node]] = {FLOWS: {}, WORKS: {}, STRUCTURES: {}}
        self.backend: Backend | None = None
        self.is_set_up = False
        self.initializing = True

    # --- the tree ------------------------------------------------------------

    @property
    def name(self) -> str:
        """The dotted name of the component: "root", "root.w", "root.trainers.0"."""
        return self.key if self.parent is None else f"{self.parent.name}.{self.key}"

    @property
    def label(self) -> str:
        """What errors call the component: its name, or its class while it is in no tree."""
        if self.parent is None and self.key == "root":
            return type(self.component).__name__
        return short_name(self.name)

    @property
    def place(self) -> Path:
        """The path of the component's node in the state tree."""
        return () if self.parent is None else (*self.parent.place, self.group, self.key)

    @property
    def vars_place(self) -> Path:
        """The path of the component's variables in the state tree."""
        return (*self.place, VARS)

    def below(self) -> Iterable[Node]:
        """Return the nodes right below, in order: works, flows, structures, each by name."""
        return [node for group in CHILDREN for _, node in sorted(self.children[group].items())]

    def walk(self) -> Iterator[Node]:
        """Yield this node and all below it: parents first, each one's children in order."""
        yield self
        for node in self.below():
            yield from node.walk()

    def child(self, key: str) -> Node | None:
        """Return the node below this one that has a name, if any."""
        return next((group[key] for group in self.children.values() if key in group), None)

    def check_is_free(self, key: str, node: Node) -> None:
        """Refuse to have a component below this one that is somewhere already.

        Raises:
            ComponentError: It has a parent, or this component is it or below it.
        """
        if node.parent is not None:
            raise ComponentError(
                f"{self.label}.{key}: the component already is {node.label}; one place is enough"
            )
        above: Node | None = self
        while above is not None:
            if above is node:
                raise ComponentError(f"{self.label}.{key}: a component cannot be inside itself")
            above = above.parent

    def adopt(self, key: str, node: Node) -> None:
        """Put a component below this one.

        Raises:
            ComponentError: See `check_is_free`.
        """
        self.check_is_free(key, node)
        node.parent, node.key = self, key
        self.children[node.group][key] = node
        if self.backend is not None:
            self.backend.attached(node)

    def give_up(self, node: Node) -> None:
        """Let a component right below go: it leaves the tree, and what runs in it is stopped."""
        if self.backend is not None:
            self.backend.detached(node)
        del self.children[node.group][node.key]
        node.parent, node.key = None, "root"

    # --- what kinds of components differ in ----------------------------------------

    def check_first_values(self) -> None:
        """Refuse what `__init__` has assigned, if it is too much together."""

    def own_state(self) -> dict[str, Value]:
        """Return what stands in the component's place beside variables and children."""
        return {CALLS: {}}

    def load_own_state(self, state: Mapping[str, Value]) -> None:
        """Take over what `own_state` returned."""

    def advice(self, _name: str, found: object) -> str:
        """Return what to do about a component that was found in the value of a variable."""
        return f"a {type(found).__name__} is a component; only flows can have components"

    # --- pickling ----------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Return what another process needs to have the same node, in a form to be pickled."""
        return {
            "name": self.name,
            "variables": self.variables(),
            "made": {} if self.held is None else self.held.made,
            "children": {
                group: {key: node.component for key, node in nodes.items()}
                for group, nodes in self.children.items()
            },
        }

    def load(self, dumped: Mapping[str, Any]) -> None:
        """Take over what `dump` returned, in a new component."""
        self.is_set_up, self.initializing = True, False
        self.key = dumped["name"]
        for name, value in restored(dumped["made"], dumped["variables"]).items():
            self.names[name] = None
            self.store(name, value)
        for components in dumped["children"].values():
            for key, component in components.items():
                self.adopt(key, node_of(component))

    # --- errors ------------------------------------------------------------------------

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

    def explain_value(self, error: UnsupportedValueError, value: object) -> UnsupportedValueError:
        """Return the same about a value that is not assigned yet."""
        for segment in error.path[1:]:
            if isinstance(value, dict):
                value = value.get(segment)
            elif isinstance(value, list | tuple) and segment.isdigit():
                items = list(value)  # user code may shorten it meanwhile
                value = items[int(segment)] if int(segment) < len(items) else None
        if isinstance(value, HasNode):
            advice = self.advice(error.path[0], value)
            error = UnsupportedValueError(error.path, advice)
        return error.inside(self.label)

    def _flow_above(self) -> Component:
        node: Node = self
        while node.group != FLOWS and node.parent is not None:
            node = node.parent
        return node.component


class HasNode:
    """What every component is: something with a node."""

    __slots__ = ("_lightgrid_node",)

    _lightgrid_node: Node


_NodeT = TypeVar("_NodeT", bound=Node, covariant=True)


class _Has(Protocol[_NodeT]):
    """A component whose kind of node is known."""

    @property
    def _lightgrid_node(self) -> _NodeT: ...


def node_of(component: _Has[_NodeT]) -> _NodeT:
    """Return the framework's side of a component: of a `Work` its `WorkNode`, and so on.

    The one way to it. So nothing else that is the framework's stands in a component's
    namespace, where the names that users choose are.
    """
    return component._lightgrid_node
