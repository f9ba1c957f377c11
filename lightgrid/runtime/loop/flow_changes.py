"""What the flow's code did to variables, found after it ran."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lightgrid.component.held import Lent
from lightgrid.component.node import Node
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import UnsupportedValueError
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.state.delta import Op, Path, Remove, Set, lookup, variable_of
from lightgrid.state.diff import diff_variables
from lightgrid.state.sizes import NOTHING, Budget, Size, check_op, size_of
from lightgrid.state.tree import Part
from lightgrid.state.values import Value, copy_value


class FlowChanges:
    """Gathers what the flow did and lets it out: one step of the tree for each run.

    What was written into a work before a call of it is copied at the call, since the
    flow may go on writing: each call then brings what was written before it.

    Attributes:
        lent: See `held`.
    """

    def __init__(self, hub: Hub, outputs: Outputs) -> None:
        self._hub = hub
        self._outputs = outputs
        self._nodes: dict[Node, None] = {}  # to be looked at, in the order they were touched
        self._has_changes = False
        self._errors: list[UnsupportedValueError] = []
        self.lent: Lent = {}
        self._budgets: dict[Node, Budget] = {}  # of works that the flow writes to

    def note(self, node: Node) -> None:
        """Note that state of a component changed, or may have changed in place."""
        self._nodes[node] = None

    def forget(self, node: Node) -> None:
        """Look at a component no more: it has left."""
        self._nodes.pop(node, None)
        self._budgets.pop(node, None)

    def add_component(self, node: Node) -> None:
        """Note a component that joined the tree, as it is now."""
        place = node.place
        self._outputs.tell_structure(place[:-2], Set(place[-2:], node.component.state))
        self._has_changes = True

    def remove_component(self, node: Node) -> None:
        """Note a component that leaves the tree."""
        place = node.place
        self._outputs.tell_structure(place[:-2], Remove(place[-2:]))
        self._has_changes = True

    def write(self, place: Path, *ops: Op) -> None:
        """Note a change of a node beside its variables."""
        self._outputs.tell(place, *ops)
        self._has_changes = True

    def capture(self, node: WorkNode) -> None:
        """Keep what the flow has written to one work so far: what follows depends on it.

        Raises:
            UnsupportedValueError: A container holds what cannot be state, or is too large.
        """
        if node not in self._nodes:
            return
        del self._nodes[node]
        names = self._take_names(node)
        try:
            values = {
                name: copy_value(node.read(name), (name,)) for name in names if name in node.names
            }
            if values:
                self._check_sizes(node, [Set((name,), value) for name, value in values.items()])
        except UnsupportedValueError as error:
            for name in names:  # what is not told now is looked at again
                node.mark(name, None)
            raise node.explain(error) from None
        if names:
            work_name, place = node.name, node.vars_place

            def write() -> None:
                ops = diff_variables(lookup(self._hub.tree.root, place), values, names)
                if ops:
                    self._hub.commit_flow([(place, ops)], {work_name: ops})
                    self._has_changes = True

            self._outputs.step_in_tree(write)

    def send(self) -> tuple[bool, Sequence[UnsupportedValueError]]:
        """Let out what the flow did.

        Returns:
            Whether it changed anything in the tree, and the components whose containers
            hold what cannot be state: nothing of these was told, but all of the others.
        """
        nodes, self._nodes = self._nodes, {}
        if not nodes:
            self._outputs.send()
        elif self._outputs.is_ordered:
            self._outputs.step_in_tree(lambda: self._commit(nodes))
            self._outputs.send()
        else:  # the usual way: they are compared while the server's thread may go on
            self._outputs.send(*self._changes_of(nodes))
        self.lent.clear()
        for node in nodes:
            if node.held is not None:
                node.held.part()
        has_changes, self._has_changes = self._has_changes, False
        errors, self._errors = self._errors, []
        return has_changes, errors

    def _commit(self, nodes: Iterable[Node]) -> None:
        parts, writes = self._changes_of(nodes)
        if parts:
            self._hub.commit_flow(parts, writes)

    def _changes_of(self, nodes: Iterable[Node]) -> tuple[list[Part], dict[str, Sequence[Op]]]:
        parts: list[Part] = []
        writes: dict[str, Sequence[Op]] = {}
        for node in nodes:
            names = self._take_names(node)
            mirror: dict[str, Value] = lookup(self._hub.tree.root, node.vars_place)
            live = {name: node.read(name) for name in names if name in node.names}
            try:
                ops = diff_variables(mirror, live, names)
                if ops:
                    self._check_sizes(node, ops)
            except UnsupportedValueError as error:
                self._errors.append(node.explain(error))
                continue
            if ops:
                parts.append((node.vars_place, ops))
                if isinstance(node, WorkNode):
                    writes[node.name] = ops
        self._has_changes = self._has_changes or bool(parts)
        return parts, writes

    def _take_names(self, node: Node) -> list[str]:
        names = node.take_changed_names()
        if node.held is not None and node.held.touched:
            # An alias is left somewhere: look again after the next run.
            self._nodes[node] = None
        return names

    def _check_sizes(self, node: Node, ops: Sequence[Op]) -> None:
        """Refuse what no message can carry, and what is more than a work may have."""
        added: dict[str, Size] = {}
        for op in ops:
            name = variable_of(op)
            added[name] = added.get(name, NOTHING).plus(check_op(op))
        if isinstance(node, WorkNode):
            budget = self._budgets.get(node)
            if budget is None:
                budget = self._budgets[node] = Budget(size_of(node.variables()))
            budget.take(added, lambda: size_of(node.variables()))
