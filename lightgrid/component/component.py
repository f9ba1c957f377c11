"""The state rules that flows and works share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from lightgrid.component.component_type import ComponentType, forgotten_init
from lightgrid.component.names import check_variable_name
from lightgrid.component.node import HasNode, Node
from lightgrid.errors import (
    ComponentAttributeError,
    ComponentError,
    UndeclaredAttributeError,
    UnsupportedValueError,
)
from lightgrid.frames import calls_user_code
from lightgrid.state.layout import VARS
from lightgrid.state.sizes import check_scalar, check_variable
from lightgrid.state.values import SCALAR_TYPES, Value, check_value, copy_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self


class Component(HasNode, metaclass=ComponentType):
    """An object whose public attributes are state.

    A public attribute first assigned in `__init__` is state: None, bool, int,
    float, str, bytes, list, tuple or dict with str keys. `_private` ones are
    not. Afterwards no new public attribute may appear.
    """

    # Slots, since these are read at every assignment. `_lightgrid_vars` is `__dict__`
    # itself: state lives there like the attributes of any object, and reading is free.
    __slots__ = (
        "__dict__",
        "__weakref__",
        "_lightgrid_dirty",
        "_lightgrid_vars",
    )

    _lightgrid_node_class: ClassVar[type[Node]] = Node
    _lightgrid_dirty: dict[str, type | None]
    _lightgrid_vars: dict[str, Value]

    @calls_user_code
    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Make the component's node, before any `__init__` can assign."""
        component = super().__new__(cls)
        component._lightgrid_prepare()
        return component

    def __init__(self) -> None:
        self._lightgrid_node.is_set_up = True

    def _lightgrid_prepare(self) -> None:
        node = self._lightgrid_node_class(self)
        put = object.__setattr__
        put(self, "_lightgrid_node", node)
        put(self, "_lightgrid_vars", node.live)
        put(self, "_lightgrid_dirty", node.dirty)

    # A type checker that saw this would let any name be assigned.
    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: Any) -> None:
            """Assign an attribute; a public one is checked, and noted as changed."""
            # The fast path: a scalar of the type that was assigned here since the last
            # collection. Between the look into `dirty` and the store there is no call and no
            # jump back, and only there does the interpreter switch threads: the collector
            # cannot take the mark in between and miss the value. So `type` is called first.
            # Of a pinned type, an int beyond 64 bits is found when it is collected, not here.
            try:
                if type(value) is self._lightgrid_dirty[name]:
                    self._lightgrid_vars[name] = value
                    return
            except KeyError:
                pass
            self._lightgrid_assign(name, value)

    def __delattr__(self, name: str) -> None:
        """Delete a private attribute; state and components stay."""
        node = self._lightgrid_node
        if name in node.names:
            raise ComponentError(
                f"{node.label}: {name} is state and cannot be deleted; set it to None"
            )
        if node.child(name) is not None:
            raise ComponentError(
                f"{node.label}: the component {name} cannot be deleted like this; "
                "a work has .delete(), members of a List or Dict can be removed"
            )
        if _is_of_framework(type(self), name):
            raise ComponentAttributeError(
                f"{node.label}: {name} belongs to lightgrid, it cannot be deleted"
            )
        object.__delattr__(self, name)

    # --- what users read ---------------------------------------------------------

    @property
    def name(self) -> str:
        """The component's name in its tree: "root", "root.w", "root.trainers.0"."""
        return self._lightgrid_node.name

    @property
    def state(self) -> dict[str, Value]:
        """The component's node of the state tree, with all below it; a copy."""
        node = self._lightgrid_node
        return {
            VARS: copy_value(node.variables()),
            **node.own_state(),
            **{
                group: {key: child.component.state for key, child in nodes.items()}
                for group, nodes in node.children.items()
            },
        }

    @property
    def state_vars(self) -> dict[str, Value]:
        """The same tree with nothing but variables."""
        node = self._lightgrid_node
        return {
            VARS: copy_value(node.variables()),
            **{
                group: {key: child.component.state_vars for key, child in nodes.items()}
                for group, nodes in node.children.items()
            },
        }

    def set_state(self, state: Mapping[str, Value]) -> None:
        """Take over the variables of a state, here and in the components below.

        Raises:
            UndeclaredAttributeError: A variable that this component does not have.
            ComponentError: A component that is not here.
        """
        node = self._lightgrid_node
        for name in state.get(VARS, {}):
            if name not in node.names:
                raise UndeclaredAttributeError(node.label, name)
        for name, value in state.get(VARS, {}).items():
            setattr(self, name, copy_value(value))
        for group, nodes in node.children.items():
            for key, below in state.get(group, {}).items():
                if key not in nodes:
                    raise ComponentError(f"{node.label} has no component {key!r}")
                nodes[key].component.set_state(below)

    def state_dict(self) -> dict[str, Value]:
        """Return the component's own state: its variables and calls, nothing of those below."""
        node = self._lightgrid_node
        return {VARS: copy_value(node.variables()), **node.own_state()}

    def load_state_dict(
        self,
        state: Mapping[str, Value],
        children_states: Mapping[str, Mapping[str, Value]],
        strict: bool = True,
    ) -> None:
        """Take over what `state_dict` returned; the components below are loaded afterwards.

        A flow that makes components while it runs overrides this: it makes them
        again, by the names in `children_states`, and calls `super()`.

        Args:
            state: The component's own.
            children_states: Of the components below that are to be made again, by their
                names from here: "w", "trainers.0", and "trainers.0.w" of what is below one.
                Nothing of flows below that are there: they are told themselves.
            strict: Whether a variable that is not here, or lacks, is an error.

        Raises:
            ComponentError: With `strict`; nothing was changed.
        """
        node, variables = self._lightgrid_node, dict(state.get(VARS, {}))
        if strict and variables.keys() != node.names.keys():
            unknown = sorted(variables.keys() - node.names.keys())
            lacking = sorted(node.names.keys() - variables.keys())
            raise ComponentError(
                f"{node.name}: the state does not fit: it has {unknown or 'nothing'} that the "
                f"component has not, and lacks {lacking or 'nothing'}"
            )
        for name, value in variables.items():
            if name in node.names:
                setattr(self, name, copy_value(value))
        node.load_own_state(state)

    # --- pickling ------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Return what makes the component again in another process."""
        node = self._lightgrid_node
        attributes = {
            name: value for name, value in self.__dict__.items() if name not in node.names
        }
        return {"attributes": attributes, **node.dump()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take over what another process had."""
        self.__dict__.update(state["attributes"])
        self._lightgrid_node.load(state)

    # --- assigning -------------------------------------------------------------------

    def _lightgrid_assign(self, name: str, value: Any) -> None:
        """Assign what the fast path cannot: a new name, another type, a container, a child."""
        # A declared name needs no look at the classes, which costs more than all the rest.
        if name not in self._lightgrid_node.names and (
            name.startswith("_") or _is_data_descriptor(type(self), name)
        ):
            try:
                object.__setattr__(self, name, value)
            except AttributeError:  # a property that cannot be set, often one of ours
                self._lightgrid_check_new(name)
                raise
        else:
            self._lightgrid_assign_public(name, value)

    def _lightgrid_assign_public(self, name: str, value: Any) -> None:
        """Assign state."""
        node = self._lightgrid_node
        if name not in node.names:
            self._lightgrid_check_new(name)
            if not node.initializing:
                raise UndeclaredAttributeError(node.label, name)
        try:
            check_value(value, (name,))
            if node.initializing or node.held is not None:
                check_variable(value, (name,), of_work=node.are_of_work)
            else:  # in its own process, where a container is looked into when it is collected
                check_scalar(value, (name,))
        except UnsupportedValueError as error:
            raise node.explain_value(error, value) from None
        kind = type(value)
        node.names[name] = None
        node.assign(name, value)
        node.mark(name, kind if kind in SCALAR_TYPES else None)

    def _lightgrid_check_new(self, name: str) -> None:
        """Refuse a name that cannot be had, and any before the framework is set up."""
        node = self._lightgrid_node
        if not node.is_set_up:
            raise forgotten_init(type(self), f"It has to come before self.{name} is set")
        if _is_of_framework(type(self), name):
            raise ComponentError(
                f"{node.label}: {name} is what lightgrid calls something of its "
                "own; take another name"
            )
        check_variable_name(node.label, name)


def _is_data_descriptor(cls: type, name: str) -> bool:
    """Tell whether a class handles the assignment of a name: by a property, for example."""
    return any(hasattr(vars(base)[name], "__set__") for base in cls.__mro__ if name in vars(base))


def _is_of_framework(cls: type, name: str) -> bool:
    return any(
        name in vars(base)
        for base in cls.__mro__
        if base.__module__.startswith("lightgrid.component.")
    )


def note_reads() -> None:
    """Have containers held by nodes found, and their reading noted, in this process.

    Only the flow's process calls it: a class with `__getattr__` loses the
    interpreter's fast path for reading any attribute, which would more than
    double what `self.counter += 1` costs in a work.
    """

    @calls_user_code
    def __getattr__(self: Component, name: str) -> Any:  # noqa: N807 - it becomes the method
        if not name.startswith("_"):
            node = self._lightgrid_node
            if node.held is not None and name in node.held:
                return node.touch(name)
        # Once more, for the error: that there is no such attribute, or the one that a
        # property raised.
        return object.__getattribute__(self, name)

    Component.__getattr__ = __getattr__  # type: ignore[attr-defined]
