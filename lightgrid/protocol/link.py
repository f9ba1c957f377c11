"""The flow's end of one work: everything the server knows and owes it.

The server side of the protocol, as one state machine. Methods that take a
message raise `RefusedError` with the reason that the peer is told; nothing of
a refused message counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lightgrid.errors import MisfitError
from lightgrid.protocol.calls import CallLog, CallLogRecord
from lightgrid.protocol.features import FEATURES, PYTHON_ARGUMENTS, UPDATES
from lightgrid.protocol.holder import Holder, HolderRecord
from lightgrid.protocol.intake import Intake, IntakeRecord
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.merged import Merged
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    CallError,
    Command,
    Registration,
    Run,
    Stop,
    Update,
)
from lightgrid.protocol.replica import Replica, ReplicaRecord
from lightgrid.protocol.session import Session
from lightgrid.protocol.told import Told
from lightgrid.state.delta import Set
from lightgrid.state.values import Value, copy_value


@dataclass(slots=True, frozen=True)
class LinkRecord:
    """What the flow server knows of one work and owes it, over a restart of the server."""

    holder: HolderRecord
    replica: ReplicaRecord
    calls: CallLogRecord
    intake: IntakeRecord
    start_revision: int


class WorkLink:
    """The flow's end of one work.

    Args:
        name: The work's name in the component tree: "root.w".
        variables: Its declared variables and their first values.
        limits: What is accepted.
        receives_updates: It is told what the flow writes while it runs.
        has_journal: What it sends is acknowledged once it was `committed`.

    Attributes:
        holder: Who has the name.
        intake: How far it is with the holder's batches.

    Not safe to share between threads.
    """

    def __init__(
        self,
        name: str,
        variables: dict[str, Value],
        limits: Limits,
        *,
        receives_updates: bool = False,
        has_journal: bool = False,
    ) -> None:
        self.name = name
        self.replica = Replica(
            variables,
            receives_updates=receives_updates,
            max_nodes=limits.max_nodes,
            max_bytes=limits.max_batch_bytes,
        )
        self.calls = CallLog()
        self.holder = Holder(name)
        self._limits = limits
        self._receives_updates = receives_updates
        self._has_journal = has_journal
        self.intake = self._new_intake()
        self._start_revision = 0  # what the newest started process has seen of the flow's writes
        self._staged_stream = 0  # whose parts the intake holds

    # --- joining and leaving ---------------------------------------------------

    @property
    def session(self) -> Session | None:
        """The newest session, also when its holder is gone."""
        return self.holder.session

    def register(
        self,
        instance_id: str,
        session_id: str,
        features: Sequence[str],
        terms: LeaseTerms,
        now_s: float,
        launch_id: str = "",
    ) -> Registration:
        """Let a process join, or join again, as this work.

        Args:
            instance_id: Random, of one run of a process.
            session_id: What to call the session if a new one begins.
            features: What the process knows.
            terms: Told to the process.
            now_s: The time.
            launch_id: By which launch it was started, if it knows.

        Raises:
            RefusedError: EPOCH_FENCED, WORK_STOPPED or WORK_HELD.
        """
        before = self.session
        known = tuple(feature for feature in features if feature in FEATURES)
        ttl_s = terms.lease_ttl_s
        session = self.holder.admit(instance_id, session_id, known, ttl_s, now_s, launch_id)
        if session is not before:
            self._begin_epoch(session, before)
        return Registration(
            session_id=session.session_id,
            epoch=session.epoch,
            acked_seq=self.intake.acked_seq,
            snapshot_required=self.intake.snapshot_required,
            terms=terms,
            limits=self._limits,
            features=session.features,
        )

    def release(self, final_seq: int) -> None:
        """Let the holder leave; the calls end with it that have no end and were sent to it.

        Raises:
            RefusedError: BATCHES_PENDING when its last batch is not acknowledged yet.
        """
        self.intake.check_acked(final_seq)
        self.holder.fence()
        self._gone()
        self.calls.holder_left()

    def process_starts(self) -> None:
        """Note that a process is started with the variables as the flow sees them now.

        Call it when they are copied for the process, before the flow writes again.
        """
        _, self._start_revision = self.replica.tell(0)

    def process_gone(self, error: CallError | None, succeeded: str = "") -> None:
        """Note that the holder is gone for good, by its own word or its launcher's.

        Args:
            error: Why, when it did not leave in order: its open calls failed, else they are
                cancelled.
            succeeded: The call that it has carried out by ending in order, if any.
        """
        self._gone()
        self.calls.process_gone(error, succeeded)

    @property
    def is_held(self) -> bool:
        """Whether a process has joined and has not left."""
        return self.holder.is_held

    # --- the delta stream --------------------------------------------------------

    def offer(self, stream: int, part: Batch, now_s: float) -> bool:
        """Take a message of the delta stream. One without a batch (number 0) is a heartbeat.

        Returns:
            Whether a batch was taken: there is something to merge and to acknowledge.

        Raises:
            RefusedError: The stream is to end with it.
        """
        self.renew(stream, now_s)
        if part.seq == 0:
            return False
        if stream != self._staged_stream:
            # A batch that another stream left unfinished begins anew on this one.
            self.intake.drop_staged()
            self._staged_stream = stream
        batch = self.intake.offer(part)
        if batch is None:
            return False
        if batch.calls:
            # Whoever says that a call runs has applied the writes that came with the call.
            batch.seen_revision = max(batch.seen_revision, self.calls.told_with(batch.calls))
        try:
            self.replica.take(batch)
        except MisfitError as error:
            raise self.intake.refuse(batch, error, self.name) from error
        self.intake.taken(batch)
        self.calls.take(batch.calls)
        return True

    def renew(self, stream: int, now_s: float) -> None:
        """Count the holder as alive, by its delta stream.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        self.holder.check_live("deltas", stream)
        assert self.session is not None
        self.session.lease.renew(now_s)

    def close_delta_stream(self, stream: int) -> None:
        """Note that a delta stream ended, however it did."""
        if self.session is not None and self.session.is_live("deltas", stream):
            self.session.close_stream("deltas", stream)
            self.intake.drop_staged()

    @property
    def acked_seq(self) -> int:
        """The last batch taken for good in this epoch."""
        return self.intake.acked_seq

    @property
    def mark(self) -> tuple[str, int]:
        """What a journal written now has of the work: its session, and the last batch merged."""
        return "" if self.session is None else self.session.session_id, self.intake.applied_seq

    def committed(self, mark: tuple[str, int]) -> int:
        """Note that the journal has what a mark says; return how many batches more that is."""
        session_id, seq = mark
        return self.intake.committed(seq) if session_id == self.mark[0] else 0

    def merge(self, view: dict[str, Value]) -> Merged:
        """Return what has been taken since the last merge, as changes of the flow's view."""
        told_ops = self.replica.pending_ops
        ops, calls, lost = self.replica.merge(view), self.calls.merge(), self.replica.take_lost()
        merged = Merged(ops, calls, told_ops, lost)
        self.intake.applied_seq = self.intake.taken_seq
        return merged

    # --- commands ----------------------------------------------------------------

    def call(self, run: Run, *, by_launch: bool = False) -> None:
        """Make a run call; what the flow wrote and the work was not told goes with it.

        Args:
            run: The call.
            by_launch: A program is started for it, and carries it out: it is not told of it.
        """
        # A work that is told of updates gets them in the same stream, before the call.
        if not self.replica.receives_updates and not by_launch:
            run = replace(run, revision=self.replica.tell(0)[1])
        self.calls.add(run, by_launch=by_launch)

    def stop(self, grace_s: float, now_s: float) -> None:
        """Ask the work to finish and leave, within its grace."""
        self.holder.stop, self.holder.stop_ends_s = Stop(grace_s), now_s + grace_s

    def allow_again(self, launch_id: str = "") -> None:
        """Let a new process hold the work, also one that was stopped; see `Holder`."""
        self.holder.allow_again(launch_id)

    def commands(
        self, told: Told, *, include_state: Value = None, acks: bool = True
    ) -> list[Command]:
        """Return what holds and a command stream has not carried yet, and note it as told.

        Many calls come some at a time: ask until there is nothing.

        Args:
            told: What the stream has carried; `Told(revision=...)` for a new one.
            include_state: The variables as the flow sees them, to begin with them.
            acks: Whether to tell how far the server is, too.
        """
        commands: list[Command] = []
        if acks:
            # What is not known for good is not said to be seen: neither number ever falls.
            acked_seq = self.intake.acked_seq
            ack = Ack(acked_seq, min(self.intake.applied_seq, acked_seq))
            if ack != told.ack:
                told.ack = ack
                commands.append(ack)
        if include_state is not None:
            _, newest = self.replica.tell(0)
            told.revision = max(told.revision, newest)
            whole = Set((), copy_value(include_state))
            commands.append(Update(told.revision, [whole], snapshot=True))
        elif self.replica.receives_updates:
            ops, newest = self.replica.tell(told.revision)
            if ops:
                told.revision = newest
                commands.append(Update(newest, ops))
        # Who is to stop needs not be told which calls to cancel: all of them end with it.
        commands += told.call_commands(
            self.calls,
            self.replica,
            cancels=self.holder.stop is None,
            reads_pickles=self.holder.knows(PYTHON_ARGUMENTS),
        )
        if self.holder.stop is not None and not told.stop:
            told.stop = True
            commands.append(self.holder.stop)
        return commands

    # --- over a restart of the server ----------------------------------------------

    def dump(self) -> LinkRecord:
        """Return all there is to keep, as it is at this moment. Cost: O(state)."""
        return LinkRecord(
            holder=self.holder.dump(),
            replica=self.replica.dump(),
            calls=self.calls.dump(),
            intake=self.intake.dump(),
            start_revision=self._start_revision,
        )

    def load(self, record: LinkRecord, terms: LeaseTerms, now_s: float) -> None:
        """Go on from what was kept, in a link that has just been made."""
        self.holder.load(record.holder, terms.lease_ttl_s, now_s)
        self.replica.load(record.replica)
        self.calls.load(record.calls)
        self.intake.load(record.intake)
        self._start_revision = record.start_revision
        if self.session is not None:
            self._note_features()

    def _gone(self) -> None:
        self.holder.gone()
        self.calls.holder_gone()

    def _begin_epoch(self, session: Session, before: Session | None) -> None:
        self.intake = self._new_intake()
        if before is None or before.instance_id != session.instance_id:
            self.calls.holder_gone()
            # A new process has seen the writes that it was started with, and is sent those
            # that go with open calls. An instance that was given up and comes back has kept
            # what it was told, so for it nothing changes.
            with_calls = (call.run.revision for call in self.calls.open_calls())
            self.replica.told_revision = max(self._start_revision, *with_calls, 0)
        self._note_features()

    def _new_intake(self) -> Intake:
        limits = self._limits
        return Intake(limits.max_batch_bytes, limits.max_nodes, has_journal=self._has_journal)

    def _note_features(self) -> None:
        self.replica.receives_updates = self._receives_updates and self.holder.knows(UPDATES)
