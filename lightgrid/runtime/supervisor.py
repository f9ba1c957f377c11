"""The processes of works: starting them, ending them, and what their end means."""

from __future__ import annotations

import secrets
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.component.work import Work
from lightgrid.errors import WorkFailedError, short_name
from lightgrid.process.work_spec import work_command, work_environment
from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run
from lightgrid.runtime.events import Exited
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.launcher import Handle, Launcher, LaunchSpec
from lightgrid.runtime.logs import LogFollower
from lightgrid.runtime.observer import Observer
from lightgrid.runtime.run_dir import RunDir
from lightgrid.runtime.statuses import StatusWriter
from lightgrid.runtime.timers import Timers

#: How long a process of ours may take to join, in seconds.
START_TIMEOUT_S: Final = 60.0
_SHOWN_LINES: Final = 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the processes of works are told, and where their output goes.

    Attributes:
        address: Where the flow server listens.
        token_of: Returns the token that opens one work.
        spec_of: Returns the bytes from which a process makes its work.
        run_dir: The folder of this app.
        stop_grace_s: How long a work may take to end, unless it says so itself.
    """

    address: str
    token_of: Callable[[str], str]
    spec_of: Callable[[Work, float], bytes]
    run_dir: RunDir
    stop_grace_s: float


@dataclass(slots=True)
class _Process:
    """A process, from its start until it is gone.

    Attributes:
        handle: What was started.
        is_ours: It executes a Python work; else it is a program that makes one call.
        started_s: When, by the monotonic clock.
        stopping: It was asked to end.
        joined: It has registered.
    """

    handle: Handle
    is_ours: bool
    started_s: float
    stopping: bool = False
    joined: bool = False


@dataclass(slots=True)
class _Seat:
    """What is kept of one work, with and without a process.

    Attributes:
        work: The work.
        name: Its name, also when it has left the tree.
        process: Its process, if it has one.
        given: Calls that were given to the process and have no end, by id.
        waiting: Calls for the next process, and for the next start of a program.
        failure_count: Failures in a row, for the restart policy.
        starts_at_s: A start is due then; None if none is.
        changed_s: When state last changed, for the stall timeout.
        removed: The work has left the tree: nobody asks how its process ends.
    """

    work: Work
    name: str
    process: _Process | None = None
    given: dict[str, Run] = field(default_factory=dict)
    waiting: list[Run] = field(default_factory=list)
    failure_count: int = 0
    starts_at_s: float | None = None
    changed_s: float = 0.0
    removed: bool = False

    @property
    def is_running(self) -> bool:
        """Whether it has a process that was not asked to end."""
        return self.process is not None and not self.process.stopping


class Supervisor:
    """Starts and ends the processes of an app's works. For the flow's thread."""

    def __init__(
        self,
        hub: Hub,
        launcher: Launcher,
        logs: LogFollower,
        statuses: StatusWriter,
        timers: Timers,
        surroundings: Surroundings,
        observer: Observer,
    ) -> None:
        self._hub = hub
        self._launcher = launcher
        self._logs = logs
        self._statuses = statuses
        self._timers = timers
        self._surroundings = surroundings
        self._observer = observer
        self._seats: dict[Work, _Seat] = {}
        self._names: dict[str, _Seat] = {}
        self._by_pid: dict[int, _Seat] = {}
        self._leaving: dict[str, float] = {}  # asked to leave who dialled in, and until when

    # --- what is wanted ------------------------------------------------------------------

    @property
    def has_processes(self) -> bool:
        """Whether any process is left, or one that dialled in still has time to leave."""
        now_s = time.monotonic()
        return bool(self._by_pid) or any(
            now_s < until_s and self._hub.is_held(name) for name, until_s in self._leaving.items()
        )

    def is_active(self, work: Work) -> bool:
        """Tell whether a work has a process, also one from outside, or will have one."""
        seat = self._seat(work)
        if not work._launch:
            return self._hub.is_held(seat.name)
        return seat.is_running or bool(seat.waiting) or seat.starts_at_s is not None

    def start(self, work: Work) -> None:
        """Start the work's process, unless it has one.

        A work that was stopped starts again once its old process is gone. A
        program is started by calls alone.
        """
        seat = self._seat(work)
        if not work._launch:
            self._invite(seat)
        elif seat.process is None and work._lightgrid_program((), {}) is None:
            self._launch(seat, None)
        elif seat.process is not None and seat.process.stopping:
            seat.starts_at_s = 0.0

    def call(self, work: Work, run: Run) -> None:
        """Have a call made; what has to run for it is started."""
        seat = self._seat(work)
        if not work._launch:
            self._invite(seat)
            self._give(seat, run)
            return
        seat.waiting.append(run)
        if seat.starts_at_s is None:
            self._go_on(seat)

    def stop(self, work: Work, reason: StatusReason = StatusReason.STOP_REQUESTED) -> None:
        """Ask a work to end. Its calls count as stopped from now on."""
        seat = self._seat(work)
        seat.waiting.clear()
        seat.starts_at_s = None
        self._statuses.open_calls_moved(work, WorkStage.STOPPED, reason)
        self._statuses.process_moved(work, WorkStage.STOPPED, reason)
        if work._launch:
            self._end_process(seat)
        else:
            grace_s = self.grace_of(work)
            self._hub.stop(seat.name, grace_s)
            self._leaving[seat.name] = time.monotonic() + grace_s

    def remove(self, work: Work) -> None:
        """End the process of a work that leaves the tree, and keep nothing of it."""
        seat = self._seats.pop(work, None)
        if seat is not None:
            del self._names[seat.name]
            seat.removed = True
            seat.waiting.clear()
            if seat.process is None:
                self._logs.drop(seat.name)
            else:
                seat.process.stopping = True
                seat.process.handle.stop()

    def kill_all(self) -> None:
        """Kill every process that is left, and wait for no other."""
        self._leaving.clear()
        for seat in self._by_pid.values():
            if seat.process is not None:
                seat.process.handle.kill()

    def grace_of(self, work: Work) -> float:
        """Return how long a work may take to end, in seconds."""
        own = work._stop_grace_s
        return self._surroundings.stop_grace_s if own is None else own

    # --- what happens ---------------------------------------------------------------------

    def joined(self, work: Work) -> None:
        """Note that a process has registered as the work."""
        seat = self._seat(work)
        if seat.process is not None:
            seat.process.joined = True
            if not seat.process.is_ours:
                self._go_on(seat)  # it may take calls as commands now
        elif not work._launch:
            attempt = work._process_status.attempt + 1
            self._statuses.process_moved(work, WorkStage.STARTED, attempt=attempt)

    def changed(self, work: Work) -> None:
        """Note that state of the work has changed."""
        if work._stall_timeout_s is not None:
            self._seat(work).changed_s = time.monotonic()

    def call_moved(self, work: Work, update: CallUpdate) -> bool:
        """Note what the work says of a call.

        Returns:
            Whether it counts; not the end of a call that is to be made again.
        """
        seat = self._seat(work)
        if update.state is CallState.RUNNING:
            self._watch_timeouts(seat, update.call_id)
            return True
        run = seat.given.pop(update.call_id, None)
        if run is None or not seat.is_running:
            return True
        failed = update.state is CallState.FAILED
        if not (failed or update.state is CallState.SUCCEEDED):
            return True
        error = update.error
        message = "" if error is None else error.trace or f"{error.type_name}: {error.message}"
        if error is not None and error.is_permanent:
            return True
        if not self._may_restart(seat, failed=failed):
            return True
        self._make_again(seat, [run], message)
        if failed:
            self._end_process(seat)
        else:
            self._go_on(seat)
        return False

    def exited(self, event: Exited) -> None:
        """Note that a process has ended.

        Raises:
            WorkFailedError: It was not to end, and the work's failures end the app.
        """
        seat = self._by_pid.pop(event.pid)
        process, seat.process = seat.process, None
        assert process is not None
        if seat.removed:
            if seat.name not in self._names:  # no other work has taken its name
                self._logs.drop(seat.name)
            return
        if process.stopping:
            self._hub.process_gone(seat.name, None)
        elif event.code == 0 and not process.is_ours:
            self._hub.process_gone(seat.name, None, CallState.SUCCEEDED)
        else:
            self._died(seat, process, event.code)
        if seat.waiting and seat.starts_at_s is None:
            self._start_after(seat, seat.work._restart.delay_s(seat.failure_count))
        elif seat.starts_at_s is not None:
            self._start_after(seat, 0.0)

    def lost(self, work: Work) -> bool:
        """Note that a work was not heard of for its lease.

        Returns:
            Whether it is lost; a launched process lives and may only be busy.
        """
        if work._launch and self._seat(work).process is not None:
            return False
        self._fail(
            self._seat(work),
            StatusReason.LOST,
            f"{short_name(work.name)} was not heard of any more",
        )
        return True

    # --- starting --------------------------------------------------------------------------

    def _go_on(self, seat: _Seat) -> None:
        """Give the calls that wait to a process that can take them, or start one."""
        process = seat.process
        if process is not None and process.stopping:
            return
        if process is None and seat.waiting:
            first = seat.waiting[0]
            program = seat.work._lightgrid_program(first.args, first.kwargs)
            self._launch(seat, program)
            if program is not None:
                if seat.process is None:
                    return  # it cannot be started
                self._give(seat, seat.waiting.pop(0))
                self._statuses.call_moved(seat.work, first.call_id, WorkStage.RUNNING)
                self._watch_timeouts(seat, first.call_id)
                return
        if seat.process is not None and (seat.process.is_ours or seat.process.joined):
            waiting, seat.waiting = seat.waiting, []
            for run in waiting:
                self._give(seat, run)

    def _give(self, seat: _Seat, run: Run) -> None:
        seat.given[run.call_id] = run
        self._hub.call(seat.name, run)

    def _launch(self, seat: _Seat, program: list[str] | None) -> None:
        work, name = seat.work, seat.name
        seat.starts_at_s = None
        self._hub.allow_again(name)
        grace_s = self.grace_of(work)
        log_file = self._surroundings.run_dir.log_file(name)
        self._logs.follow(name, log_file)
        handed_over = self._surroundings.spec_of(work, grace_s) if program is None else b""
        attempt = work._process_status.attempt + 1
        self._statuses.process_moved(work, WorkStage.STARTED, attempt=attempt)
        spec = LaunchSpec(
            work=name,
            command=work_command("{fd}", name) if program is None else program,
            environment={**work._lightgrid_environment(), **self._environment(name)},
            log_file=log_file,
            stop_grace_s=grace_s,
            handed_over=handed_over,
        )
        try:
            handle = self._launcher.start(
                spec, lambda pid, code: self._hub.add_event(Exited(name, pid, code))
            )
        except OSError as error:
            cause = error.strerror or str(error)
            if error.filename not in (None, spec.command[0]):  # its log, say: the disk is full
                cause = f"{error.filename}: {cause}"
            what = f"{short_name(name)}: cannot start {spec.command[0]}: {cause}"
            self._fail(seat, StatusReason.NEVER_REGISTERED, what)
            return
        process = _Process(handle, program is None, time.monotonic())
        seat.process = process
        self._by_pid[handle.pid] = seat
        if program is None:
            self._timers.after(START_TIMEOUT_S, lambda: self._give_up_joining(seat, process))

    def _environment(self, name: str) -> dict[str, str]:
        token = self._surroundings.token_of(name)
        return work_environment(name, self._surroundings.address, token)

    def _invite(self, seat: _Seat) -> None:
        """Say how a process joins that no one starts."""
        self._hub.allow_again(seat.name)
        if seat.work._connection is None:
            seat.work._connection = self._environment(seat.name)
            how = " ".join(f"{key}={value}" for key, value in seat.work._connection.items())
            self._observer.said(
                f"{short_name(seat.name)} waits for a process that dials in with: {how}"
            )

    def _give_up_joining(self, seat: _Seat, process: _Process) -> None:
        if seat.process is process and not process.joined and not process.stopping:
            process.handle.kill()

    def _start_after(self, seat: _Seat, delay_s: float) -> None:
        seat.starts_at_s = time.monotonic() + delay_s

        def start() -> None:
            if seat.starts_at_s is None or seat.removed:
                return  # stopped meanwhile
            seat.starts_at_s = None
            if seat.waiting:
                self._go_on(seat)
            else:
                self.start(seat.work)

        self._timers.after(delay_s, start)

    # --- ending ----------------------------------------------------------------------------

    def _end_process(self, seat: _Seat) -> None:
        if seat.is_running and seat.process is not None:
            seat.process.stopping = True
            self._hub.stop(seat.name, self.grace_of(seat.work))
            seat.process.handle.stop()

    def _died(self, seat: _Seat, process: _Process, code: int | None) -> None:
        message = self._obituary(seat, process, code)
        reason = StatusReason.PROCESS_DIED
        if process.is_ours and not process.joined:
            reason = StatusReason.NEVER_REGISTERED
        if time.monotonic() - process.started_s > seat.work._restart.healthy_after_s:
            seat.failure_count = 0
        given, seat.given = list(seat.given.values()), {}
        if (given or seat.waiting) and self._may_restart(seat, failed=True):
            self._make_again(seat, given, message)
            self._hub.process_gone(seat.name, None)
            return
        self._hub.process_gone(seat.name, CallError("ProcessDied", message))
        if seat.waiting and not process.is_ours:
            # The next call is another start of the program, which may go well.
            for run in given:
                self._statuses.call_moved(seat.work, run.call_id, WorkStage.FAILED, reason, message)
            if seat.work.raise_exception:
                raise WorkFailedError(seat.name, message)
            return
        self._fail(seat, reason, message)

    def _may_restart(self, seat: _Seat, *, failed: bool) -> bool:
        seat.failure_count = seat.failure_count + 1 if failed else 0
        return seat.work._restart.allows(seat.failure_count, failed=failed)

    def _make_again(self, seat: _Seat, runs: list[Run], message: str) -> None:
        """Have calls made again, by the next process, before those that wait."""
        given, seat.given = list(seat.given.values()), {}
        again = []
        for run in [*runs, *given]:
            new = replace(run, call_id=secrets.token_hex(16), ops=(), revision=0)
            self._statuses.call_reissued(
                seat.work, run.call_id, new.call_id, StatusReason.RESTARTING, message
            )
            again.append(new)
        seat.waiting[:0] = again

    def _fail(self, seat: _Seat, reason: StatusReason, message: str) -> None:
        seat.waiting.clear()
        work = seat.work
        count = self._statuses.open_calls_moved(work, WorkStage.FAILED, reason, message)
        self._statuses.process_moved(work, WorkStage.FAILED, reason, message)
        # A work that died with nothing to do is no failure of the app's.
        if work.raise_exception and (count or reason is StatusReason.NEVER_REGISTERED):
            raise WorkFailedError(work.name, message)

    def _watch_timeouts(self, seat: _Seat, call_id: str) -> None:
        work = seat.work
        seat.changed_s = begin_s = time.monotonic()
        if work._run_timeout_s is not None:
            run_timeout_s = work._run_timeout_s
            self._timers.after(
                run_timeout_s,
                lambda: self._time_out(
                    seat, call_id, StatusReason.TIMEOUT, f"it ran for {run_timeout_s:g} s"
                ),
            )
        if work._stall_timeout_s is not None:
            self._watch_stall(seat, call_id, work._stall_timeout_s, begin_s)

    def _watch_stall(self, seat: _Seat, call_id: str, timeout_s: float, since_s: float) -> None:
        def look() -> None:
            if seat.changed_s > since_s:
                self._watch_stall(seat, call_id, timeout_s, seat.changed_s)
            else:
                self._time_out(
                    seat, call_id, StatusReason.STALLED, f"no state changed for {timeout_s:g} s"
                )

        self._timers.after(max(0.0, since_s + timeout_s - time.monotonic()), look)

    def _time_out(self, seat: _Seat, call_id: str, reason: StatusReason, what: str) -> None:
        run = seat.given.pop(call_id, None)
        if run is None:
            return  # it has ended
        message = f"{short_name(seat.name)} has timed out: {what}"
        may_restart = self._may_restart(seat, failed=True)
        if not may_restart:
            self._statuses.call_moved(seat.work, call_id, WorkStage.FAILED, reason, message)
        # With the process go the calls that were queued behind this one.
        self._make_again(seat, [run] if may_restart else [], message)
        self._end_process(seat)
        if seat.work.raise_exception and not may_restart:
            raise WorkFailedError(seat.name, message)

    def _obituary(self, seat: _Seat, process: _Process, code: int | None) -> str:
        if code is None:
            with_what = (
                "has ended, and how is not known: something else in the flow's process waited for "
                "its children (os.wait, or SIGCHLD ignored)"
            )
        elif code < 0:
            with_what = f"was killed by {signal.Signals(-code).name}"
        else:
            with_what = f"ended with exit code {code}"
        before = " before it joined the flow" if process.is_ours and not process.joined else ""
        text = (
            f"the process of {short_name(seat.name)} (pid {process.handle.pid}) {with_what}{before}"
        )
        lines = self._logs.tail(seat.name, _SHOWN_LINES)
        if lines:
            text += ". Its last output:\n" + "\n".join(f"    {line}" for line in lines)
        return text

    def _seat(self, work: Work) -> _Seat:
        seat = self._seats.get(work)
        if seat is None:
            seat = self._seats[work] = self._names[work.name] = _Seat(work, work.name)
        return seat
