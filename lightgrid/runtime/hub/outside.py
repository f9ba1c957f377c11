"""Changes of state that come from outside: `lightgrid state set`, or any client."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from lightgrid.component.component import Component
from lightgrid.component.node import Node, node_of
from lightgrid.errors import Reason, RefusedError
from lightgrid.state.delta import Op, Remove, within
from lightgrid.state.layout import VARS

if TYPE_CHECKING:
    from lightgrid.runtime.hub.hub import Hub

#: Answers that are remembered, by request id.
_MAX_KEPT_REQUESTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class OutsideUpdate:
    """A change of the tree that a client asks for.

    Attributes:
        ops: On the root of the tree, all or none of them.
        origin: Who asks, as watchers are told: "outside:NAME".
        expected_revision: What the client has read; None to change whatever is there now.
    """

    ops: Sequence[Op]
    origin: str
    expected_revision: int | None = None


class OutsideUpdates:
    """Has changes made between two runs of the flow. For the server's thread."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._requests: OrderedDict[str, Future[int]] = OrderedDict()

    def request(self, update: OutsideUpdate, request_id: str = "") -> Future[int]:
        """Have a change made; the same request id gets the same answer.

        Returns:
            The revision that the tree came to; or RefusedError: NO_SUCH_PATH, NOT_ALLOWED,
            BAD_OP or REVISION_CONFLICT, and nothing has changed.

        Raises:
            ClosedError: The app ends.
        """
        answer = self._requests.get(request_id)
        if answer is None:
            answer = self._hub.ask(lambda root: _apply(root, self._hub, update))
            if request_id:
                self._requests[request_id] = answer
                if len(self._requests) > _MAX_KEPT_REQUESTS:
                    self._requests.popitem(last=False)
        return answer


def _apply(root: Component, hub: Hub, update: OutsideUpdate) -> int:
    """Make a change in the tree and in the components, and return the revision."""
    by_node = [(_declaring_node(root, op), op) for op in update.ops]
    change = hub.apply_outside(update)
    for node, op in by_node:
        node.receive([within(op, len(node.vars_place))])
    return change.revision


def _declaring_node(root: Component, op: Op) -> Node:
    """Return the node of the component whose declared variable an op changes.

    Raises:
        RefusedError: There is none, or it would be removed.
    """
    node: Node | None = node_of(root)
    path = op.path
    while node is not None and len(path) >= 2 and path[0] != VARS:
        node = node.children.get(path[0], {}).get(path[1])
        path = path[2:]
    if node is None or len(path) < 2 or path[0] != VARS or path[1] not in node.names:
        raise RefusedError(
            Reason.NO_SUCH_PATH,
            f"{'.'.join(op.path) or 'the root'} is no declared variable of a component; only "
            "these can be changed from outside",
            {"path": ".".join(op.path)},
        )
    if type(op) is Remove and len(path) == 2:
        raise RefusedError(
            Reason.NOT_ALLOWED,
            f"{path[1]} is a variable and cannot be removed",
            {"path": ".".join(op.path)},
        )
    return node
