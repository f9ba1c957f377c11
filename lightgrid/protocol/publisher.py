"""The work's side of its variables: what it has told the flow, and what the flow has told it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lightgrid.protocol.messages import CallUpdate, Update
from lightgrid.protocol.outbox import Outbox
from lightgrid.state.delta import Op, Set, apply, apply_fitting
from lightgrid.state.values import Value, copy_value, same


class Publisher:
    """Turns changes of a work's variables into batches, and takes in the flow's.

    Args:
        variables: As the flow has them; copied.
        seen_revision: The revision of the tree that they were taken at.

    `mirror` is what the flow has when it has applied every batch put into the
    outbox. Not safe to share between threads.
    """

    def __init__(self, variables: dict[str, Value], seen_revision: int = 0) -> None:
        self.mirror: dict[str, Value] = copy_value(variables)
        self.outbox = Outbox(lambda: self.mirror)
        self.outbox.seen_revision = seen_revision
        self._told_revision = seen_revision

    def put(self, ops: Sequence[Op], calls: Sequence[CallUpdate] = ()) -> bool:
        """Put changes that were found in the variables into the outbox, as one batch.

        Returns:
            Whether there was anything to tell.
        """
        if not (ops or calls or self._told_revision != self.outbox.seen_revision):
            return False
        apply(self.mirror, ops)
        self.outbox.put(ops, calls)
        self._told_revision = self.outbox.seen_revision
        return True

    def receive(self, update: Update, apply_live: Callable[[Sequence[Op]], None]) -> list[Op]:
        """Apply what the flow wrote. Changes that were made before it are to be put first.

        Args:
            update: What it wrote.
            apply_live: Applies ops to the variables as user code has them. It may apply
                others or none: how the variables differ then is found and put like any
                other change.

        Returns:
            The ops that were applied. An op that does not fit is dropped; the flow server
            drops it, too, when it learns that this revision was seen. A snapshot may have
            taken back changes of the work that the flow has not merged: so after a snapshot
            the next batch is a snapshot as well.
        """
        if update.revision < self.outbox.seen_revision + (not update.snapshot):
            return []
        ops = self._changes_of_snapshot(update) if update.snapshot else update.ops
        fitting = apply_fitting(self.mirror, ops)
        self.outbox.seen_revision = update.revision
        apply_live(fitting)
        if update.snapshot:
            self.outbox.need_snapshot()
        return fitting

    def _changes_of_snapshot(self, update: Update) -> list[Op]:
        (whole,) = update.ops
        assert isinstance(whole, Set)
        return [
            Set((name,), value)
            for name, value in whole.value.items()
            if name in self.mirror and not same(self.mirror[name], value)
        ]
