"""Changes of state that come from outside: `lightgrid state set`, or any client."""

from __future__ import annotations

from lightgrid.component.node import Node
from lightgrid.errors import LightgridError, Reason, RefusedError
from lightgrid.runtime.events import OutsideUpdate
from lightgrid.runtime.hub import Hub
from lightgrid.state.delta import Op, Remove, within
from lightgrid.state.layout import VARS


def apply_outside(root: Node, hub: Hub, update: OutsideUpdate) -> bool:
    """Make a change between two runs, in the tree and in the components, and answer it.

    Returns:
        Whether it was made.
    """
    if not update.answer.set_running_or_notify_cancel():
        return False
    try:
        by_node = [(_declaring_node(root, op), op) for op in update.ops]
        change = hub.apply_outside(update)
    except LightgridError as error:
        update.answer.set_exception(error)
        return False
    for node, op in by_node:
        node.receive([within(op, len(node.vars_place))])
    update.answer.set_result(change.revision)
    return True


def _declaring_node(root: Node, op: Op) -> Node:
    """Return the node of the component whose declared variable an op changes.

    Raises:
        RefusedError: There is none, or it would be removed.
    """
    node: Node | None = root
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
