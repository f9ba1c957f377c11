"""What the works of an app do: what the flow wants of them, and what happens to them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from lightgrid.component.failure_policy import End, FailurePolicy
from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.component.work_node import WorkNode
from lightgrid.errors import short_name
from lightgrid.protocol.events import Joined
from lightgrid.protocol.features import CALLS
from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.launch.events import Ended, LaunchEvent, NotStarted, Started
from lightgrid.runtime.launch.places import Places
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.loop.supervision.judging import Judge
from lightgrid.runtime.loop.supervision.obituary import obituary
from lightgrid.runtime.loop.supervision.processes import Processes
from lightgrid.runtime.loop.supervision.seat import Process, Seat
from lightgrid.runtime.loop.supervision.starting import Starter, Surroundings
from lightgrid.runtime.loop.supervision.timeouts import CallWatch
from lightgrid.runtime.loop.timers import Timers
from lightgrid.runtime.reporting.logs import LogFollower
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.runtime.reporting.outcome import Failure

_SHOWN_LINES: Final = 20


class Supervisor:
    """Looks after the works of an app. For the flow's thread.

    What the flow wants is decided at once and done when `outputs` goes out. What happens is
    taken in by `joined`, `take_exit`, `changed` and `call_moved`; `judge_exits` comes
    when all of it is known, since a process may have told of a call's end before its own.
    Failures that end the app wait in `take_failures`.
    """

    def __init__(
        self,
        hub: Hub,
        outputs: Outputs,
        launcher: Places,
        logs: LogFollower,
        statuses: StatusWriter,
        timers: Timers,
        surroundings: Surroundings,
        observer: Observer,
    ) -> None:
        self._hub = hub
        self._logs = logs
        self._statuses = statuses
        self._starter = Starter(
            hub, outputs, launcher, logs, timers, surroundings, observer, statuses,
            self._launched, self._not_launched,
        )  # fmt: skip
        self._watch = CallWatch(timers, self._timed_out)
        self._processes = Processes(hub, outputs, self._starter, statuses, timers)
        self._judge = Judge(statuses, self._processes)
        self._seats: dict[WorkNode, Seat] = {}
        self._names: dict[str, Seat] = {}
        self._by_launch: dict[str, Seat] = {}
        self._exits: list[tuple[Seat, Process]] = []
        self._leaving: dict[str, float] = {}  # asked to leave who dialled in, and until when

    # --- what is wanted ------------------------------------------------------------------

    @property
    def has_processes(self) -> bool:
        """Whether any process is left, or one that dialled in still has time to leave."""
        now_s = time.monotonic()
        return bool(self._by_launch) or any(
            now_s < until_s and self._hub.is_held(name) for name, until_s in self._leaving.items()
        )

    @property
    def process_count(self) -> int:
        """How many processes were started and have not ended."""
        return len(self._by_launch)

    def is_active(self, work: WorkNode) -> bool:
        """Tell whether a work has a process, also one from outside, or will have one."""
        seat = self._seat(work)
        if not work.options.launch:
            return self._hub.is_held(seat.name)
        return seat.is_running or bool(seat.waiting) or seat.starts_at_s is not None

    def start(self, work: WorkNode) -> None:
        """Start the work's process, unless it has one.

        A work that was stopped starts again once its old process is gone. A
        program is started by calls alone.
        """
        self._processes.start(self._seat(work))

    def call(self, work: WorkNode, run: Run) -> None:
        """Have a call made; what has to run for it is started."""
        self._processes.call(self._seat(work), run)

    def stop(self, work: WorkNode, reason: StatusReason = StatusReason.STOP_REQUESTED) -> None:
        """Ask a work to end. Its calls count as stopped from now on."""
        seat = self._seat(work)
        seat.waiting.clear()
        self._processes.take_given(seat)
        seat.starts_at_s = None
        self._statuses.open_calls_moved(work, WorkStage.STOPPED, reason)
        self._statuses.process_moved(work, WorkStage.STOPPED, reason)
        if work.options.launch:
            self._processes.end(seat)
        else:
            grace_s = self._processes.tell_to_leave(seat)
            self._leaving[seat.name] = time.monotonic() + grace_s

    def cancel(self, work: WorkNode, call_id: str) -> None:
        """End one call. With the one that a program was started for, the program ends."""
        seat = self._seat(work)
        self._statuses.call_moved(work, call_id, WorkStage.STOPPED, StatusReason.CANCELLED)
        seat.waiting = [run for run in seat.waiting if run.call_id != call_id]
        if call_id in seat.given:
            self._processes.take_back(seat, [call_id])
            if seat.process is not None and seat.process.call_id == call_id:
                self._processes.end(seat)

    def remove(self, work: WorkNode) -> None:
        """End the process of a work that leaves the tree, and keep nothing of it."""
        seat = self._seats.pop(work, None)
        if seat is None:
            return
        del self._names[seat.name]
        seat.removed = True
        seat.waiting.clear()
        if seat.process is None:
            self._logs.drop(seat.name)
        else:
            seat.process.stopping = True
            self._processes.ask_to_end(seat.process)

    def kill_all(self) -> None:
        """Kill every process that is left, and wait for no other."""
        self._leaving.clear()
        for seat in self._by_launch.values():
            if seat.process is not None:
                self._starter.kill(seat.process)

    def take_failures(self) -> Sequence[Failure]:
        """Return the failures that end the app, since the last time, in their order."""
        failures = self._judge.failures
        if failures:
            self._judge.failures = []
        return failures

    # --- what happens ---------------------------------------------------------------------

    def joined(self, work: WorkNode, event: Joined) -> None:
        """Note that a process has registered as the work; one that was launched for it, or any."""
        seat = self._seat(work)
        if seat.process is not None:
            if event.launch_id not in ("", seat.process.launch_id):
                return  # it is one that the flow has given up
            seat.process.joined = True
            if not seat.process.is_ours and CALLS in event.features:
                seat.process.listens = True
                self._processes.go_on(seat)
        elif not work.options.launch:
            attempt = work.process_status.attempt + 1
            self._statuses.process_moved(work, WorkStage.STARTED, attempt=attempt)

    def changed(self, work: WorkNode) -> None:
        """Note that state of the work has changed."""
        if work.options.stall_timeout_s is not None:
            self._seat(work).changed_s = time.monotonic()

    def take_launch(self, event: LaunchEvent) -> None:
        """Note what became of a launch."""
        seat = self._by_launch[event.launch_id]
        process = seat.process
        assert process is not None
        if isinstance(event, Ended | NotStarted):
            del self._by_launch[event.launch_id]
            if not seat.removed:
                self._statuses.process_placed(seat.work, {})
        if isinstance(event, Ended):
            self._take_end(seat, process, event)
        elif isinstance(event, NotStarted):
            self._not_launched(seat, process, f"{short_name(seat.name)}: {event.reason}")
        elif isinstance(event, Started):
            self._starter.started(seat, process, event)
            if process.call_id in seat.given:  # a program runs for it
                self._call_runs(seat, process.call_id)
        elif not process.stopping:
            self._starter.waits(seat, event)

    def _take_end(self, seat: Seat, process: Process, event: Ended) -> None:
        """Note the end of a process. Of what it has sent nothing more is taken from here on."""
        process.has_exited = True
        if seat.removed:
            if seat.name not in self._names:  # no other work has taken its name
                self._logs.drop(seat.name)
            return
        self._exits.append((seat, process))
        if process.stopping:
            self._hub.process_gone(seat.name, None)
        elif event.code == 0 and not process.is_ours:
            self._hub.process_gone(seat.name, None, process.call_id)
        else:
            lines = self._logs.tail(seat.name, _SHOWN_LINES)
            what = obituary(seat.name, process, event, lines)
            process.death = CallError("ProcessDied", what)
            self._hub.process_gone(seat.name, process.death)

    def call_moved(self, work: WorkNode, update: CallUpdate) -> None:
        """Note what the work, or who knows of its end, says of a call."""
        seat = self._seat(work)
        if update.state is CallState.RUNNING:
            self._call_runs(seat, update.call_id)
        elif seat.process is None or not seat.process.is_told_by(update):
            self._judge.call_ended(seat, update)

    def _call_runs(self, seat: Seat, call_id: str) -> None:
        self._statuses.call_moved(seat.work, call_id, WorkStage.RUNNING)
        self._watch.begin(seat, call_id)

    def judge_exits(self) -> None:
        """Carry out what the ends of processes mean, now that all that came before is known."""
        exits, self._exits = self._exits, []
        for seat, process in exits:
            self._judge.process_ended(seat, process)

    def lost(self, work: WorkNode) -> bool:
        """Note that a work was not heard of for its lease.

        Returns:
            Whether it is lost; a launched process lives and may only be busy.
        """
        seat = self._seat(work)
        if work.options.launch and seat.process is not None:
            return False
        what = f"{short_name(work.name)} was not heard of any more"
        self._judge.work_ended(seat, End.LOST, StatusReason.LOST, what)
        return True

    def _launched(self, seat: Seat, process: Process) -> None:
        self._by_launch[process.launch_id] = seat

    def _not_launched(self, seat: Seat, process: Process, what: str) -> None:
        if seat.process is process:
            seat.process = None
        if seat.removed:
            self._logs.drop(seat.name)
            return
        self._hub.process_gone(seat.name, CallError("NotLaunched", what))
        self._judge.work_ended(seat, End.NOT_LAUNCHED, StatusReason.NEVER_REGISTERED, what)

    def _timed_out(self, seat: Seat, call_id: str, reason: StatusReason, what: str) -> None:
        self._judge.call_timed_out(seat, call_id, reason, what)

    def _seat(self, work: WorkNode) -> Seat:
        seat = self._seats.get(work)
        if seat is None:
            policy = FailurePolicy(
                work.options.restart, raise_exception=work.options.raise_exception
            )
            seat = self._seats[work] = self._names[work.name] = Seat(work, work.name, policy)
        return seat
