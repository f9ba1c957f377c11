"""Starting the process of a work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from lightgrid.component.work_node import WorkNode
from lightgrid.errors import WorkFailedError, short_name
from lightgrid.process.told_environment import CALL_VARIABLE
from lightgrid.process.work_spec import WORK_ENTRY, WorkSpec, work_command
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.launch.events import Pending, Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.places import Places
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.loop.supervision.seat import Process, Seat
from lightgrid.runtime.loop.timers import Timers
from lightgrid.runtime.reporting.logs import LogFollower
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.runtime.reporting.run_dir import RunDir
from lightgrid.state.values import Value

#: How long a process of ours may take to join, in seconds.
START_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the processes of works are told, and where their output goes.

    Attributes:
        connection_of: Returns the environment that opens one work, by its name.
        spec_of: Returns what a process makes its work of, as the work is now. Raises
            `WorkFailedError` for one that cannot be sent.
        run_dir: The folder of this app.
        stop_grace_s: How long a work may take to end, unless it says so itself.
    """

    connection_of: Callable[[str], Mapping[str, str]]
    spec_of: Callable[[WorkNode, float], WorkSpec]
    run_dir: RunDir
    stop_grace_s: float


class Starter:
    """Starts processes. For the flow's thread.

    Args:
        launched: Told of a process that a launcher is about to be asked for.
        not_launched: Told of a process that could not be started, and why.
    """

    def __init__(
        self,
        hub: Hub,
        outputs: Outputs,
        launcher: Places,
        logs: LogFollower,
        timers: Timers,
        surroundings: Surroundings,
        observer: Observer,
        statuses: StatusWriter,
        launched: Callable[[Seat, Process], None],
        not_launched: Callable[[Seat, Process, str], None],
    ) -> None:
        self._hub = hub
        self._outputs = outputs
        self._launcher = launcher
        self._logs = logs
        self._timers = timers
        self._surroundings = surroundings
        self._observer = observer
        self._statuses = statuses
        self._launched = launched
        self._not_launched = not_launched

    def grace_of(self, work: WorkNode) -> float:
        """Return how long a work may take to end, in seconds."""
        own = work.options.stop_grace_s
        return self._surroundings.stop_grace_s if own is None else own

    def launch(self, seat: Seat, program: list[str] | None, call_id: str) -> Process:
        """Have a process started for a work, which is sent to it as it is now.

        Args:
            seat: Of the work.
            program: To start in place of a process of ours.
            call_id: Of the call that it makes.
        """
        name = seat.name
        process = Process(program is None, call_id)
        work_spec, error = None, ""
        if program is None:
            try:
                work_spec = self._surroundings.spec_of(seat.work, self.grace_of(seat.work))
            except WorkFailedError as failed:
                error = str(failed)

        def tell_link() -> None:
            process.seen_revision = self._hub.expect_process(
                name, process.launch_id, has_variables=program is None
            )

        def start() -> None:
            if error:
                self._not_launched(seat, process, error)
            elif work_spec is not None:
                handed_over = work_spec.dump(process.seen_revision)
                self._start(seat, process, work_command(name), handed_over)
            else:
                self._start(seat, process, program or [], b"")

        self._outputs.step(tell_link)
        self._outputs.act(start)
        return process

    def invite(self, seat: Seat) -> None:
        """Say how a process joins that no one starts."""
        name, work = seat.name, seat.work

        def tell_link() -> None:
            self._hub.expect_process(name)

        self._outputs.step(tell_link)
        if work.connection is None:
            connection = work.connection = dict(self._surroundings.connection_of(name))
            how = self._surroundings.run_dir.as_typed(connection)
            self._observer.said(f"{short_name(name)} waits for a process that dials in with: {how}")

    def _start(self, seat: Seat, process: Process, command: list[str], handed_over: bytes) -> None:
        name, work = seat.name, seat.work
        log_file = self._surroundings.run_dir.log_file(name)
        self._logs.follow(name, log_file)
        connection = self._surroundings.connection_of(name)
        call = {CALL_VARIABLE: process.call_id} if process.call_id else {}
        spec = LaunchSpec(
            launch_id=process.launch_id,
            work=name,
            command=command,
            environment={**work.environment(), **connection, **call},
            log_file=log_file,
            stop_grace_s=self.grace_of(work),
            handed_over=handed_over,
            entry=WORK_ENTRY if process.is_ours else "",
            launcher=work.options.launcher,
            resources=work.options.resources,
        )
        process.is_launched = True
        self._launched(seat, process)
        self._place(seat)
        self._launcher.start(spec, self._hub.add_event)

    def waits(self, seat: Seat, event: Pending) -> None:
        """Note that a launch waits for a place."""
        self._observer.said(f"{short_name(seat.name)} is pending: {event.reason}")
        self._place(seat, waits=event.reason)

    def started(self, seat: Seat, process: Process, event: Started) -> None:
        """Note that a process runs, and give it the time to join."""
        process.started_s = time.monotonic()
        where = f" on {event.host}" if event.host else ""
        process.shown = f"pid {event.pid}{where}"
        self._place(seat, pid=event.pid, host=event.host)
        if process.is_ours:
            self._timers.after(START_TIMEOUT_S, lambda: self._give_up_joining(seat, process))

    def _place(self, seat: Seat, pid: int = 0, host: str = "", waits: str = "") -> None:
        if seat.removed:
            return
        options = seat.work.options
        place: dict[str, Value] = {
            "launcher": self._launcher.name_of(options.launcher),
            "host": host,
            "pid": pid,
            "resources": str(options.resources),
            "waits": waits,
        }
        self._statuses.process_placed(seat.work, place)

    def ask_to_end(self, process: Process) -> None:
        """Have a process asked to end."""

        def ask() -> None:
            if process.is_launched:
                self._launcher.stop(process.launch_id)

        self._outputs.act(ask)

    def kill(self, process: Process) -> None:
        """Kill a process, now."""
        self._launcher.kill(process.launch_id)

    def _give_up_joining(self, seat: Seat, process: Process) -> None:
        if seat.process is process and not process.joined and not process.stopping:
            self.kill(process)
