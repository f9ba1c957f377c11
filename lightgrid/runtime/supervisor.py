"""The processes of works: starting them, ending them, and what their end means."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.component.work import Work
from lightgrid.errors import WorkFailedError
from lightgrid.protocol.messages import CallError, Run
from lightgrid.runtime.hub import Exited, Hub
from lightgrid.runtime.launcher import Handle, Launcher, LaunchSpec
from lightgrid.runtime.logs import LogFollower
from lightgrid.runtime.run_dir import RunDir
from lightgrid.runtime.statuses import StatusWriter
from lightgrid.runtime.timers import Timers
from lightgrid.runtime.work_spec import work_command, work_environment

#: How long a process may take to join, in seconds.
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
    """The process of a work, from its start until it is gone.

    Attributes:
        handle: What was started.
        name: The work's name then.
        stopping: It was asked to end.
        joined: It has registered.
        forgotten: Its work has left the tree; nobody asks how it ends.
        waiting: Calls that were made while it was ending: the next one's.
    """

    handle: Handle
    name: str
    stopping: bool = False
    joined: bool = False
    forgotten: bool = False
    waiting: list[Run] = field(default_factory=list)


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
    ) -> None:
        self._hub = hub
        self._launcher = launcher
        self._logs = logs
        self._statuses = statuses
        self._timers = timers
        self._surroundings = surroundings
        self._processes: dict[Work, _Process] = {}

    @property
    def has_processes(self) -> bool:
        """Whether any process is left."""
        return bool(self._processes)

    def is_running(self, work: Work) -> bool:
        """Tell whether a work has a process that was not asked to end."""
        process = self._processes.get(work)
        return process is not None and not process.stopping

    def start(self, work: Work) -> None:
        """Start the work's process, unless it has one.

        A work that was stopped starts again once its old process is gone.
        """
        if work in self._processes:
            return
        name = work.name
        self._hub.allow_again(name)
        grace_s = self.grace_of(work)
        log_file = self._surroundings.run_dir.log_file(name)
        self._logs.follow(name, log_file)
        attempt = work._process_status.attempt + 1
        self._statuses.process_moved(work, WorkStage.STARTED, attempt=attempt)
        handle = self._launcher.start(
            LaunchSpec(
                work=name,
                command=work_command("{fd}", name),
                environment=work_environment(
                    name, self._surroundings.address, self._surroundings.token_of(name)
                ),
                log_file=log_file,
                stop_grace_s=grace_s,
                handed_over=self._surroundings.spec_of(work, grace_s),
            ),
            lambda pid, code: self._hub.add_event(Exited(name, pid, code)),
        )
        process = self._processes[work] = _Process(handle, name)
        self._timers.after(START_TIMEOUT_S, lambda: self._give_up_joining(work, process))

    def call(self, work: Work, run: Run) -> None:
        """Have the work's process make a call; it is started if there is none."""
        process = self._processes.get(work)
        if process is not None and process.stopping:
            process.waiting.append(run)
            return
        self.start(work)
        self._hub.call(work.name, run)

    def stop(self, work: Work, reason: StatusReason = StatusReason.STOP_REQUESTED) -> None:
        """Ask a work to end. Its calls count as stopped from now on."""
        process = self._processes.get(work)
        self._statuses.open_calls_moved(work, WorkStage.STOPPED, reason)
        self._statuses.process_moved(work, WorkStage.STOPPED, reason)
        if process is None or process.stopping:
            return
        process.stopping = True
        self._hub.stop(work.name, self.grace_of(work))
        process.handle.stop()

    def kill_all(self) -> None:
        """Kill every process that is left."""
        for process in self._processes.values():
            process.handle.kill()

    def joined(self, work: Work) -> None:
        """Note that the work's process has registered."""
        process = self._processes.get(work)
        if process is not None:
            process.joined = True

    def exited(self, event: Exited) -> None:
        """Note that a process has ended.

        Raises:
            WorkFailedError: It was not to end, and the work's failures end the app.
        """
        work, process = next(
            (work, process)
            for work, process in self._processes.items()
            if process.handle.pid == event.pid
        )
        del self._processes[work]
        if process.forgotten:
            return
        if process.stopping:
            self._hub.process_gone(process.name, None)
            if process.waiting:
                for run in process.waiting:
                    self.call(work, run)
            return
        message = self._obituary(process, event.code)
        reason = StatusReason.PROCESS_DIED if process.joined else StatusReason.NEVER_REGISTERED
        self._hub.process_gone(process.name, CallError("ProcessDied", message))
        self._fail(work, reason, message)

    def forget(self, work: Work) -> None:
        """End the process of a work that leaves the tree, and follow it no longer."""
        process = self._processes.get(work)
        if process is not None:
            process.forgotten = True
            process.handle.stop()

    def grace_of(self, work: Work) -> float:
        """Return how long a work may take to end, in seconds."""
        own = work._stop_grace_s
        return self._surroundings.stop_grace_s if own is None else own

    def _fail(self, work: Work, reason: StatusReason, message: str) -> None:
        count = self._statuses.open_calls_moved(work, WorkStage.FAILED, reason, message)
        self._statuses.process_moved(work, WorkStage.FAILED, reason, message)
        # A work that died with nothing to do is no failure of the app's.
        if work.raise_exception and (count or reason is StatusReason.NEVER_REGISTERED):
            raise WorkFailedError(work.name, message)

    def _give_up_joining(self, work: Work, process: _Process) -> None:
        if self._processes.get(work) is process and not process.joined and not process.stopping:
            process.handle.kill()

    def _obituary(self, process: _Process, code: int) -> str:
        if code < 0:
            with_what = f"was killed by {signal.Signals(-code).name}"
        else:
            with_what = f"ended with exit code {code}"
        before = "" if process.joined else " before it joined the flow"
        text = f"the process of {process.name} (pid {process.handle.pid}) {with_what}{before}"
        lines = self._logs.tail(process.name, _SHOWN_LINES)
        if lines:
            text += ". Its last output:\n" + "\n".join(f"    {line}" for line in lines)
        return text
