"""The work's side of the delta stream: what has to be sent, and sent again.

A batch keeps its number and its content from the moment it is made until it is
acknowledged; a number once used is never used for other content. When batches
that were not acknowledged cannot be kept (too many) or do not help (the server
asks), the next batch is a snapshot: what recovers is the state, not the
history, so the outbox is bounded by the size of the state.

Changes are pulled: while the window is full the caller does not collect, and
what changes meanwhile is coalesced by simply changing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.messages import Batch, CallUpdate
from lightgrid.state.delta import Op, Set
from lightgrid.state.values import Value, copy_value

#: Batches made and not acknowledged before the work stops collecting.
WINDOW: Final = 64
#: Ends of calls are put even when the window is full; beyond this, a snapshot is shorter.
_MAX_KEPT: Final = 2 * WINDOW
#: Ops and updates of calls in a batch that was joined of several.
_MAX_JOINED: Final = 256
#: Demands for a snapshot with no batch taken between them that end the work.
MAX_SNAPSHOT_DEMANDS: Final = 3


class Outbox:
    """Numbers a work's batches and knows which to send next.

    Args:
        variables: Returns what has been collected so far: the state that the
            flow has when it has applied every batch that was put.

    Not safe to share between threads.
    """

    def __init__(self, variables: Callable[[], dict[str, Value]]) -> None:
        self._variables = variables
        self._kept: deque[Batch] = deque()  # in order of seq, not acknowledged
        self._unsent = 0  # how many of the newest kept ones this stream has not carried
        self._fresh = 0  # how many of these no stream has
        self._last_seq = 0
        self._acked_seq = 0
        self._snapshot_needed = False
        self._snapshot_demands = 0
        self._demanded_at_seq = 0  # the last batch that the server had taken then
        # What a snapshot has to say of calls: the newest update of each that has not ended,
        # and each end that is not acknowledged, with the number of the batch that carries it.
        self._begun: dict[str, CallUpdate] = {}
        self._ends: deque[tuple[int, CallUpdate]] = deque()
        #: The highest revision whose flow writes have been applied to the variables.
        self.seen_revision = 0

    @property
    def has_room(self) -> bool:
        """Whether more changes may be collected and put."""
        return len(self._kept) < WINDOW

    @property
    def last_seq(self) -> int:
        """The number of the newest batch."""
        return self._last_seq

    @property
    def acked_seq(self) -> int:
        """The last batch that the server said it has taken."""
        return self._acked_seq

    @property
    def has_unsent(self) -> bool:
        """Whether `next` gives a batch, now or once the server has taken others."""
        return self._snapshot_needed or self._unsent > 0

    @property
    def is_settled(self) -> bool:
        """Whether the server has taken everything that was put."""
        return not self._kept and not self._snapshot_needed

    def put(self, ops: Sequence[Op] = (), calls: Sequence[CallUpdate] = ()) -> None:
        """Make the next batch of these changes, which `variables` already has."""
        joins = self._may_join(len(ops) + len(calls))
        seq = self._last_seq + (not joins)
        for update in calls:
            if update.state.is_end:
                self._begun.pop(update.call_id, None)
                self._ends.append((seq, update))
            else:
                self._begun[update.call_id] = update
        if self._snapshot_needed:
            return  # the snapshot will carry both
        if joins:
            self._join_newest(ops, calls)
            return
        self._last_seq = seq
        self._kept.append(Batch(seq, ops, calls, seen_revision=self.seen_revision))
        self._unsent += 1
        self._fresh += 1
        if len(self._kept) > _MAX_KEPT:
            self.need_snapshot()

    def next(self) -> Batch | None:
        """Return the batch to send next on the live stream, if any."""
        if self._snapshot_needed:
            self._snapshot_needed = False
            self._last_seq += 1
            ends = [update for _, update in self._ends]
            calls = [*ends, *self._begun.values()]
            whole = Set((), copy_value(self._variables()))
            self._kept.append(
                Batch(
                    self._last_seq, [whole], calls, snapshot=True, seen_revision=self.seen_revision
                )
            )
            self._unsent += 1
        if not self._unsent or len(self._kept) - self._unsent >= WINDOW:
            return None
        batch = self._kept[-self._unsent]
        self._unsent -= 1
        self._fresh = min(self._fresh, self._unsent)
        return batch

    def acked(self, seq: int) -> None:
        """Note that the server has taken every batch up to `seq`."""
        if seq <= self._acked_seq:
            return
        self._acked_seq = seq
        self._snapshot_demands = 0
        while self._kept and self._kept[0].seq <= seq:
            self._kept.popleft()
        self._unsent = min(self._unsent, len(self._kept))
        while self._ends and self._ends[0][0] <= seq:
            self._ends.popleft()

    def registered(self, acked_seq: int, *, snapshot_required: bool) -> None:
        """Begin a new stream after the server said how far it is.

        That a new session wants a snapshot is no demand: on a bad network a
        work may join many times before its first snapshot gets through.
        """
        if acked_seq > self._last_seq:
            # Not from this outbox's batches: whatever they were, go on above them.
            self._last_seq = acked_seq
            snapshot_required = True
        elif acked_seq < self._acked_seq:
            snapshot_required = True  # what lies between is not kept any more
        self.acked(acked_seq)
        if snapshot_required:
            self.need_snapshot()
        elif not self._snapshot_needed:
            self._unsent = len(self._kept)

    def demand_snapshot(self, taken_seq: int = 0) -> None:
        """Note that the server refused a batch and demands a snapshot.

        Args:
            taken_seq: The last batch it has taken, if it says so: what it acknowledges may be
                far behind.

        Raises:
            RefusedError: The third time in a row with no batch taken between.
        """
        if taken_seq > self._demanded_at_seq:
            self._demanded_at_seq, self._snapshot_demands = taken_seq, 0
        self._snapshot_demands += 1
        if self._snapshot_demands >= MAX_SNAPSHOT_DEMANDS:
            raise RefusedError(
                Reason.SNAPSHOT_REQUIRED,
                f"the flow server asked for a snapshot {self._snapshot_demands} times and took "
                "none. Its log says why",
            )
        self.need_snapshot()

    def need_snapshot(self) -> None:
        """Let the next batch be a snapshot, in place of all that was not acknowledged."""
        self._kept.clear()
        self._unsent = self._fresh = 0
        self._snapshot_needed = True

    def _may_join(self, size: int) -> bool:
        """Tell whether what is put goes with the newest batch, which no stream has carried.

        Beyond the window, so that many short calls take few messages while the server is
        behind.
        """
        if self.has_room or not self._fresh:
            return False
        newest = self._kept[-1]
        return (
            newest.seen_revision == self.seen_revision
            and len(newest.ops) + len(newest.calls) + size <= _MAX_JOINED
        )

    def _join_newest(self, ops: Sequence[Op], calls: Sequence[CallUpdate]) -> None:
        newest, moved = self._kept[-1], {update.call_id for update in calls}
        newest.ops = [*newest.ops, *ops]
        # As in a snapshot, a call's newest update is all that is said of it.
        newest.calls = [*(one for one in newest.calls if one.call_id not in moved), *calls]
