"""What the flow's code does to the tree, found after it ran and committed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from lightgrid.component.component import Component
from lightgrid.component.held import Lent
from lightgrid.component.node import Node
from lightgrid.component.work import Work
from lightgrid.errors import UnsupportedValueError
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.statuses import StatusWriter
from lightgrid.state.delta import Op, Path, Remove, Set, lookup, variable_of
from lightgrid.state.diff import diff_variables
from lightgrid.state.sizes import Budget, Size, check_op, over_budget, size_of
from lightgrid.state.tree import Part
from lightgrid.state.values import Value


class FlowChanges:
    """Gathers what the flow did and commits it: one change of the tree for each run.

    Components that came or went are committed before it, since what was written
    into their variables is found by comparing with their nodes.

    Attributes:
        lent: See `held`.
    """

    def __init__(self, hub: Hub, statuses: StatusWriter) -> None:
        self._hub = hub
        self._statuses = statuses
        self._nodes: dict[Node, None] = {}  # to be looked at, in the order they were touched
        self._structure: list[Part] = []
        self._budgets: dict[Node, Budget] = {}  # of works that the flow writes to
        self.lent: Lent = {}

    def note(self, node: Node) -> None:
        """Note that state of a component changed, or may have changed in place."""
        self._nodes[node] = None

    def forget(self, node: Node) -> None:
        """Look at a component no more: it has left."""
        self._nodes.pop(node, None)
        self._budgets.pop(node, None)

    def add_component(self, component: Component) -> None:
        """Note a component that joined the tree, as it is now."""
        place = component._lightgrid_node.place
        self.write(place[:-2], Set(place[-2:], component.state))

    def remove_component(self, component: Component) -> None:
        """Note a component that is about to leave the tree."""
        self._commit_structure()
        place = component._lightgrid_node.place
        self.write(place[:-2], Remove(place[-2:]))

    def write(self, place: Path, *ops: Op) -> None:
        """Note a change of a node beside its variables."""
        self._structure.append((place, ops))

    def commit(self) -> bool:
        """Commit what a run of the flow changed; return whether that was anything.

        Raises:
            UnsupportedValueError: A container holds what cannot be state.
        """
        has_structure = self._commit_structure()
        nodes, self._nodes = self._nodes, {}
        has_changes = self._commit_nodes(nodes)
        self.lent.clear()
        for node in nodes:
            if node.held is not None:
                node.held.part()
        return has_structure or has_changes

    def commit_work(self, work: Work) -> bool:
        """Commit what the flow did to one work so far: what follows depends on it.

        Raises:
            UnsupportedValueError: As `commit`.
        """
        self._commit_structure()
        node = work._lightgrid_node
        if node not in self._nodes:
            return False
        del self._nodes[node]
        return self._commit_nodes([node])

    def commit_news(self) -> None:
        """Commit what is to be told of works and calls, outside of a run."""
        self._commit_structure()
        parts = self._statuses.take_parts()
        if parts:
            self._hub.commit("root", parts)

    def _commit_nodes(self, nodes: Sequence[Node] | dict[Node, None]) -> bool:
        parts: list[Part] = []
        writes: dict[str, Sequence[Op]] = {}
        for node in nodes:
            ops = self._changes_of(node)
            if node.held is not None and node.held.touched:
                # An alias is left somewhere: look again after the next run.
                self._nodes[node] = None
            if ops:
                parts.append((node.vars_place, ops))
                if isinstance(node.component, Work):
                    writes[node.name] = ops
        has_changes = bool(parts)
        parts.extend(self._statuses.take_parts())
        if parts:
            self._hub.commit_flow(parts, writes)
        return has_changes

    def _commit_structure(self) -> bool:
        structure, self._structure = self._structure, []
        if structure:
            self._hub.commit("root", structure)
        return bool(structure)

    def _changes_of(self, node: Node) -> list[Op]:
        names = node.take_changed_names()
        mirror: dict[str, Value] = lookup(self._hub.tree.root, node.vars_place)
        live = {name: node.read(name) for name in names if name in node.names}
        try:
            ops = diff_variables(mirror, live, names)
            if ops:
                self._check_sizes(node, ops)
        except UnsupportedValueError as error:
            raise node.explain(error) from None
        return ops

    def _check_sizes(self, node: Node, ops: Sequence[Op]) -> None:
        """Refuse what no message can carry, and what is more than a work may have."""
        sizes = list(map(check_op, ops))
        if isinstance(node.component, Work):
            budget = self._budgets.get(node)
            if budget is None:
                budget = self._budgets[node] = Budget(size_of(node.variables()))
            excess = budget.grow(reduce(Size.plus, sizes), lambda: size_of(node.variables()))
            if excess is not None:
                largest = max(zip(sizes, ops, strict=True), key=lambda pair: pair[0].bytes)[1]
                raise over_budget(variable_of(largest), excess)
