"""Lists and dicts of components.

A structure is a component with members and no variables. Members keep the name
they got when they came in: a list names them by a running number, whatever
happens to their neighbours later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, MutableSequence
from typing import TYPE_CHECKING, Any, overload

from lightgrid.component.component import Component
from lightgrid.component.flow_node import FlowNode
from lightgrid.component.names import check_component_name
from lightgrid.component.node import node_of
from lightgrid.component.structure_node import DictNode, ListNode
from lightgrid.component.work import Work
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import ComponentError
from lightgrid.state.values import Value

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from lightgrid.component.flow import Flow

    # `L.List()` without members is of any: no annotation is asked for.
    Member = TypeVar("Member", bound=Component, default=Any)
else:
    from typing import TypeVar

    Member = TypeVar("Member", bound=Component)


class Structure(Component):
    """What `List` and `Dict` share."""

    def _lightgrid_checked(self, key: str, member: Any) -> Any:
        """Return a component that can come in under a key, whatever is there now."""
        where = f"{self._lightgrid_node.label}[{key!r}]"
        member = as_structure(member)
        if not isinstance(member, Component):
            raise ComponentError(
                f"{where}: a {type(member).__name__} is no component; "
                "structures hold flows, works and structures"
            )
        check_component_name(self._lightgrid_node.label, key)
        self._lightgrid_node.check_is_free(key, node_of(member))
        return member

    @property
    def works(self) -> list[Work]:
        """The works in here, at any depth."""
        nodes = self._lightgrid_node.walk()
        return [node.component for node in nodes if isinstance(node, WorkNode)]

    @property
    def flows(self) -> dict[str, Flow]:
        """The flows in here, at any depth, by name."""
        nodes = self._lightgrid_node.walk()
        return {node.name: node.component for node in nodes if isinstance(node, FlowNode)}


class List(Structure, MutableSequence[Member]):
    """A list of components: flows, works, or structures again."""

    _lightgrid_node_class = ListNode
    _lightgrid_node: ListNode

    def __init__(self, *members: Member) -> None:
        super().__init__()
        self.extend(members)

    @property
    def _lightgrid_members(self) -> list[Member]:
        return self._lightgrid_node.members

    @overload
    def __getitem__(self, index: int) -> Member: ...
    @overload
    def __getitem__(self, index: slice) -> list[Member]: ...
    def __getitem__(self, index: int | slice) -> Member | list[Member]:
        """Return a member by its position now, or several."""
        return self._lightgrid_members[index]

    def __setitem__(  # type: ignore[override]  # of a slice it is refused
        self, index: int, member: Member
    ) -> None:
        """Put another component in a member's position; the old one leaves."""
        if isinstance(index, slice):
            raise ComponentError(f"{self.name}: assign members one by one")
        position = range(len(self._lightgrid_members))[index]
        old = self._lightgrid_members[position]
        if old is not member:
            self.insert(position, member)
            self._lightgrid_node.give_up(node_of(old))

    def __delitem__(self, index: int | slice) -> None:
        """Remove members: what runs in them is stopped, the others keep their names."""
        leaving = (
            self._lightgrid_members[index]
            if isinstance(index, slice)
            else [self._lightgrid_members[index]]
        )
        for member in leaving:
            self._lightgrid_node.give_up(node_of(member))

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self._lightgrid_members)

    def insert(self, index: int, member: Member) -> None:
        """Take a component in before a position; its name is the next number."""
        node = self._lightgrid_node
        key = str(node.next_key)
        component = self._lightgrid_checked(key, member)
        node.next_key += 1
        node.members.insert(index, component)
        node.adopt(key, node_of(component))

    def reverse(self) -> None:
        """Turn the order around. The members keep their names."""
        self._lightgrid_members.reverse()

    def sort(self, *, key: Callable[[Member], Any], reverse: bool = False) -> None:
        """Bring the members into an order. They keep their names."""
        self._lightgrid_members.sort(key=key, reverse=reverse)

    def state_dict(self) -> dict[str, Value]:
        """Return what the members are called, in their order."""
        node = self._lightgrid_node
        keys: Value = [below.key for below in node.below()]
        return {**super().state_dict(), "members": keys, "next_key": node.next_key}

    def load_state_dict(
        self,
        state: Mapping[str, Value],
        children_states: Mapping[str, Mapping[str, Value]],
        strict: bool = True,
    ) -> None:
        """Give the members, in their order, the names they had. See `Component.load_state_dict`."""
        super().load_state_dict(state, children_states, strict=strict)
        keys: list[str] = state.get("members", [])
        if len(keys) == len(self):
            self._lightgrid_node.rename(keys, state["next_key"])
        elif strict:
            raise ComponentError(
                f"{self.name}: the state has {len(keys)} members, the list {len(self)}. "
                "Make them again in load_state_dict of their flow, or load with strict=False"
            )

    def __add__(self, other: list[Member] | List[Member]) -> list[Member]:
        """Return the members of both as a plain list, which is no component."""
        if not isinstance(other, list | List):
            return NotImplemented
        return [*self, *other]

    def __radd__(self, other: list[Member]) -> list[Member]:
        """The same the other way around."""
        return [*other, *self] if isinstance(other, list) else NotImplemented

    def __eq__(self, other: object) -> bool:
        """Tell whether a plain list has the same members, or it is the same structure."""
        # Two structures are two places in the tree, even while both are empty; and what is equal
        # would need equal hashes, which a plain list does not have.
        return self._lightgrid_members == other if isinstance(other, list) else self is other

    __hash__ = object.__hash__


class Dict(Structure, MutableMapping[str, Member]):
    """A dict of components: flows, works, or structures again."""

    _lightgrid_node_class = DictNode
    _lightgrid_node: DictNode

    def __init__(self, members: Mapping[str, Member] | None = None, **more: Member) -> None:
        super().__init__()
        self.update(members or {}, **more)

    @property
    def _lightgrid_members(self) -> dict[str, Member]:
        return self._lightgrid_node.members

    def __getitem__(self, key: str) -> Member:
        """Return a member."""
        return self._lightgrid_members[key]

    def __setitem__(self, key: str, member: Member) -> None:
        """Take a component in under a key; one that was there leaves."""
        if not isinstance(key, str):
            raise ComponentError(f"{self.name}: a key should be a str, not {key!r}")
        old = self._lightgrid_members.get(key)
        if old is member and old is not None:
            return
        component = self._lightgrid_checked(key, member)
        if old is not None:
            self._lightgrid_node.give_up(node_of(old))
        self._lightgrid_members[key] = component
        self._lightgrid_node.adopt(key, node_of(component))

    def __delitem__(self, key: str) -> None:
        """Remove a member: what runs in it is stopped."""
        self._lightgrid_node.give_up(node_of(self._lightgrid_members[key]))

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, in the order they came in."""
        return iter(self._lightgrid_members)

    def __len__(self) -> int:
        """Return how many members there are."""
        return len(self._lightgrid_members)

    def __eq__(self, other: object) -> bool:
        """Tell whether a plain dict has the same members, or it is the same structure."""
        return self._lightgrid_members == other if isinstance(other, dict) else self is other

    __hash__ = object.__hash__


def as_structure(value: Any) -> Any:
    """Return a structure for a non-empty list or dict of components, else the value."""
    if isinstance(value, list) and _is_made_of_components(value):
        return List(*value)
    if isinstance(value, dict) and _is_made_of_components(value):
        return Dict(value)
    return value


def _is_made_of_components(value: Any) -> bool:
    if isinstance(value, Component):
        return True
    if isinstance(value, dict):
        value = list(value.values())
    return isinstance(value, list) and bool(value) and all(map(_is_made_of_components, value))
