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
        self._last_seq = 0
        self._acked_seq = 0
        self._snapshot_needed = False
        self._snapshot_demands = 0
        # The newest update of every call whose end is not acknowledged, and the
        # number of the batch that carries it.
        self._calls: dict[str, tuple[int, CallUpdate]] = {}
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
        """Whether `next` would give a batch."""
        return self._snapshot_needed or self._unsent > 0

    @property
    def is_settled(self) -> bool:
        """Whether the server has taken everything that was put."""
        return not self._kept and not self._snapshot_needed

    def put(self, ops: Sequence[Op] = (), calls: Sequence[CallUpdate] = ()) -> int:
        """Make the next batch of these changes, which `variables` already has.

        Returns:
            The number under which, or under a later one, the server gets them.
        """
        seq = self._last_seq + 1
        for update in calls:
            self._calls[update.call_id] = (seq, update)
        if self._snapshot_needed:
            return seq  # the snapshot will carry both
        self._last_seq = seq
        self._kept.append(Batch(seq, ops, calls, seen_revision=self.seen_revision))
        self._unsent += 1
        if len(self._kept) > _MAX_KEPT:
            self.need_snapshot()
        return seq

    def next(self) -> Batch | None:
        """Return the batch to send next on the live stream, if any."""
        if self._snapshot_needed:
            self._snapshot_needed = False
            self._last_seq += 1
            calls = [update for _, update in self._calls.values()]
            self._calls = {update.call_id: (self._last_seq, update) for update in calls}
            whole = Set((), copy_value(self._variables()))
            self._kept.append(
                Batch(
                    self._last_seq, [whole], calls, snapshot=True, seen_revision=self.seen_revision
                )
            )
            self._unsent = 1
        if not self._unsent:
            return None
        batch = self._kept[-self._unsent]
        self._unsent -= 1
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
        self._calls = {
            call_id: (carried_by, update)
            for call_id, (carried_by, update) in self._calls.items()
            if carried_by > seq or not update.state.is_end
        }

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

    def demand_snapshot(self) -> None:
        """Note that the server refused a batch and demands a snapshot.

        Raises:
            RefusedError: The third time in a row with no batch taken between.
        """
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
        self._unsent = 0
        self._snapshot_needed = True
