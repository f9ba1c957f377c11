"""The server's side of one work's delta stream: which batches count.

The server takes batch N when N - 1 is the last it took, drops one that it
already took, and takes a snapshot with any number above. Nothing of a batch
counts before its last part is here.
"""

from __future__ import annotations

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.messages import Batch
from lightgrid.state.sizes import MAX_NODES, size_of_op


class Intake:
    """The sequence rule of one epoch.

    Attributes:
        acked_seq: The last batch taken.
        snapshot_required: Only a snapshot is taken next.
    """

    def __init__(self, max_batch_bytes: int, max_nodes: int = MAX_NODES) -> None:
        self.acked_seq = 0
        self.snapshot_required = True
        self._max_batch_bytes = max_batch_bytes
        self._max_nodes = max_nodes
        self._staged: list[Batch] = []
        self._staged_bytes = self._staged_nodes = 0

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
        elif part.seq <= self.acked_seq:
            return None
        elif not part.snapshot:
            self._check_follows(part.seq)
        if not part.more and not self._staged:
            return part
        self._stage(part)
        return None if part.more else self._join()

    def taken(self, batch: Batch) -> None:
        """Note that a batch was applied: it and all before it are acknowledged."""
        self.acked_seq = batch.seq
        self.snapshot_required = False

    def drop_staged(self) -> None:
        """Forget the parts of a batch whose stream ended."""
        self._staged = []
        self._staged_bytes = self._staged_nodes = 0

    def _check_follows(self, seq: int) -> None:
        if self.snapshot_required:
            raise RefusedError(Reason.SNAPSHOT_REQUIRED, "the next batch must be a snapshot")
        expected = self.acked_seq + 1
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
        self._staged = []
        self._staged_bytes = self._staged_nodes = 0
        return Batch(
            seq=first.seq,
            ops=[op for part in parts for op in part.ops],
            calls=[update for part in parts for update in part.calls],
            snapshot=first.snapshot,
            seen_revision=first.seen_revision,
            size_bytes=sum(part.size_bytes for part in parts),
        )
