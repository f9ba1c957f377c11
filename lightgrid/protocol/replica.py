"""The flow's side of one work's variables: what the work said, and what the flow wrote.

`published` is what the work has sent, every batch whole. The `overlay` is what
the flow wrote and the work has not yet seen, in order of revision. What the
flow sees, the view, is the overlay laid over `published`.

Each batch says up to which revision the work had seen the flow's writes when it made the
batch. Writes up to there move from the overlay into `published`, and then the batch's own
ops apply. A write that does not fit at that moment is dropped; the work drops it by the
same rule, so both sides end equal.

A work that does not receive updates sees no write while it runs. A write to it stays in the
overlay until the work changes that variable itself: then the work's value stands. There is
one exception: a write that was sent with a call which the work has not begun. The work
applies it when it begins the call, so it stays in the overlay until then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.messages import Batch
from lightgrid.protocol.overlay import FlowWrite, Overlay
from lightgrid.state.delta import (
    Assignments,
    Op,
    Path,
    Remove,
    Set,
    Splice,
    apply,
    apply_fitting,
    variable_of,
)
from lightgrid.state.diff import diff
from lightgrid.state.sizes import MAX_NODES, MAX_STATE_BYTES, Budget, Excess, Size, size_of
from lightgrid.state.values import SCALAR_TYPES, Value, copy_value, count_nodes, same

#: Taken and not yet merged, before the server stops reading the stream.
MAX_PENDING_BATCHES: Final = 8
MAX_PENDING_BYTES: Final = 4 * 2**20
_MAX_WRITES_PER_VARIABLE: Final = 64
#: Likewise, of those that were told and are not known to be seen.
_MAX_TOLD_WRITES: Final = 1024


@dataclass(slots=True, frozen=True)
class ReplicaRecord:
    """What is kept of a work's variables over a restart of the flow server.

    Attributes:
        published: What the work has sent, every batch whole.
        overlay: What the flow wrote and the work has not yet seen.
        told_revision: The highest revision that was told to the work.
    """

    published: dict[str, Value]
    overlay: Sequence[FlowWrite]
    told_revision: int


class Replica:
    """The variables of one work, as its flow holds them.

    Args:
        variables: The declared variables and their first values; copied.
        receives_updates: The work is told what the flow writes while it runs.
        max_nodes: Leaves and containers that the work's state may have.
        max_bytes: What it may take; see `Budget`.
    """

    def __init__(
        self,
        variables: dict[str, Value],
        *,
        receives_updates: bool = False,
        max_nodes: int = MAX_NODES,
        max_bytes: int = MAX_STATE_BYTES,
    ) -> None:
        self.published: dict[str, Value] = copy_value(variables)
        self.overlay = Overlay()
        #: The highest revision that was told to the work, in a call or an update.
        self.told_revision = 0
        self.receives_updates = receives_updates
        self._pending: list[Batch] = []
        self._rebuild: dict[str, None] = {}  # variables whose view is made anew, in order
        self._lost: dict[str, None] = {}  # variables with writes that the work never sees
        self._budget = Budget(size_of(self.published), max_nodes, max_bytes)

    @property
    def has_room(self) -> bool:
        """Whether the server should go on reading the work's stream."""
        return (
            len(self._pending) < MAX_PENDING_BATCHES
            and sum(batch.size_bytes for batch in self._pending) < MAX_PENDING_BYTES
        )

    @property
    def pending_ops(self) -> int:
        """How many ops were taken and not merged yet."""
        return sum(len(batch.ops) for batch in self._pending)

    def take(self, batch: Batch) -> None:
        """Take a batch: it will be merged as a whole, exactly once.

        Raises:
            MisfitError: An op does not fit; nothing of the batch counts.
            RefusedError: BAD_OP for a variable that was not declared,
                LIMIT_EXCEEDED for too many nodes; nothing of the batch counts.
        """
        self._check_variables(batch)
        if batch.seen_revision and self.overlay:
            self._move_overlay(batch.seen_revision)
        if batch.snapshot:
            changed = self._take_snapshot(batch)
        else:
            self._check_size(batch)
            apply(self.published, batch.ops)
            changed = list(map(variable_of, batch.ops)) if self.overlay else []
        if self.overlay:
            self._settle_overlay(changed)
        self._pending.append(batch)

    def merge(self, view: dict[str, Value]) -> Sequence[Op]:
        """Return the ops that bring the view up to all batches taken, and forget these.

        Cost: O(ops); a variable that the flow has written to is compared whole.
        """
        if self.overlay:
            # The flow may have written after a batch was taken: its value is on top.
            written = self.overlay.names
            taken = (variable_of(op) for batch in self._pending for op in batch.ops)
            self._rebuild.update(dict.fromkeys(name for name in taken if name in written))
        runs = [batch.ops for batch in self._pending if not batch.snapshot]
        flat = [run for run in runs if type(run) is Assignments]
        if not self._rebuild and len(flat) == len(runs):
            self._pending.clear()
            return flat[0] if len(flat) == 1 else Assignments.joined(flat)
        ops = [op for run in runs for op in run if variable_of(op) not in self._rebuild]
        for name in self._rebuild:
            ops.extend(diff(view[name], self._current(name), (name,)))
        self._pending.clear()
        self._rebuild.clear()
        return ops

    def take_lost(self) -> Sequence[str]:
        """Return the variables that the work has changed before it saw what the flow wrote.

        Since the last time; what the flow wrote there stands nowhere any more.
        """
        lost, self._lost = self._lost, {}
        return tuple(lost)

    def write(self, ops: Sequence[Op], revision: int, view: dict[str, Value]) -> None:
        """Note what the flow wrote into its view, which has it already.

        What the work was not told yet and a later write replaces is forgotten,
        and many small writes to one variable become one of the whole, so that
        the overlay is bounded by the state.
        """
        overlay, told_revision = self.overlay, self.told_revision
        for op in ops:
            if type(op) is Set:
                self._forget_untold(op.path)
            overlay.add(FlowWrite(revision, op))
        for name in dict.fromkeys(map(variable_of, ops)):
            if overlay.count(name) <= _MAX_WRITES_PER_VARIABLE:
                continue
            if self.receives_updates and overlay.count(name) > _MAX_TOLD_WRITES:
                # The work says nothing of what it has seen. Should it have seen some, it
                # may have to send a snapshot, and then gets the whole.
                overlay.drop((name,))
            elif overlay.count_untold(name, told_revision) > _MAX_WRITES_PER_VARIABLE:
                self._forget_untold((name,))
            else:
                continue
            overlay.add(FlowWrite(revision, Set((name,), copy_value(view[name]))))

    def tell(self, after_revision: int, to_revision: float = inf) -> tuple[list[Op], int]:
        """Return what the flow wrote between two revisions and the newest revision in it.

        From now on the work may have seen it, whether or not it says so.
        """
        writes = self.overlay.between(after_revision, to_revision)
        newest = writes[-1].revision if writes else 0
        self.told_revision = max(self.told_revision, newest)
        return [write.op for write in writes], newest

    def dump(self) -> ReplicaRecord:
        """Return all there is to keep. Cost: O(state)."""
        return ReplicaRecord(copy_value(self.published), list(self.overlay), self.told_revision)

    def load(self, record: ReplicaRecord) -> None:
        """Go on from what was kept of the variables that are still declared.

        The next merge brings the view up to it, whatever the view is by then.
        """
        kept = {name: value for name, value in record.published.items() if name in self.published}
        self.published.update(copy_value(kept))
        self.overlay = Overlay(w for w in record.overlay if variable_of(w.op) in self.published)
        self.told_revision = record.told_revision
        self._rebuild = dict.fromkeys(self.published)
        self._budget.reset(size_of(self.published))

    def _current(self, name: str) -> Value:
        """Return a variable as the flow is to see it: the overlay over what was published."""
        writes = self.overlay.ops_of(name)
        if not writes:
            return self.published[name]
        current = {name: copy_value(self.published[name])}
        apply_fitting(current, writes)
        return current[name]

    def _forget_untold(self, path: Path) -> None:
        self.overlay.drop_replaced(path, self.told_revision)

    def _move_overlay(self, seen_revision: int) -> None:
        seen = [write.op for write in self.overlay.take(seen_revision)]
        apply_fitting(self.published, seen)
        self._budget.grow(Size(_count_added(seen), 0), lambda: size_of(self.published))
        self._rebuild.update(dict.fromkeys(map(variable_of, seen)))

    def _take_snapshot(self, batch: Batch) -> list[str]:
        content: dict[str, Value] = {}
        apply(content, batch.ops)
        values = {**self.published, **content}
        _refuse(self._budget.reset(size_of(values)))
        changed = [name for name, value in values.items() if not same(self.published[name], value)]
        for name in changed:
            self.published[name] = values[name]
        # A variable that it leaves as it was gets there by the batches before it.
        self._rebuild.update(dict.fromkeys(changed))
        return changed

    def _settle_overlay(self, changed: Sequence[str]) -> None:
        """Keep the overlay right for variables that the work has just changed."""
        both = [name for name in changed if name in self.overlay.names]
        if not both:
            return
        self._rebuild.update(dict.fromkeys(both))
        if not self.receives_updates:
            gone = {name for name in both if not self.overlay.is_told(name, self.told_revision)}
            if gone:
                self.overlay.drop(gone)
                self._lost.update(dict.fromkeys(gone))

    def _check_variables(self, batch: Batch) -> None:
        if (
            type(batch.ops) is Assignments
            and batch.ops.values.keys() <= self.published.keys()
            and not batch.snapshot
        ):
            return
        ops = iter(batch.ops)
        if batch.snapshot:
            first = next(ops, None)
            if type(first) is not Set or first.path or not isinstance(first.value, dict):
                raise RefusedError(Reason.BAD_OP, "a snapshot begins by setting the empty path")
            for name in first.value:
                self._check_declared(name)
        for op in ops:
            if not op.path:
                raise RefusedError(
                    Reason.BAD_OP, "only a snapshot's first op may set the empty path"
                )
            self._check_declared(op.path[0])
            if type(op) is Remove and len(op.path) == 1:
                raise RefusedError(
                    Reason.BAD_OP,
                    f"{op.path[0]} is a variable of the work and cannot be removed",
                    {"path": op.path[0]},
                )

    def _check_declared(self, name: str) -> None:
        if name not in self.published:
            declared = ", ".join(sorted(self.published)) or "none"
            raise RefusedError(
                Reason.BAD_OP,
                f"the flow declares no variable {name!r} for this work (it declares: {declared})",
                {"path": name},
            )

    def _check_size(self, batch: Batch) -> None:
        """Refuse ops that would make the state too large; at a cost that follows the change."""

        def size_after() -> Size:
            variables = copy_value(self.published)
            apply(variables, batch.ops)
            return size_of(variables)

        # What scalars are assigned stands in the place of whatever was there.
        nodes = 0 if type(batch.ops) is Assignments else _count_added(batch.ops)
        _refuse(self._budget.grow(Size(nodes, batch.size_bytes), size_after))


def _refuse(excess: Excess | None) -> None:
    if excess is not None:
        raise RefusedError(
            Reason.LIMIT_EXCEEDED, str(excess), {"limit": excess.limit, "value": excess.most}
        )


def _count_added(ops: Sequence[Op]) -> int:
    added = 0
    for op in ops:
        if type(op) is Set:
            added += 1 if type(op.value) in SCALAR_TYPES else count_nodes(op.value)
        elif type(op) is Splice:
            added += count_nodes(op.insert) - 1  # the list itself is there
    return added
