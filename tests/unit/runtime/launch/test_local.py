import queue
import signal
import sys
from dataclasses import replace

import pytest

from lightgrid.runtime.launch.events import Ended, NotStarted, Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher
from lightgrid.testing import LauncherContract

PATIENCE_S = 30.0


class TestLocalLauncher(LauncherContract):
    """What every launcher owes; below it, what this one does beyond."""

    def make_launcher(self):
        return LocalLauncher()


@pytest.fixture
def launcher():
    launcher = LocalLauncher()
    yield launcher
    launcher.close()


@pytest.fixture
def start(launcher, tmp_path):
    """Start a program; return its launch, which has its events and its log."""

    def start(command, launch_id="an id", **given):
        launch = Launch(tmp_path / f"{launch_id}.log")
        spec = LaunchSpec(launch_id, "root.w", command, {}, launch.log, PATIENCE_S)
        launcher.start(replace(spec, **given), launch.events.put)
        return launch

    return start


class Launch:
    def __init__(self, log):
        self.log = log
        self.events = queue.SimpleQueue()

    def next(self):
        return self.events.get(timeout=PATIENCE_S)

    def end(self):
        while not isinstance(event := self.next(), Ended | NotStarted):
            pass
        return event


def python(code):
    return [sys.executable, "-S", "-c", code]


def test_people_find_a_process_by_its_number(start):
    launch = start(python("import os; print(os.getpid())"))
    started = launch.next()
    assert launch.end() == Ended("an id", 0)
    assert started == Started("an id", int(launch.log.read_text()))


def test_a_process_leads_a_session_of_its_own(start):
    launch = start(python("import os; print(os.getsid(0) == os.getpid())"))
    launch.end()
    assert launch.log.read_text() == "True\n"


def test_a_program_that_is_not_there_is_told_by_its_name(start):
    reason = "cannot start /nowhere/at all: No such file or directory"
    assert start(["/nowhere/at all"]).end() == NotStarted("an id", reason)


def test_a_log_that_cannot_be_written_is_told_by_its_name(start, tmp_path):
    end = start(python("pass"), log_file=tmp_path / "nowhere" / "w.log").end()
    assert isinstance(end, NotStarted)
    assert "nowhere/w.log: No such file or directory" in end.reason


def test_an_exit_code_is_known_while_the_ends_of_children_are_ignored(start):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert start(python("raise SystemExit(3)")).end() == Ended("an id", 3)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_an_exit_code_is_known_where_the_shell_had_the_ends_of_children_ignored(tmp_path):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    launcher = LocalLauncher()
    try:
        launch = Launch(tmp_path / "log")
        command = python("raise SystemExit(3)")
        spec = LaunchSpec("an id", "root.w", command, {}, launch.log, 1.0)
        launcher.start(spec, launch.events.put)
        assert launch.end() == Ended("an id", 3)
    finally:
        launcher.close()
        signal.signal(signal.SIGCHLD, before)
