"""The state of a tree of components, out and in again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lightgrid.component.flow import Flow
from lightgrid.component.flow_node import FlowNode
from lightgrid.component.node import node_of
from lightgrid.errors import ComponentError
from lightgrid.state.values import Value

if TYPE_CHECKING:
    from lightgrid.component.component import Component

#: By the name of each component: its own variables and calls, nothing of those below.
States = Mapping[str, dict[str, Value]]


def dump_states(root: Component) -> dict[str, dict[str, Value]]:
    """Return the state of each component of a tree, by its name."""
    return {node.name: node.component.state_dict() for node in node_of(root).walk()}


def load_states(root: Component, states: States, *, strict: bool = True) -> None:
    """Take over what `dump_states` returned.

    Each component's `load_state_dict` is called with its own state, parents first,
    and that of a flow with the states of what it has to make again: a flow that
    makes components as it runs does it there.

    Raises:
        ComponentError: With `strict`, a state without its component, or the
            other way round; nothing of that component was changed.
    """
    name = root.name
    own = states.get(name)
    if own is None:
        if strict:
            raise ComponentError(f"there is no state for {name}; strict=False leaves it as it is")
        own = {}
    below = {key: state for key, state in states.items() if key.startswith(f"{name}.")}
    root.load_state_dict(own, _to_be_made(root, below), strict=strict)
    children = [node.component for node in node_of(root).below()]
    if strict:
        known = tuple(child.name for child in children)
        for key in below:
            if not any(key == child or key.startswith(f"{child}.") for child in known):
                raise ComponentError(
                    f"there is a state for {key}, but no such component. Make it again in "
                    f"load_state_dict of {name}, or load with strict=False"
                )
    for child in children:
        load_states(child, states, strict=strict)


def _to_be_made(component: Component, below: States) -> dict[str, dict[str, Value]]:
    """Return the states below a flow whose components are not there, by their names from it.

    Those to which another flow is nearer are left to it.
    """
    if not isinstance(component, Flow):
        return {}
    own = component.name
    there = {one.name: isinstance(one, FlowNode) for one in node_of(component).walk()}

    def nearest_flow(name: str) -> str:
        while not there.get(name):
            name = name.rpartition(".")[0]
        return name

    return {
        name.removeprefix(f"{own}."): state
        for name, state in below.items()
        if name not in there and nearest_flow(name) == own
    }
