"""The work's side of its variables: what it has told the flow, and what it has now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lightgrid.protocol.messages import CallUpdate, Update
from lightgrid.protocol.outbox import Outbox
from lightgrid.state.delta import Op, Set, apply, apply_fitting
from lightgrid.state.diff import diff_variables
from lightgrid.state.values import Value, copy_value, same


class Publisher:
    """Turns changes of a work's variables into batches, and takes in the flow's.

    Args:
        live: The variables as user code has them. User code changes them at any
            time; only `receive` changes them here.
        names: Which of them are state.
        seen_revision: The revision of the tree that `live` was made from.

    `mirror` is what the flow has when it has applied every batch put into the
    outbox. Not safe to share between threads, but for `live`.
    """

    def __init__(
        self, live: dict[str, Value], names: Iterable[str], seen_revision: int = 0
    ) -> None:
        self.live = live
        self.mirror: dict[str, Value] = copy_value({name: live[name] for name in names})
        self.outbox = Outbox(lambda: self.mirror)
        self.outbox.seen_revision = seen_revision
        self._told_revision = seen_revision

    def publish(self, names: Sequence[str], calls: Sequence[CallUpdate] = ()) -> bool:
        """Put what changed in the named variables into the outbox, as one batch.

        Returns:
            Whether there was anything to tell.

        Raises:
            UnsupportedValueError: A variable holds what cannot be state. Nothing was put.
        """
        # One C call: read one by one while user code assigns, the variables would
        # be a combination that never existed.
        live = dict.copy(self.live) if names else {}
        return self.put(diff_variables(self.mirror, live, names), calls)

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

    def receive(
        self,
        update: Update,
        names: Sequence[str],
        apply_live: Callable[[Sequence[Op]], None] | None = None,
    ) -> list[Op]:
        """Apply what the flow wrote, after closing the batch of what was made before it.

        Args:
            update: What it wrote.
            names: The variables that may have changed before.
            apply_live: Applies ops to `live`, or does not: what comes of it is
                found by the next `publish` of these variables.

        Returns:
            The ops that were applied. One that does not fit is dropped, as the
            flow server drops it when it learns that this revision was seen. After
            a snapshot the next batch is one too: it may have taken back what
            the flow had not merged yet.

        Raises:
            UnsupportedValueError: As `publish`.
        """
        seen_revision = self.outbox.seen_revision
        if update.revision < seen_revision + (not update.snapshot):
            return []
        self.publish(names)
        ops = self._changes_of_snapshot(update) if update.snapshot else update.ops
        fitting = apply_fitting(self.mirror, ops)
        self.outbox.seen_revision = update.revision
        if apply_live is not None:
            apply_live(fitting)
        else:
            # What does not fit, user code has changed since it was collected. The next
            # `publish` tells the flow what came of it.
            apply_fitting(self.live, fitting)
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
