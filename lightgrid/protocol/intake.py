"""The server's side of one work's delta stream: which batches count.

The server takes batch N when N - 1 is the last it took, drops one that it
already took, and takes a snapshot with any number above. Nothing of a batch
counts before its last part is here.

What was taken is acknowledged: at once, or when a journal has it. Until then the work
keeps it, and sends it again if the server begins anew with what its journal had.
"""

from __future__ import annotations

from dataclasses import dataclass

from lightgrid.errors import MisfitError, Reason, RefusedError
from lightgrid.protocol.messages import Batch
from lightgrid.state.sizes import MAX_NODES, size_of_op


@dataclass(slots=True, frozen=True)
class IntakeRecord:
    """What is kept, over a restart of the flow server, of how far it is in one epoch."""

    taken_seq: int
    applied_seq: int
    snapshot_required: bool


class Intake:
    """The sequence rule of one epoch, and how far it is.

    Args:
        max_batch_bytes: What a batch may take.
        max_nodes: Leaves and containers that it may have.
        has_journal: What was taken is acknowledged once it was `committed`.

    Attributes:
        taken_seq: The last batch taken.
        applied_seq: The last batch that the flow's next run sees.
        snapshot_required: Only a snapshot is taken next.
    """

    def __init__(
        self, max_batch_bytes: int, max_nodes: int = MAX_NODES, *, has_journal: bool = False
    ) -> None:
        self.taken_seq = 0
        self.applied_seq = 0
        self.snapshot_required = True
        self._has_journal = has_journal
        self._committed_seq = 0
        self._max_batch_bytes = max_batch_bytes
        self._max_nodes = max_nodes
        self._staged: list[Batch] = []
        self._staged_bytes = self._staged_nodes = 0

    @property
    def acked_seq(self) -> int:
        """The last batch taken for good: it, and all before it, will never be needed again."""
        return self._committed_seq if self._has_journal else self.taken_seq

    @property
    def is_settled(self) -> bool:
        """Whether all that was taken is acknowledged."""
        return self.acked_seq == self.taken_seq

    def committed(self, seq: int) -> int:
        """Note that the journal has the batches up to one; return how many it had not before."""
        added = max(0, seq - self._committed_seq)
        self._committed_seq += added
        return added

    def offer(self, part: Batch) -> Batch | None:
        """Return the whole batch that a part completes, if it is to be taken.

        Call `taken` when the batch has been applied.

        Raises:
            RefusedError: SEQUENCE_GAP, SNAPSHOT_REQUIRED, BAD_OP or LIMIT_EXCEEDED.
                The stream is to end, and with it what was staged.
        """
        if self._staged:
            if part.seq != self._staged[0].seq:
                raise RefusedError(
                    Reason.BAD_OP,
                    f"batch {self._staged[0].seq} was to go on, here is batch {part.seq}",
                )
        elif part.seq <= self.taken_seq:
            return None
        elif not part.snapshot:
            self._check_follows(part.seq)
        if not part.more and not self._staged:
            return part
        self._stage(part)
        return None if part.more else self._join()

    def taken(self, batch: Batch) -> None:
        """Note that a batch was taken."""
        self.taken_seq = batch.seq
        self.snapshot_required = False

    def refuse(self, batch: Batch, error: MisfitError, work: str) -> RefusedError:
        """Note that a batch does not fit; return what its work is told."""
        facts: dict[str, object] = {"path": ".".join(error.path), "cause": error.cause}
        if batch.snapshot:
            return RefusedError(
                Reason.BAD_OP, f"a snapshot of {work} does not fit itself: {error}", facts
            )
        self.snapshot_required = True
        return RefusedError(
            Reason.SNAPSHOT_REQUIRED,
            f"a change of {work} does not fit: {error}",
            {**facts, "taken_seq": self.taken_seq},
        )

    def check_acked(self, final_seq: int) -> None:
        """Go on if all is here for good, up to the last batch that a work has sent.

        Raises:
            RefusedError: BATCHES_PENDING.
        """
        if final_seq > self.acked_seq:
            raise RefusedError(
                Reason.BATCHES_PENDING,
                f"batch {self.acked_seq} of {final_seq} is the last one taken for good; ask again",
                {"acked_seq": self.acked_seq},
            )

    def drop_staged(self) -> None:
        """Forget the parts of a batch, which is whole, or whose stream has ended."""
        self._staged = []
        self._staged_bytes = self._staged_nodes = 0

    def dump(self) -> IntakeRecord:
        """Return all there is to keep. The parts of a batch do not outlive their stream."""
        return IntakeRecord(self.taken_seq, self.applied_seq, self.snapshot_required)

    def load(self, record: IntakeRecord) -> None:
        """Go on from what was kept: all that was taken by then is known for good."""
        self.taken_seq = self._committed_seq = record.taken_seq
        self.applied_seq = record.applied_seq
        self.snapshot_required = record.snapshot_required

    def _check_follows(self, seq: int) -> None:
        if self.snapshot_required:
            raise RefusedError(
                Reason.SNAPSHOT_REQUIRED,
                "the next batch must be a snapshot",
                {"taken_seq": self.taken_seq},
            )
        expected = self.taken_seq + 1
        if seq != expected:
            raise RefusedError(
                Reason.SEQUENCE_GAP,
                f"batch {expected} is missing, here is batch {seq}",
                {"expected_seq": expected},
            )

    def _stage(self, part: Batch) -> None:
        """Keep a part until the last one is here.

        Its values are counted as well as its bytes: an empty list has 4 on the wire and 60
        in memory.
        """
        self._staged.append(part)
        self._staged_bytes += part.size_bytes
        self._staged_nodes += sum(size_of_op(op).nodes for op in part.ops)
        for limit, most, found in (
            ("max_batch_bytes", self._max_batch_bytes, self._staged_bytes),
            # Twice: a container that is filled by further ops counts with each of these.
            ("max_nodes", self._max_nodes, self._staged_nodes // 2),
        ):
            if found > most:
                raise RefusedError(
                    Reason.LIMIT_EXCEEDED,
                    f"a batch is larger than {limit}, {most}",
                    {"limit": limit, "value": most},
                )

    def _join(self) -> Batch:
        first, parts = self._staged[0], self._staged
        self.drop_staged()
        return Batch(
            seq=first.seq,
            ops=[op for part in parts for op in part.ops],
            calls=[update for part in parts for update in part.calls],
            snapshot=first.snapshot,
            seen_revision=first.seen_revision,
            size_bytes=sum(part.size_bytes for part in parts),
        )
