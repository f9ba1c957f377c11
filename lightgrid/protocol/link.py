"""The flow's end of one work: everything the server knows and owes it.

The server side of the protocol, as one state machine. Methods that take a
message raise `RefusedError` with the reason that the peer is told; nothing of
a refused message counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightgrid.errors import MisfitError, Reason, RefusedError
from lightgrid.protocol.calls import CallLog
from lightgrid.protocol.intake import Intake
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    CallError,
    CallState,
    CallUpdate,
    Command,
    Registration,
    Resync,
    Run,
    Stop,
    Update,
)
from lightgrid.protocol.replica import Replica
from lightgrid.protocol.session import Lease, Session
from lightgrid.protocol.told import Told
from lightgrid.state.delta import Op, Set
from lightgrid.state.sizes import MAX_NODES, MAX_STATE_BYTES
from lightgrid.state.values import Value, copy_value

#: A feature of the work: it wants `Update` commands while it runs.
UPDATES: Final = "updates"
#: A feature of the work: it reads `Run.python_arguments`.
PYTHON_ARGUMENTS: Final = "python-arguments"
FEATURES: Final = (UPDATES, PYTHON_ARGUMENTS)
#: Processes that are refused because a newer one holds the work; older ones are dead.
_MAX_FENCED: Final = 1000


@dataclass(slots=True)
class Settings:
    """What the server promises and accepts; `Limits` of work_service.proto and the lease."""

    heartbeat_interval_s: float = 10.0
    lease_ttl_s: float = 30.0
    max_message_bytes: int = 4 * 2**20
    max_batch_bytes: int = MAX_STATE_BYTES
    max_ops_per_message: int = 4096
    max_path_segments: int = 32
    max_value_depth: int = 24
    max_nodes: int = MAX_NODES


@dataclass(slots=True)
class Merged:
    """What a merge brings to the flow, between two of its runs.

    Attributes:
        ops: What changes for the flow.
        calls: Progress of calls.
        told_ops: How many ops that were in the batches it merges.
    """

    ops: Sequence[Op]
    calls: list[CallUpdate]
    told_ops: int


class WorkLink:
    """The flow's end of one work.

    Args:
        name: The work's name in the component tree: "root.w".
        variables: Its declared variables and their first values.
        settings: Limits and lease; read at every use, so it may be stretched.
        receives_updates: It is told what the flow writes while it runs.
        is_program: Its calls start a program and end by its exit code, not when it leaves.

    Not safe to share between threads.
    """

    def __init__(
        self,
        name: str,
        variables: dict[str, Value],
        settings: Settings,
        *,
        receives_updates: bool = False,
        is_program: bool = False,
    ) -> None:
        self.name = name
        self.replica = Replica(
            variables,
            receives_updates=receives_updates,
            max_nodes=settings.max_nodes,
            max_bytes=settings.max_batch_bytes,
        )
        self.calls = CallLog()
        self.session: Session | None = None
        self._settings = settings
        self._receives_updates = receives_updates
        self._is_program = is_program
        self._intake = Intake(settings.max_batch_bytes, settings.max_nodes)
        self._epoch = 0
        self._fenced: dict[str, None] = {}  # processes that are to stay away, oldest first
        self._gone = False  # the holder is known to be gone
        self._applied_seq = 0
        self._stop: Stop | None = None
        self._left = False  # it was stopped and has left
        self._start_revision = 0  # what the newest started process has seen of the flow's writes
        self._resyncs = 0
        self._wants_snapshot = False
        self._staged_stream = 0  # whose parts the intake holds

    # --- joining and leaving ---------------------------------------------------

    def register(
        self, instance_id: str, session_id: str, features: Sequence[str], now_s: float
    ) -> Registration:
        """Let a process join, or join again, as this work.

        Args:
            instance_id: Random, of one run of a process.
            session_id: What to call the session if a new one begins.
            features: What the process knows.
            now_s: The time.

        Raises:
            RefusedError: EPOCH_FENCED, WORK_STOPPED or WORK_HELD.
        """
        if instance_id in self._fenced:
            raise RefusedError(
                Reason.EPOCH_FENCED, f"a newer process holds {self.name}; this one is to leave"
            )
        if self._left:
            raise RefusedError(Reason.WORK_STOPPED, f"the flow has stopped {self.name}")
        held = self.session
        if held is not None and held.instance_id == instance_id and not self._gone:
            # Nothing of the old streams is taken from here on: only then is acked_seq final.
            held.end_streams()
            held.lease.ttl_s = self._settings.lease_ttl_s  # what the work is told now
            held.lease.renew(now_s)
        else:
            if held is not None and held.instance_id != instance_id:
                if held.streams and not self._gone and not held.lease.is_over(now_s):
                    raise RefusedError(
                        Reason.WORK_HELD, f"another process holds {self.name} and is connected"
                    )
                self._fence(held)
            held = self._begin_epoch(instance_id, session_id, features, now_s)
        return Registration(
            session_id=held.session_id,
            epoch=held.epoch,
            acked_seq=self._intake.acked_seq,
            snapshot_required=self._intake.snapshot_required,
            heartbeat_interval_s=self._settings.heartbeat_interval_s,
            lease_ttl_s=self._settings.lease_ttl_s,
            features=held.features,
        )

    def release(self, final_seq: int) -> None:
        """Let the holder leave; every call without an end ends with it, but a program's.

        Raises:
            RefusedError: BATCHES_PENDING when its last batch is not here yet.
        """
        if final_seq > self._intake.acked_seq:
            raise RefusedError(
                Reason.BATCHES_PENDING,
                f"batch {self._intake.acked_seq} of {final_seq} is the last one here; ask again",
                {"acked_seq": self._intake.acked_seq},
            )
        if self.session is not None:
            self._fence(self.session)
        self._end_streams()
        if not self._is_program:
            self.calls.end_open(CallState.CANCELLED, None)

    def process_starts(self) -> None:
        """Note that a process is started with the variables as the flow sees them now.

        Call it when they are copied for the process, before the flow writes again.
        """
        _, self._start_revision = self.replica.tell(0)

    def process_gone(self, error: CallError | None, state: CallState = CallState.CANCELLED) -> None:
        """Note that the holder is gone for good, by its own word or its launcher's.

        Args:
            error: Why, when it did not leave in order: its open calls failed.
            state: How its open calls ended, when it did.
        """
        self._end_streams()
        self.calls.end_open(state if error is None else CallState.FAILED, error)

    def is_lost(self, now_s: float) -> bool:
        """Tell whether the holder was silent for longer than its lease."""
        return self.session is not None and not self._gone and self.session.lease.is_over(now_s)

    @property
    def is_held(self) -> bool:
        """Whether a process has joined and has not left."""
        return self.session is not None and not self._gone

    def session_of(self, session_id: str) -> Session:
        """Return the session that an id stands for.

        Raises:
            RefusedError: SESSION_UNKNOWN; register again.
        """
        if self.session is None or self.session.session_id != session_id or self._gone:
            raise RefusedError(Reason.SESSION_UNKNOWN, f"no such session of {self.name}")
        return self.session

    # --- the delta stream --------------------------------------------------------

    def offer(self, stream: int, part: Batch, now_s: float) -> bool:
        """Take a message of the delta stream; a heartbeat has number 0.

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
            self._intake.drop_staged()
            self._staged_stream = stream
        batch = self._intake.offer(part)
        if batch is None:
            return False
        if batch.calls:
            # A call that has begun has what came with it, whether or not the work says so.
            batch.seen_revision = max(batch.seen_revision, self.calls.told_with(batch.calls))
        try:
            self.replica.take(batch)
        except MisfitError as error:
            if batch.snapshot:
                raise RefusedError(
                    Reason.BAD_OP,
                    f"a snapshot of {self.name} does not fit itself: {error}",
                    {"path": ".".join(error.path), "cause": error.cause},
                ) from error
            self._intake.snapshot_required = True
            raise RefusedError(
                Reason.SNAPSHOT_REQUIRED,
                f"a change of {self.name} does not fit: {error}",
                {"path": ".".join(error.path), "cause": error.cause},
            ) from error
        self._intake.taken(batch)
        self.calls.take(batch.calls)
        if batch.snapshot:
            self._wants_snapshot = False
        return True

    def renew(self, stream: int, now_s: float) -> None:
        """Count the holder as alive, by its delta stream.

        Raises:
            RefusedError: STREAM_SUPERSEDED.
        """
        session = self.session
        if session is None or not session.is_live("deltas", stream):
            raise RefusedError(Reason.STREAM_SUPERSEDED, f"another stream of {self.name} took over")
        session.lease.renew(now_s)

    def close_delta_stream(self, stream: int) -> None:
        """Note that a delta stream ended, however it did."""
        if self.session is not None and self.session.is_live("deltas", stream):
            self.session.close_stream("deltas", stream)
            self._intake.drop_staged()

    @property
    def acked_seq(self) -> int:
        """The last batch taken in this epoch."""
        return self._intake.acked_seq

    def merge(self, view: dict[str, Value]) -> Merged:
        """Return what has been taken since the last merge, as changes of the flow's view."""
        told_ops = self.replica.pending_ops
        merged = Merged(self.replica.merge(view), self.calls.merge(), told_ops)
        self._applied_seq = self._intake.acked_seq
        return merged

    # --- commands ----------------------------------------------------------------

    def call(self, run: Run) -> None:
        """Make a run call; what the flow wrote and the work was not told goes with it."""
        # A work that is told of updates gets them in the same stream, before the call.
        if not self.replica.receives_updates:
            _, run.revision = self.replica.tell(0)
        self.calls.add(run)

    def stop(self, grace_s: float) -> None:
        """Ask the work to finish and leave."""
        self._stop = Stop(grace_s)

    def allow_again(self) -> None:
        """Let a new process hold a work that was stopped."""
        self._stop = None
        self._left = False

    def ask_for_snapshot(self) -> None:
        """Have the work send all it has."""
        if not self._wants_snapshot:
            self._wants_snapshot = True
            self._resyncs += 1

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
        if acks and (told.acked_seq, told.applied_seq) != (self.acked_seq, self._applied_seq):
            told.acked_seq, told.applied_seq = self.acked_seq, self._applied_seq
            commands.append(Ack(told.acked_seq, told.applied_seq))
        if self._wants_snapshot and told.resync != self._resyncs:
            told.resync = self._resyncs
            commands.append(Resync())
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
        commands += told.call_commands(self.calls, self.replica)
        if self._stop is not None and not told.stop:
            told.stop = True
            commands.append(self._stop)
        return commands

    def _fence(self, session: Session) -> None:
        self._fenced[session.instance_id] = None
        if len(self._fenced) > _MAX_FENCED:
            del self._fenced[next(iter(self._fenced))]

    def _end_streams(self) -> None:
        self._gone = True
        if self.session is not None:
            self.session.end_streams()
        if self._stop is not None:
            self._left = True

    def _begin_epoch(
        self, instance_id: str, session_id: str, features: Sequence[str], now_s: float
    ) -> Session:
        self._epoch += 1
        self._gone = False
        self._applied_seq = 0
        self._intake = Intake(self._settings.max_batch_bytes, self._settings.max_nodes)
        if self.session is None or self.session.instance_id != instance_id:
            # A new process has seen what it was started with, and gets what goes with open
            # calls. One that was given up and is back still has what it was told.
            with_calls = (call.run.revision for call in self.calls.open_calls())
            self.replica.told_revision = max(self._start_revision, *with_calls, 0)
        lease = Lease(self._settings.lease_ttl_s, now_s + self._settings.lease_ttl_s)
        known = tuple(feature for feature in features if feature in FEATURES)
        self.replica.receives_updates = self._receives_updates and UPDATES in known
        last_stream = self.session.last_stream if self.session is not None else 0
        self.session = Session(
            session_id, self._epoch, instance_id, known, lease, last_stream=last_stream
        )
        return self.session
