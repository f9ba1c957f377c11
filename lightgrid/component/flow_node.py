"""The framework's side of a flow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lightgrid.component.node import Node
from lightgrid.component.schedule import Schedule
from lightgrid.state.layout import CALLS
from lightgrid.state.values import Value

if TYPE_CHECKING:
    from lightgrid.component.flow import Flow


class FlowNode(Node):
    """A node with the times at which its flow wants to run again.

    Attributes:
        schedules: By what names each: the expression, and the line of code that asks.
    """

    __slots__ = ("schedules",)

    component: Flow

    def __init__(self, component: Flow) -> None:
        super().__init__(component)
        self.schedules: dict[str, Schedule] = {}

    def give_up(self, node: Node) -> None:
        """See `Node.give_up`."""
        del self.live[node.key]
        super().give_up(node)

    def own_state(self) -> dict[str, Value]:
        """See `Node.own_state`."""
        if not self.schedules:
            return {CALLS: {}}
        return {CALLS: {"scheduling": {k: one.to_value() for k, one in self.schedules.items()}}}

    def load_own_state(self, state: Mapping[str, Value]) -> None:
        """See `Node.load_own_state`."""
        for key, value in state.get(CALLS, {}).get("scheduling", {}).items():
            self.schedules[key] = Schedule.from_value(value)

    def advice(self, name: str, found: object) -> str:
        """See `Node.advice`."""
        return (
            f"a {type(found).__name__} is a component, which a plain list or dict cannot hold: "
            f"set self.{name} = L.structures.List() in __init__, or L.structures.Dict()"
        )

    def dump(self) -> dict[str, Any]:
        """See `Node.dump`."""
        return {**super().dump(), "schedules": self.schedules}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """See `Node.load`."""
        super().load(dumped)
        self.schedules = dumped["schedules"]
