"""Carrying out what the ends of calls and processes mean."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lightgrid.component.failure_policy import End, Fails
from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.errors import short_name
from lightgrid.protocol.messages import CallErrorReason, CallState, CallUpdate, Run
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.loop.supervision.processes import Processes
from lightgrid.runtime.loop.supervision.seat import Process, Seat
from lightgrid.runtime.reporting.outcome import Failure

_REASONS: Final = {
    CallErrorReason.USER_EXCEPTION: StatusReason.USER_EXCEPTION,
    CallErrorReason.INVALID_STATE: StatusReason.INVALID_STATE,
    CallErrorReason.INVALID_RETURN_VALUE: StatusReason.INVALID_RETURN_VALUE,
    CallErrorReason.INVALID_CALL: StatusReason.INVALID_CALL,
}


class Judge:
    """Asks the policy of a seat what an end means, and does that.

    What ends the app is noted in `failures`. Nothing here raises: one failure must
    not keep others, or what came with them, from being taken in.
    """

    def __init__(self, statuses: StatusWriter, processes: Processes) -> None:
        self._statuses = statuses
        self._processes = processes
        self.failures: list[Failure] = []

    def call_ended(self, seat: Seat, update: CallUpdate) -> None:
        """Judge the end of a call of which the work itself has told."""
        run = seat.given.pop(update.call_id, None)
        if run is None:
            return  # of a call that had ended already, as far as the flow is concerned
        if update.state is CallState.CANCELLED and seat.has_process_of_ours:
            # Not by the flow, which would have taken it back: somebody else has asked the
            # process to leave, by a signal. What that means is judged when it has ended.
            seat.given[run.call_id] = run
            return
        if update.state is CallState.CANCELLED:
            self._statuses.call_moved(
                seat.work, run.call_id, WorkStage.STOPPED, StatusReason.CANCELLED
            )
            return
        end = End.RETURNED
        if update.error is not None:
            end = End.UNFIT_VALUE if update.error.is_permanent else End.RAISED
        message = "" if update.error is None else update.error.shown
        verdict = seat.policy.judge(end, can_restart=seat.is_running)
        if verdict.again:
            # With the process go the calls that were queued behind this one.
            behind = self._processes.take_given(seat) if verdict.ends_process else []
            self._make_again(seat, [run, *behind], message)
            if verdict.ends_process:
                self._processes.end(seat)
            else:
                self._processes.go_on(seat)
        elif update.error is None:
            self._statuses.call_moved(
                seat.work, run.call_id, WorkStage.SUCCEEDED, result=update.result
            )
        else:
            self._fail_calls(seat, [run], _REASONS[update.error.reason], message)
            self._note(seat, message, ends_app=verdict.ends_app)

    def call_timed_out(self, seat: Seat, call_id: str, reason: StatusReason, what: str) -> None:
        """Judge a call that takes too long."""
        run = seat.given.get(call_id)
        if run is None:
            return  # it has ended
        self._processes.take_back(seat, [call_id])
        message = f"{short_name(seat.name)} has timed out: {what}"
        # Where there is no process of ours nobody ends it, and the calls behind this one are
        # with whoever dialled in.
        can_restart = seat.process is not None
        verdict = seat.policy.judge(End.TOOK_TOO_LONG, can_restart=can_restart)
        again = [run] if verdict.again else []
        if not verdict.again:
            self._fail_calls(seat, [run], reason, message)
        if verdict.ends_process and can_restart:
            self._make_again(seat, [*again, *self._processes.take_given(seat)], message)
            self._processes.end(seat)
        self._note(seat, message, ends_app=verdict.ends_app)

    def process_ended(self, seat: Seat, process: Process) -> None:
        """Judge the end of a process, after all that it has said is known."""
        seat.process = None
        if process.death is not None and not process.stopping:
            seat.policy.lived(time.monotonic() - process.started_s)
            message = process.death.message
            if not process.is_ours:
                self.work_ended(seat, End.PROGRAM_FAILED, StatusReason.PROCESS_DIED, message)
            elif process.joined:
                self.work_ended(seat, End.DIED, StatusReason.PROCESS_DIED, message)
            else:
                self.work_ended(seat, End.NEVER_JOINED, StatusReason.NEVER_REGISTERED, message)
        if seat.starts_at_s is not None:
            self._processes.start_after(seat, 0.0)
        elif seat.waiting:
            self._processes.start_after(seat, seat.policy.delay_s())

    def work_ended(self, seat: Seat, end: End, reason: StatusReason, message: str) -> None:
        """Judge what leaves a work without a process, and with it all calls that have no end."""
        work, given = seat.work, self._processes.take_given(seat)
        calls = len(work.calls.open_records())
        verdict = seat.policy.judge(end, calls=calls, waiting=len(seat.waiting))
        if verdict.again:
            self._make_again(seat, given, message)
        elif verdict.fails is Fails.ITS_CALLS:
            self._fail_calls(seat, given, reason, message)
        elif verdict.fails is Fails.WORK:
            seat.waiting.clear()
            self._statuses.open_calls_moved(work, WorkStage.FAILED, reason, message)
            self._statuses.process_moved(work, WorkStage.FAILED, reason, message)
        self._note(seat, message, ends_app=verdict.ends_app)

    def _fail_calls(
        self, seat: Seat, runs: Sequence[Run], reason: StatusReason, message: str
    ) -> None:
        for run in runs:
            self._statuses.call_moved(seat.work, run.call_id, WorkStage.FAILED, reason, message)

    def _make_again(self, seat: Seat, runs: Sequence[Run], message: str) -> None:
        """Have calls made again, before those that wait."""
        again = []
        for run in runs:
            new = replace(run, call_id=secrets.token_hex(16), ops=(), revision=0)
            self._statuses.call_reissued(
                seat.work, run.call_id, new.call_id, StatusReason.RESTARTING, message
            )
            again.append(new)
        seat.waiting[:0] = again

    def _note(self, seat: Seat, message: str, *, ends_app: bool) -> None:
        if ends_app:
            self.failures.append(Failure(seat.name, message))
