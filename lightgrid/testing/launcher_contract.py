"""What every launcher owes, as tests that any launcher can be run against."""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest import SkipTest

from lightgrid.process.told_environment import CALL_VARIABLE, LAUNCH_VARIABLE, TOLD_VARIABLES
from lightgrid.runtime.launch.events import Ended, NotStarted, Pending, Started
from lightgrid.runtime.launch.launcher import Launcher, LaunchSpec
from lightgrid.testing.contract_launch import Launch, changed_environment, expect
from lightgrid.testing.line import Line

_FOREVER_S = 600.0  # longer than a test takes: there until it is ended
_SLEEP = f"time.sleep({_FOREVER_S})"
_IMPORTS = "import hashlib, os, signal, socket, sys, time\n"
#: What a process that holds a line can do with it; see `Line`.
_HOLDING = """
line = socket.create_connection({address})
def ready():
    line.sendall(b"r")
def wait():
    line.recv(1)
def hold():
    while line.recv(1, socket.MSG_PEEK):  # until the test, which may have failed, lets it go
        time.sleep(0.1)
def be_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""


class LauncherContract:
    """The rules of `Launcher` as tests, for pytest; a subclass runs them against a launcher.

        class TestMyLauncher(LauncherContract):
            def make_launcher(self):
                return MyLauncher()

    The programs that are started need Python with the path of this one, and a connection to
    the test, as works need one to the flow; nothing else of the test's machine.

    Attributes:
        launcher: The one under test, a new one for each test.
        host: Where what is started reaches this process: a name or address of this machine.
        patience_s: How long to wait for what has to come, in seconds.
    """

    launcher: Launcher
    host: str = "127.0.0.1"
    patience_s: float = 60.0

    def make_launcher(self) -> Launcher:
        """Return the launcher to test. To be overridden."""
        raise NotImplementedError("override make_launcher: it returns the launcher to test")

    def setup_method(self) -> None:
        """Make a launcher, and a folder for logs. Called by pytest before each test."""
        self.launcher = self.make_launcher()
        self._cleanup = ExitStack()
        self._folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory()))
        self._cleanup.callback(self.launcher.close)

    def teardown_method(self) -> None:
        """Close the launcher, whatever the test has left. Called by pytest after each test."""
        self._cleanup.close()

    # What a process is given

    def test_it_has_the_flows_environment_its_own_and_its_launchs_id(self) -> None:
        """What the launch sets stands over what the flow's process has."""
        names = ("CONTRACT_FLOWS", "CONTRACT_BOTH", "CONTRACT_OWN", CALL_VARIABLE, LAUNCH_VARIABLE)
        with changed_environment({"CONTRACT_FLOWS": "flow", "CONTRACT_BOTH": "flow"}):
            own = {"CONTRACT_BOTH": "own", "CONTRACT_OWN": "own", CALL_VARIABLE: "call"}
            launch = self._start(f"print(*map(os.environ.get, {names}))", environment=own)
            launch.end(self.patience_s)
        self._same("environment", launch.log(), f"flow own own call {launch.launch_id}\n")

    def test_what_an_outer_flow_has_told_is_not_handed_on(self) -> None:
        """The flow may itself be in a work of another app, whose connection is not its works'."""
        with changed_environment(dict.fromkeys(TOLD_VARIABLES, "outer")):
            launch = self._start(
                "print(sorted(one for one in os.environ if os.environ[one] == 'outer'))"
            )
            launch.end(self.patience_s)
        self._same("variables of an outer flow", launch.log(), "[]\n")

    def test_it_runs_in_the_flows_working_folder(self) -> None:
        """So relative paths mean the same in works as in the flow."""
        launch = self._start("print(os.getcwd())")
        launch.end(self.patience_s)
        self._same("working folder", launch.log(), f"{os.getcwd()}\n")

    def test_it_is_in_another_session_than_the_flow(self) -> None:
        """Ctrl-C at the flow's terminal is the flow's alone to answer."""
        launch = self._start("print(os.getsid(0))")
        launch.end(self.patience_s)
        expect(launch.log() != f"{os.getsid(0)}\n", "it is in the session of the flow")

    def test_bytes_are_handed_over_on_standard_input(self) -> None:
        """However many, and also to a program that reads late; then the input ends."""
        given = os.urandom(1 << 20)
        line = self._line()
        code = "ready(); wait(); print(hashlib.sha1(sys.stdin.buffer.read()).hexdigest())"
        launch = self._start(code, line, handed_over=given)
        line.wait_for(1, self.patience_s)
        line.answer()
        launch.end(self.patience_s)
        self._same("hash of its input", launch.log(), f"{hashlib.sha1(given).hexdigest()}\n")

    def test_without_bytes_standard_input_is_at_its_end(self) -> None:
        """A program that reads does not wait for the flow's terminal."""
        launch = self._start("print(repr(sys.stdin.read()))")
        launch.end(self.patience_s)
        self._same("standard input", launch.log(), "''\n")

    def test_output_is_appended_to_the_log_before_the_end_is_told(self) -> None:
        """Output and errors: the app shows the last lines of a work that has failed."""
        first = self._start("print('out'); print('error', file=sys.stderr)", log="one.log")
        first.end(self.patience_s)
        self._same("log", sorted(first.log().splitlines()), ["error", "out"])
        second = self._start("print('next')", log="one.log")
        second.end(self.patience_s)
        self._same("log", sorted(second.log().splitlines()), ["error", "next", "out"])

    # What its end means

    def test_the_exit_code_is_told(self) -> None:
        """None is told where it cannot be known, which is not so here."""
        for code in (0, 3):
            launch = self._start(f"sys.exit({code})")
            self._ended(launch, code)

    def test_the_signal_that_killed_it_is_told_as_a_negative_code(self) -> None:
        """As `subprocess.Popen.returncode` has it."""
        launch = self._start("os.kill(os.getpid(), signal.SIGKILL)")
        self._ended(launch, -signal.SIGKILL)

    def test_an_end_is_told_once_and_by_its_launchs_id(self) -> None:
        """Also of one that is stopped, killed and closed after its end."""
        launch = self._start("pass")
        end = launch.end(self.patience_s)
        self._same("launch that was told to have ended", end.launch_id, launch.launch_id)
        self.launcher.stop(launch.launch_id)
        self.launcher.kill(launch.launch_id)
        self._start("pass").end(self.patience_s)
        self.launcher.close()
        expect(launch.ends.empty(), "its end was told again")

    def test_a_program_that_is_not_there_is_told_not_to_start_or_to_have_failed(self) -> None:
        """One of the two, with a reason or with another code than 0. Others go on."""
        end = self._start_program(["/nowhere/no such program"]).end(self.patience_s)
        if isinstance(end, NotStarted):
            expect(end.reason != "", "nothing is said of why it was not started")
        else:
            expect(end.code != 0, "a program that is not there has ended with 0")
        self._ended(self._start("pass"), 0)

    def test_a_start_is_told_before_the_end(self) -> None:
        """By one event, with the number of the process where there is one."""
        launch = self._start("print(os.getpid())")
        launch.end(self.patience_s)
        started = [event for event in launch.events if not isinstance(event, Pending)]
        self._same("events", [type(event) for event in started], [Started, Ended])
        first = started[0]
        told = isinstance(first, Started) and first.pid
        expect(told in (0, int(launch.log())), f"another pid than its own was told: {told}")

    # How it is ended

    def test_a_stop_asks_with_sigterm(self) -> None:
        """And leaves the process its grace, in which it ends as it likes."""
        line = self._line()
        handler = "lambda *_: [ready(), wait(), sys.exit(4)]"
        launch = self._start(f"signal.signal(signal.SIGTERM, {handler}); ready(); hold()", line)
        line.wait_for(1, self.patience_s)
        self.launcher.stop(launch.launch_id)
        line.wait_for(1, self.patience_s)
        line.answer()
        self._ended(launch, 4)

    def test_a_stop_right_after_the_start_is_not_lost(self) -> None:
        """Also where starting takes its time."""
        launch = self._start(_SLEEP)
        self.launcher.stop(launch.launch_id)
        launch.end(self.patience_s)

    def test_what_does_not_end_is_killed_after_its_grace_with_all_it_started(self) -> None:
        """Without another word from the flow, which may be busy."""
        line = self._line()
        launch = self._start("be_deaf(); os.fork(); ready(); hold()", line, stop_grace_s=0.1)
        line.wait_for(2, self.patience_s)
        self.launcher.stop(launch.launch_id)
        self._ended(launch, -signal.SIGKILL)
        line.wait_until_let_go(self.patience_s)

    def test_kill_ends_what_a_stop_has_asked_with_all_it_started(self) -> None:
        """A stop returns at once, however long the grace; a kill waits for none."""
        line = self._line()
        launch = self._start("be_deaf(); os.fork(); ready(); hold()", line)
        line.wait_for(2, self.patience_s)
        self.launcher.stop(launch.launch_id)
        self.launcher.kill(launch.launch_id)
        self._ended(launch, -signal.SIGKILL)
        line.wait_until_let_go(self.patience_s)

    def test_what_it_leaves_behind_ends_with_it(self) -> None:
        """A child that it has not waited for."""
        line = self._line()
        launch = self._start("end = hold if os.fork() == 0 else wait; ready(); end()", line)
        line.wait_for(2, self.patience_s)
        line.answer()
        self._ended(launch, 0)
        line.wait_until_let_go(self.patience_s)

    def test_a_daemon_ends_with_the_launch_that_made_it(self) -> None:
        """In a session of its own, twice forked: it is known by what is in its environment."""
        if not os.path.isdir("/proc/self"):
            raise SkipTest("the environment of a process is seen on Linux alone")
        line = self._line()
        daemon = "os.setsid(), os.fork() and os._exit(0), ready(), hold(), os._exit(0)"
        launch = self._start(f"os.fork() == 0 and [{daemon}]; os.wait(); wait()", line)
        line.wait_for(1, self.patience_s)
        line.answer()
        self._ended(launch, 0)
        line.wait_until_let_go(self.patience_s)

    def test_closing_kills_what_is_left_with_all_it_started(self) -> None:
        """And tells the ends. It may be closed again."""
        lines = [self._line(), self._line()]
        code = "be_deaf(); os.fork(); ready(); hold()"
        launches = [self._start(code, line) for line in lines]
        for line in lines:
            line.wait_for(2, self.patience_s)
        self.launcher.stop(launches[0].launch_id)
        self.launcher.close()
        for launch, line in zip(launches, lines, strict=True):
            self._ended(launch, -signal.SIGKILL)
            line.wait_until_let_go(self.patience_s)
        self.launcher.close()

    # Which one is meant

    def test_an_id_that_is_unknown_is_ignored(self) -> None:
        """Its launch has ended, or its start has failed, and the flow does not know it yet."""
        self.launcher.stop("never launched")
        self.launcher.kill("never launched")

    def test_two_launches_of_one_work_are_two(self) -> None:
        """The next is started while the last one still ends."""
        line = self._line()
        first = self._start(_SLEEP)
        second = self._start("ready(); wait(); sys.exit(5)", line)
        line.wait_for(1, self.patience_s)
        self.launcher.kill(first.launch_id)
        self._ended(first, -signal.SIGKILL)
        line.answer()
        self._ended(second, 5)

    def test_many_launches_at_once_have_each_its_own_end(self) -> None:
        """None is lost, and none is told to another."""
        codes = range(40)
        launches = [self._start_program(["/bin/sh", "-c", f"exit {code}"]) for code in codes]
        for launch, code in zip(launches, codes, strict=True):
            self._ended(launch, code)
            self._same("launch that has ended", launch.events[-1].launch_id, launch.launch_id)

    # What the tests are made of

    def _start(self, code: str, line: Line | None = None, **given: Any) -> Launch:
        """Start Python code, which may hold a line to this test."""
        holding = "" if line is None else _HOLDING.format(address=line.address)
        program = [sys.executable, "-S", "-c", f"{_IMPORTS}{holding}{code}"]
        return self._start_program(program, **given)

    def _start_program(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        handed_over: bytes = b"",
        stop_grace_s: float = _FOREVER_S,
        log: str = "",
    ) -> Launch:
        launch_id = str(uuid.uuid4())
        log_file = self._folder / (log or f"{launch_id}.log")
        launch = Launch(launch_id, log_file)
        spec = LaunchSpec(
            launch_id=launch_id,
            work="root.contract",
            command=command,
            environment=environment or {},
            log_file=log_file,
            stop_grace_s=stop_grace_s,
            handed_over=handed_over,
        )
        self.launcher.start(spec, launch.tell)
        return launch

    def _line(self) -> Line:
        line = Line(self.host)
        self._cleanup.callback(line.close)
        return line

    def _ended(self, launch: Launch, code: int) -> None:
        end = launch.end(self.patience_s)
        if isinstance(end, NotStarted):
            raise AssertionError(f"it was not started: {end.reason}")
        self._same("exit code", end.code, code)

    @staticmethod
    def _same(what: str, found: object, expected: object) -> None:
        expect(found == expected, f"{what}: {found!r}, not {expected!r}")
