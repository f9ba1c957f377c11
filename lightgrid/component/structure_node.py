"""The framework's side of lists and dicts of components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lightgrid.component.node import Node, node_of
from lightgrid.state.layout import STRUCTURES

if TYPE_CHECKING:
    from lightgrid.component.component import Component


class ListNode(Node):
    """A node of components that have an order.

    Attributes:
        members: The components right below, in their order.
        next_key: What the next one that comes in is called.
    """

    __slots__ = ("members", "next_key")

    group = STRUCTURES

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.members: list[Any] = []
        self.next_key = 0

    def rename(self, keys: Sequence[str], next_key: int) -> None:
        """Give the members, in their order, other names; and say what the next one is called."""
        for nodes in self.children.values():
            nodes.clear()
        for key, node in zip(keys, self.below(), strict=True):
            node.key = key
            self.children[node.group][key] = node
        self.next_key = next_key

    def below(self) -> Iterable[Node]:
        """See `Node.below`; as the list has them."""
        return [node_of(member) for member in self.members]

    def give_up(self, node: Node) -> None:
        """See `Node.give_up`."""
        self.members.remove(node.component)
        super().give_up(node)

    def dump(self) -> dict[str, Any]:
        """See `Node.dump`."""
        return {**super().dump(), "members": self.members, "next_key": self.next_key}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """See `Node.load`."""
        super().load(dumped)
        self.members, self.next_key = dumped["members"], dumped["next_key"]


class DictNode(Node):
    """A node of components that have keys.

    Attributes:
        members: The components right below, by key, in the order they came in.
    """

    __slots__ = ("members",)

    group = STRUCTURES

    def __init__(self, component: Component) -> None:
        super().__init__(component)
        self.members: dict[str, Any] = {}

    def below(self) -> Iterable[Node]:
        """See `Node.below`; as the dict has them."""
        return [node_of(member) for member in self.members.values()]

    def give_up(self, node: Node) -> None:
        """See `Node.give_up`."""
        del self.members[node.key]
        super().give_up(node)

    def dump(self) -> dict[str, Any]:
        """See `Node.dump`."""
        return {**super().dump(), "members": self.members}

    def load(self, dumped: Mapping[str, Any]) -> None:
        """See `Node.load`."""
        super().load(dumped)
        self.members = dumped["members"]
