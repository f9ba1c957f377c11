import queue
import signal
import sys

import pytest

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
    """Start Python code; return what it is shown as, its ends, and its log."""

    def start(code):
        ends = queue.SimpleQueue()
        log = tmp_path / "w.log"
        command = [sys.executable, "-S", "-c", code]
        spec = LaunchSpec("an id", "root.w", command, {}, log, PATIENCE_S)
        shown = launcher.start(spec, lambda *end: ends.put(end))
        return shown, lambda: ends.get(timeout=PATIENCE_S), log

    return start


def test_people_find_a_process_by_its_number(start):
    shown, end, log = start("import os; print('pid', os.getpid())")
    assert end() == ("an id", 0)
    assert log.read_text().strip() == shown


def test_a_process_leads_a_session_of_its_own(start):
    _, end, log = start("import os; print(os.getsid(0) == os.getpid())")
    end()
    assert log.read_text() == "True\n"


def test_a_program_that_is_not_there_is_an_error(launcher, tmp_path):
    spec = LaunchSpec("an id", "root.w", ["/nowhere/at all"], {}, tmp_path / "log", 1.0)
    with pytest.raises(OSError, match="/nowhere/at all"):
        launcher.start(spec, lambda *_: None)


def test_a_process_is_told_as_gone_while_the_ends_of_children_are_ignored(start):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        _, end, _ = start("pass")
        assert end() == ("an id", None)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_launcher_counts_its_children_where_the_shell_had_them_ignored():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        LocalLauncher().close()
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)
