"""Having processes make calls, end, and start again."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lightgrid.component.status import WorkStage
from lightgrid.component.work_node import WorkNode
from lightgrid.protocol.messages import Run
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.loop.statuses import StatusWriter
from lightgrid.runtime.loop.supervision.seat import Process, Seat
from lightgrid.runtime.loop.supervision.starting import Starter
from lightgrid.runtime.loop.timers import Timers


class Processes:
    """What is done with the process of a seat. It is decided now, and done by `outputs`."""

    def __init__(
        self,
        hub: Hub,
        outputs: Outputs,
        starter: Starter,
        statuses: StatusWriter,
        timers: Timers,
    ) -> None:
        self._hub = hub
        self._outputs = outputs
        self._starter = starter
        self._statuses = statuses
        self._timers = timers

    def start(self, seat: Seat) -> None:
        """Start one where there is none; where one is about to end, start the next after it."""
        work = seat.work
        if not work.options.launch:
            self._starter.invite(seat)
        elif seat.process is None and not work.is_program:
            self._launch(seat, None)
        elif seat.process is not None and seat.process.stopping:
            seat.starts_at_s = 0.0

    def start_after(self, seat: Seat, delay_s: float) -> None:
        """Start the next one after a time."""
        seat.starts_at_s = time.monotonic() + delay_s

        def start() -> None:
            if seat.starts_at_s is None or seat.removed:
                return  # stopped meanwhile
            seat.starts_at_s = None
            if seat.waiting:
                self.go_on(seat)
            else:
                self.start(seat)

        self._timers.after(delay_s, start)

    def call(self, seat: Seat, run: Run) -> None:
        """Have a call made; what has to run for it is started."""
        if not seat.work.options.launch:
            self._starter.invite(seat)
            self._give(seat, run)
            return
        seat.waiting.append(run)
        if seat.starts_at_s is None:
            self.go_on(seat)

    def go_on(self, seat: Seat) -> None:
        """Give the calls that wait to a process that can take them, or start one."""
        if seat.process is None and seat.waiting:
            first = seat.waiting[0]
            program = seat.work.program(first.args, first.kwargs)
            self._launch(seat, program, first.call_id if program is not None else "")
            if program is not None:
                self._give(seat, seat.waiting.pop(0), by_launch=True)
                return
        if seat.process is not None and seat.process.takes_calls:
            waiting, seat.waiting = seat.waiting, []
            for run in waiting:
                self._give(seat, run)

    def take_given(self, seat: Seat) -> list[Run]:
        """Take from a process the calls that it has; what it still says of them is void."""
        runs = list(seat.given.values())
        self.take_back(seat, list(seat.given))
        return runs

    def take_back(self, seat: Seat, call_ids: Sequence[str]) -> None:
        """Take some calls from a process, which is told to cancel them."""
        for call_id in call_ids:
            del seat.given[call_id]
        name, ended = seat.name, list(call_ids)
        if ended:
            self._outputs.step(lambda: self._hub.end_calls(name, ended))

    def end(self, seat: Seat) -> None:
        """Ask the process to end, its calls with it."""
        process = seat.process
        if process is None or process.stopping:
            return
        process.stopping = True
        if not process.has_exited:
            self.tell_to_leave(seat)
            self.ask_to_end(process)

    def tell_to_leave(self, seat: Seat) -> float:
        """Tell whoever has joined as the work to leave; return within how many seconds."""
        name, grace_s = seat.name, self.grace_of(seat.work)
        self._outputs.step(lambda: self._hub.stop(name, grace_s))
        return grace_s

    def ask_to_end(self, process: Process) -> None:
        """Have the launcher ask a process to end."""
        self._starter.ask_to_end(process)

    def grace_of(self, work: WorkNode) -> float:
        """Return how long a work may take to end, in seconds."""
        return self._starter.grace_of(work)

    def _give(self, seat: Seat, run: Run, *, by_launch: bool = False) -> None:
        seat.given[run.call_id] = run
        name = seat.name
        self._outputs.step(lambda: self._hub.call(name, run, by_launch=by_launch))

    def _launch(self, seat: Seat, program: list[str] | None, call_id: str = "") -> None:
        seat.starts_at_s = None
        attempt = seat.work.process_status.attempt + 1
        self._statuses.process_moved(seat.work, WorkStage.STARTED, attempt=attempt)
        seat.process = self._starter.launch(seat, program, call_id)
