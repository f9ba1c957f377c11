"""The work's side: staying registered, and what each answer of the server means.

    answer                                          what follows
    --------------------------------------------------------------------------------
    the server ends a stream with OK                register again
    SESSION_UNKNOWN STREAM_SUPERSEDED SEQUENCE_GAP  register again
    SNAPSHOT_REQUIRED                               register again, send a snapshot;
                                                    the third in a row: leave
    WORK_HELD                                       ask again, for a minute
    the server cannot be reached                    ask again, less and less often, for as
                                                    long as the server has said; then leave
    BATCHES_PENDING, or none, to a goodbye          say it again, for as long; then leave
    any other reason                                leave

Whoever drives this opens the streams and waits; all that is decided is here. The
first attempt after a good connection comes at once, the next ones after pauses
that grow. Times are of any one clock, in seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from lightgrid.errors import FlowUntrustedError, LightgridError, Reason, RefusedError
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    Cancel,
    Command,
    Registration,
    Resync,
    Run,
    Update,
)
from lightgrid.protocol.outbox import Outbox

_MAX_PAUSE_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.1
#: A connection that held for this long was a good one: the next attempt is a first one.
_STEADY_S: Final = 2.0
#: What an older process of the same work may take to be found dead.
_MAX_HELD_S: Final = 60.0
#: How long to wait for a held work, when the server does not say.
_HELD_PAUSE_S: Final = 1.0
#: Between two goodbyes, while the last batch is under way.
_GOODBYE_PAUSE_S: Final = 0.005

_JOIN_AGAIN: Final = frozenset(
    {
        Reason.SESSION_UNKNOWN,
        Reason.STREAM_SUPERSEDED,
        Reason.SEQUENCE_GAP,
        Reason.REVISION_CONFLICT,  # not for works, but of the code that means this
    }
)
_SAY_AGAIN: Final = _JOIN_AGAIN | {Reason.BATCHES_PENDING}
_TOLD_TO_GO: Final = frozenset({Reason.EPOCH_FENCED, Reason.WORK_STOPPED})


@dataclass(frozen=True, slots=True)
class Again:
    """Register again, after so many seconds."""

    after_s: float


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave: nothing would be better the next time."""

    error: LightgridError


_AT_ONCE: Final = Again(0.0)


class Membership:
    """One process's part in a flow, from its first attempt to register to its goodbye.

    An attempt is `begin`, then `registered` if the server lets it, then `ended`.

    Args:
        outbox: What is to be sent.
        random: Returns a number in [0, 1): works that lost one server do not come
            back as one.
        calls: What is known of calls already.
        wants_state: Begin with the variables as the flow has them; nothing is sent before.
        waits_for_holder: Keep asking while another process holds the work: it may be a
            dead one of which the server does not know yet.

    Attributes:
        session_id: Of the session that is live; empty between two.
        applied_seq: The last batch that the flow's next run sees.
        wants_state: Its variables as the flow has them are still to come.
        limits: What the server accepts.
        is_over: It has left, or was told to.
        was_released: The server took the goodbye.
    """

    def __init__(
        self,
        outbox: Outbox,
        random: Callable[[], float],
        calls: KnownCalls | None = None,
        *,
        wants_state: bool = False,
        waits_for_holder: bool = True,
    ) -> None:
        self.session_id = ""
        self.applied_seq = 0
        self.limits = Limits()
        self.wants_state = wants_state
        self.is_over = False
        self.was_released = False
        self._outbox = outbox
        self._random = random
        self._calls = KnownCalls() if calls is None else calls
        self._waits_for_holder = waits_for_holder
        self._terms = LeaseTerms()
        self._last_session_id = ""
        self._tree_id = ""
        self._answered_at_s: float | None = None  # the server, the last time; or not, the first
        self._failures = 0  # attempts in a row that came to nothing
        self._begun_at_s = 0.0
        self._begun_acked_seq = 0
        self._held_since_s: float | None = None
        self._has_greeted = False
        self._sent_at_s = 0.0
        self._wants_ack = False
        self._leaving_at_s = 0.0
        self._goodbye_at_s = 0.0

    # --- registering -------------------------------------------------------------

    def begin(self, now_s: float) -> None:
        """Note that an attempt to register begins."""
        self._begun_at_s, self._begun_acked_seq = now_s, self._outbox.acked_seq

    def registered(self, registration: Registration) -> None:
        """Note that the server took the process; its streams are to be opened."""
        self.session_id = registration.session_id
        self.limits, self._terms = registration.limits, registration.terms
        if self.session_id != self._last_session_id:
            self._last_session_id, self.applied_seq = self.session_id, 0
        if registration.tree_id != self._tree_id:
            if self._tree_id:  # revisions of another tree mean nothing in this one
                self._outbox.seen_revision = 0
            self._tree_id = registration.tree_id
        self._held_since_s = None
        self._has_greeted = False
        self._outbox.registered(
            registration.acked_seq, snapshot_required=registration.snapshot_required
        )

    def ended(self, error: LightgridError | None, now_s: float) -> Again | Leave:
        """Note that an attempt, or the session it came to, has ended; return what is next.

        All streams of the session are to be given up.

        Args:
            error: Why; None when the server just drains.
            now_s: The time.
        """
        if self.session_id or isinstance(error, RefusedError) or self._answered_at_s is None:
            self._answered_at_s = now_s
        self.session_id = ""
        step: Again | Leave = _AT_ONCE
        if isinstance(error, RefusedError):
            step = self._judge(error)
        elif isinstance(error, FlowUntrustedError) and not self._last_session_id:
            step = Leave(error)  # who was believed before may have been replaced for a moment
        elif error is not None and now_s - self._answered_at_s > self._terms.rejoin_timeout_s:
            step = Leave(error)
        if isinstance(step, Leave):
            self.is_over = True
            return step
        steady = now_s - self._begun_at_s > _STEADY_S
        if steady or self._outbox.acked_seq > self._begun_acked_seq:
            self._failures = 0
        pause_s = self._random() * longest_pause_s(self._failures)
        self._failures += 1
        return Again(max(step.after_s, pause_s))

    def _judge(self, error: RefusedError) -> Again | Leave:
        """Return what a refusal means, whatever came before it."""
        if error.reason in _JOIN_AGAIN:
            return _AT_ONCE
        if error.reason is Reason.SNAPSHOT_REQUIRED:
            try:
                self._outbox.demand_snapshot(int(error.facts.get("taken_seq", 0)))
            except RefusedError as enough:
                return Leave(enough)
            return _AT_ONCE
        if error.reason is Reason.WORK_HELD and self._waits_for_holder:
            if self._held_since_s is None:
                self._held_since_s = self._begun_at_s
            if self._begun_at_s - self._held_since_s <= _MAX_HELD_S:
                return Again(float(error.facts.get("retry_after_s", _HELD_PAUSE_S)))
        return Leave(error)

    # --- the delta stream ----------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether batches can be sent, so that it makes sense to collect some."""
        return self._has_greeted and bool(self.session_id) and not self.wants_state

    def next_message(self, now_s: float) -> Batch | None:
        """Return what the delta stream is to carry next, if anything; a heartbeat has number 0.

        The server counts a stream from its first message: hence a heartbeat at first.
        """
        if self._has_greeted and not self.wants_state:
            batch = self._outbox.next()
            if batch is not None:
                self._sent_at_s = now_s
                return batch
        if self._has_greeted and not self._wants_ack and now_s < self.next_heartbeat_s:
            return None
        self._has_greeted, self._wants_ack, self._sent_at_s = True, False, now_s
        return Batch(0)

    @property
    def next_heartbeat_s(self) -> float:
        """When a heartbeat is due, if nothing else is sent before."""
        return self._sent_at_s + self._terms.heartbeat_interval_s

    def ask_for_ack(self) -> None:
        """Have the server say how far it is as soon as it can, and not when it suits it."""
        self._wants_ack = True

    # --- the command stream --------------------------------------------------------

    def open_commands(self) -> int:
        """Note that a command stream is opened now; return what it is to be told as seen.

        Only what it tells counts from here on: see `KnownCalls.forget_what_waits`.
        """
        self._calls.forget_what_waits()
        return max(0, self._outbox.seen_revision)

    def take(self, command: Command) -> Command | None:
        """Take in what the server says; return what is left to do for the process.

        That is a `Run` to execute, a `Cancel` of the call that runs, an `Update` to
        apply, or a `Stop`.
        """
        if isinstance(command, Ack):
            self._outbox.acked(command.acked_seq)
            self.applied_seq = max(self.applied_seq, command.applied_seq)
            return None
        if isinstance(command, Resync):
            self._outbox.need_snapshot()
            return None
        if isinstance(command, Run) and not self._calls.hear(command):
            return None
        if isinstance(command, Cancel) and not self._calls.cancel(command.call_id):
            return None
        if isinstance(command, Update) and command.snapshot:
            self.wants_state = False
        return command

    # --- leaving ---------------------------------------------------------------------

    def leave(self, now_s: float) -> None:
        """Begin to leave: everything that is to be told has been put into the outbox."""
        self._leaving_at_s = now_s

    def goodbye(self, now_s: float) -> int | None:
        """Return the batch behind which to say goodbye now; None when it is not the time.

        It is over when the last batch was not acknowledged for as long as a server that
        does not answer is waited for. What the server knows by then was told.
        """
        if now_s - self._leaving_at_s >= self._terms.rejoin_timeout_s:
            self.is_over = True
        elif self.is_up and not self._outbox.has_unsent and now_s >= self._goodbye_at_s:
            return self._outbox.last_seq
        return None

    def released(self) -> None:
        """Note that the server took the goodbye."""
        self.is_over = self.was_released = True

    def not_released(self, error: LightgridError, now_s: float) -> None:
        """Note that it did not.

        Raises:
            RefusedError: For a reason that a goodbye should not meet.
        """
        if not isinstance(error, RefusedError):
            self._goodbye_at_s = now_s + _FIRST_PAUSE_S
        elif error.reason in _SAY_AGAIN:
            self._goodbye_at_s = now_s + _GOODBYE_PAUSE_S
        elif error.reason in _TOLD_TO_GO:
            self.is_over = True
        else:
            raise error


def longest_pause_s(failures: int) -> float:
    """Return how long to wait at most after so many attempts in a row that came to nothing."""
    if failures == 0:
        return 0.0
    return min(_MAX_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))
