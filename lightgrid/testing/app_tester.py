"""An app that a test steps through."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

from lightgrid.app import App
from lightgrid.component.flow import Flow, FlowExit
from lightgrid.component.options import OptionChecker
from lightgrid.component.status import WorkStatus
from lightgrid.component.work import Work
from lightgrid.errors import ClosedError, UnsupportedValueError
from lightgrid.runtime.loop.app_loop import AppLoop
from lightgrid.runtime.loop.statistics import AppStatistics
from lightgrid.runtime.options import RunOptions
from lightgrid.runtime.reporting.outcome import Outcome
from lightgrid.runtime.reporting.run_dir import running_apps
from lightgrid.testing.by_value import travelling_by_value
from lightgrid.testing.launcher import WatchedLauncher
from lightgrid.testing.not_reached import NotReachedError, last_state, stack_of
from lightgrid.testing.recorder import Recorder
from lightgrid.testing.relay import Relay

#: How long a test waits unless it says so, in seconds: for slow machines.
DEFAULT_TIMEOUT_S: Final = 60.0
#: How long an app may take to end, beside what its works are given.
_END_TIMEOUT_S: Final = 30.0
_NOT_STARTED: Final = "the app has not started yet"


def stepping(
    root: Flow | Work,
    *,
    see: Callable[[], Any] | None = None,
    with_faults: bool = False,
    stop_grace_s: float | None = None,
    options: RunOptions | None = None,
) -> AppTester:
    """Return an app to step through, in a `with` block.

    The app runs while the test waits in `run_until`, and stands still between two
    runs of its flow while the test looks at it. Then the test may read all
    components, change the flow's state and call works, as the flow's `run` may.

    Args:
        root: Its root.
        see: Called after each run; what it returns is collected in `seen`. By
            default the variables of the whole tree.
        with_faults: Let works dial a relay, so that their connections can be cut
            and delayed.
        stop_grace_s: As of `App`.
        options: As of `App.execute`.
    """
    return AppTester(
        root, see, with_faults, stop_grace_s, RunOptions() if options is None else options
    )


class AppTester:
    """See `stepping`.

    Attributes:
        app: The app.
        seen: What `see` returned, after each run of the root flow and at the end.
        printed: What works have printed: names and lines.
        statuses: Where works stood, one after another: names and statuses.
        address: What its works and clients dial, HOST:PORT.
    """

    def __init__(
        self,
        root: Flow | Work,
        see: Callable[[], Any] | None,
        with_faults: bool,
        stop_grace_s: float | None,
        options: RunOptions,
    ) -> None:
        given = OptionChecker("stepping()")
        if see is not None:
            given.function("see", see)
        given.flag("with_faults", with_faults)
        given.kind("options", options, RunOptions, "a RunOptions, or None")
        self.app = App(root) if stop_grace_s is None else App(root, stop_grace_s=stop_grace_s)
        self.seen: list[Any] = []
        self.printed: list[tuple[str, str]] = []
        self.statuses: list[tuple[str, WorkStatus]] = []
        self.address = ""
        self._see = see or (lambda: self.app.root.state_vars)
        self._options = options
        self._relay = Relay() if with_faults else None
        self._launcher: WatchedLauncher | None = None
        self._loop: AppLoop | None = None
        self._condition: Callable[[], Any] | None = None
        self._error: BaseException | None = None
        self._is_ending = False
        self._turn = threading.Condition()
        self._is_parked = self._is_loose = False  # loose: it runs, and nobody waits for anything
        self._thread = threading.Thread(target=self._run, name="lightgrid flow", daemon=True)

    # --- what a test calls -----------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.end()
        except BaseException:
            if error is None:  # what the test itself has found says more
                raise

    @property
    def outcome(self) -> Outcome | None:
        """How the app ended; None while it runs."""
        return self.app.outcome

    @property
    def token(self) -> str:
        """What opens the app's server to clients, such as `lightgrid state`."""
        return next(app.token for app in running_apps() if app.address == self.address)

    @property
    def loop(self) -> AppLoop:
        """What runs the app."""
        if self._loop is None:
            raise NotReachedError(_NOT_STARTED)
        return self._loop

    @property
    def tree(self) -> Any:
        """The app's state as clients see it: a copy, as of the flow's last run."""
        return self.loop.hub.read(())[1]

    def statistics(self) -> AppStatistics:
        """Return how often the flow ran, what waits, and so on, as of now."""
        return self.loop.statistics()

    def run_until(self, condition: Callable[[], Any], timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Run the app until a condition holds after a run of its flow.

        Does nothing if it holds now.

        Raises:
            NotReachedError: It never did: the time was up, and the app was ended, or
                the app had ended before.
            OptionError: `condition` is no function, or `timeout_s` no time.
        """
        given = OptionChecker("run_until()")
        given.function("condition", condition)
        timeout_s = given.seconds("timeout_s", timeout_s)
        with self._turn:
            if self._is_parked and condition():
                return
            self._condition = condition
            self._go_on()
            in_time = self._turn.wait_for(lambda: self._is_parked or self._has_ended, timeout_s)
            self._raise_error()
            if not in_time:
                place = stack_of(self._thread)
                told = f"not so within {timeout_s:g} s. {self._last_state()}{place}"
                self._is_ending = True
                self._go_on()
                raise NotReachedError(told)
        if self._has_ended and not condition():
            raise NotReachedError(f"the app ended before: {self.outcome}\n{self._last_state()}")

    def run_for(self, seconds: float) -> None:
        """Let the app run for a time: to see that nothing happens. It goes on behind it."""
        seconds = OptionChecker("run_for()").seconds("seconds", seconds)
        with self._turn:
            self._go_on()
            self._turn.wait_for(lambda: self._has_ended, seconds)
            self._is_loose = True

    def run_until_end(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> Outcome:
        """Run the app until it ends by itself.

        Raises:
            NotReachedError: The time was up, and the app was ended.
        """
        self.run_until(lambda: self._has_ended, timeout_s)
        assert self.outcome is not None
        return self.outcome

    def end(self) -> None:
        """End the app as `flow.stop()` does, unless it has ended.

        Raises:
            NotReachedError: It does not end. Its works are killed.
        """
        if self._thread.ident is None:
            return
        with self._turn:
            self._is_ending = True
            self._go_on()
        self._thread.join(_END_TIMEOUT_S)
        if self._thread.is_alive():
            told = f"the flow does not end.{stack_of(self._thread)}"
            if self._launcher is not None:
                self._launcher.close()
            raise NotReachedError(told)
        self._raise_error()

    def lines_of(self, work: Work) -> list[str]:
        """Return what a work has printed, as far as it was read."""
        return [line for name, line in self.printed if name == work.name]

    def stages_of(self, work: Work) -> list[str]:
        """Return the stages that a work went through, each once per stay."""
        stages = [str(status.stage) for name, status in self.statuses if name == work.name]
        return [stage for at, stage in enumerate(stages) if at == 0 or stages[at - 1] != stage]

    # --- faults --------------------------------------------------------------------------------

    def pid_of(self, work: Work) -> int:
        """Return the number of the newest process of a work."""
        return self._processes.pid_of(work)

    def is_gone(self, pid: int) -> bool:
        """Tell whether a process of a work has ended, and the app has seen it."""
        return self._launcher is None or not self._launcher.is_left(pid)

    def kill(self, work: Work) -> None:
        """Kill the process of a work, as a lack of memory would: it cannot say goodbye."""
        self._processes.kill_process_of(work)

    def cut_connection(self, work: Work) -> None:
        """Break the connections of a work; it may connect again at once."""
        self._faults.break_connections(work.name)

    @contextmanager
    def disconnected(self, work: Work) -> Iterator[None]:
        """Let a work have no connection meanwhile."""
        self._faults.cut(work.name, is_cut=True)
        self._faults.break_connections(work.name)
        try:
            yield
        finally:
            self._faults.cut(work.name, is_cut=False)

    def delay(self, work: Work, seconds: float) -> None:
        """Have all that a work sends and is sent take so much longer from now on."""
        seconds = OptionChecker("delay()").seconds("seconds", seconds)
        self._faults.delay(work.name, seconds)

    @property
    def _processes(self) -> WatchedLauncher:
        if self._launcher is None:
            raise NotReachedError(_NOT_STARTED)
        return self._launcher

    @property
    def _faults(self) -> Relay:
        if self._relay is None:
            raise ValueError("say stepping(..., with_faults=True) to cut or delay connections")
        return self._relay

    # --- the flow's thread ---------------------------------------------------------------------

    def _run(self) -> None:
        try:
            with travelling_by_value(self.app.root):
                options = replace(
                    self._options, make_launcher=self._make_launcher, on_loop=self._see_loop
                )
                self.app.execute(
                    options, Recorder(self.printed, self.statuses, self._began, self._ran)
                )
            with suppress(UnsupportedValueError):  # what ended the app, maybe
                self.seen.append(self._see())
        except BaseException as error:
            self._error = error
        finally:
            if self._relay is not None:
                self._relay.close()
            with self._turn:
                self._turn.notify_all()

    def _make_launcher(self) -> WatchedLauncher:
        self._launcher = WatchedLauncher(self._relay)
        return self._launcher

    def _see_loop(self, loop: AppLoop) -> None:
        self._loop = loop

    def _began(self, address: str) -> None:
        self.address = address

    def _ran(self) -> None:
        """Have the test get its turn, if what it waits for is so."""
        with self._turn:
            try:
                self.seen.append(self._see())
                reached = self._condition is not None and self._condition()
            except BaseException as error:  # the test's own: it is raised there
                self._error, reached, self._is_ending = error, False, True
            if reached or self._is_ending:
                self.loop.hub.ask(self._take_turn if reached else self._pass)

    def _take_turn(self, root: Flow) -> None:
        """Stand still while it is the test's turn."""
        with self._turn:
            if not self._is_ending:
                self._condition, self._is_parked = None, True
                self._turn.notify_all()
                self._turn.wait_for(lambda: not self._is_parked)
        self._pass(root)

    def _pass(self, _root: Flow) -> None:
        """Go on to the next run of the flow, unless the test is over."""
        if self._is_ending:
            raise FlowExit("the test is over", failed=False)

    # --- the test's thread ---------------------------------------------------------------------

    @property
    def _has_ended(self) -> bool:
        return self._thread.ident is not None and (
            self.outcome is not None or self._error is not None or not self._thread.is_alive()
        )

    def _go_on(self) -> None:
        """Let the flow run, and after its turn the test at least once: it may have done things."""
        if self._thread.ident is None:
            self._thread.start()
            return
        runs_by_itself = self._is_parked or not (self._is_ending or self._is_loose)
        self._is_parked = self._is_loose = False
        self._turn.notify_all()
        if not (runs_by_itself or self._has_ended):
            with suppress(ClosedError, AssertionError):
                self.loop.hub.ask(self._pass)

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _last_state(self) -> str:
        return last_state(self.app.root, len(self.seen), self.printed)
