import os
import signal
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from unit.runtime.launch.launches import PATIENCE_S, Launch

from lightgrid.runtime.launch.events import Ended, NotStarted, Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher
from lightgrid.testing import LauncherContract

# Of this process alone: what has the id of a launch is ended with it, on the whole machine.
ID = f"an id {uuid.uuid4()}"


#: Calls the code of a program in Python; its folder is in the path of the processes here.
ENTRY = "forked_program:run"
HERE = Path(__file__).parent


class Forking(LocalLauncher):
    """Forks the programs in Python, which the contract's are."""

    def start(self, spec, tell):
        entry = ENTRY if spec.command[0] == sys.executable else ""
        super().start(replace(spec, entry=entry), tell)


class TestExecuting(LauncherContract):
    """What every launcher owes; below it, what this one does beyond."""

    def make_launcher(self):
        return LocalLauncher()


class TestForking(LauncherContract):
    """The same for processes that were forked."""

    def setup_method(self):
        self._environment = dict(os.environ)
        os.environ["PYTHONPATH"] = str(HERE)
        super().setup_method()

    def teardown_method(self):
        super().teardown_method()
        os.environ.clear()
        os.environ.update(self._environment)

    def make_launcher(self):
        return Forking()

    def test_its_programs_are_forked_and_not_executed(self):
        launch = self._start("print('forked_program' in sys.modules)")
        launch.end(self.patience_s)
        assert launch.log() == "True\n"


@pytest.fixture(params=["exec", "fork"])
def launcher(request, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    launcher = LocalLauncher() if request.param == "exec" else Forking()
    yield launcher
    launcher.close()


@pytest.fixture
def start(launcher, tmp_path):
    """Start a program; return its launch, which has its events and its log."""

    def start(command, launch_id=ID, **given):
        launch = Launch(tmp_path / f"{launch_id}.log")
        spec = LaunchSpec(launch_id, "root.w", command, {}, launch.log, PATIENCE_S)
        launcher.start(replace(spec, **given), launch.events.put)
        return launch

    return start


def python(code):
    return [sys.executable, "-S", "-c", code]


def test_people_find_a_process_by_its_number(start):
    launch = start(python("import os; print(os.getpid())"))
    started = launch.next()
    assert launch.end() == Ended(ID, 0)
    assert started == Started(ID, int(launch.log.read_text()))


def test_a_process_leads_a_session_of_its_own(start):
    launch = start(python("import os; print(os.getsid(0) == os.getpid())"))
    launch.end()
    assert launch.log.read_text() == "True\n"


def test_a_program_that_is_not_there_is_told_by_its_name(start):
    reason = "cannot start /nowhere/at all: No such file or directory"
    assert start(["/nowhere/at all"]).end() == NotStarted(ID, reason)


def test_a_log_that_cannot_be_written_is_told_by_its_name(start, tmp_path):
    end = start(python("pass"), log_file=tmp_path / "nowhere" / "w.log").end()
    assert isinstance(end, NotStarted)
    assert "nowhere/w.log: No such file or directory" in end.reason


def test_an_exit_code_is_known_while_the_ends_of_children_are_ignored(start):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert start(python("raise SystemExit(3)")).end() == Ended(ID, 3)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_an_exit_code_is_known_where_the_shell_had_the_ends_of_children_ignored(tmp_path):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    launcher = LocalLauncher()
    try:
        launch = Launch(tmp_path / "log")
        command = python("raise SystemExit(3)")
        spec = LaunchSpec(ID, "root.w", command, {}, launch.log, 1.0)
        launcher.start(spec, launch.events.put)
        assert launch.end() == Ended(ID, 3)
    finally:
        launcher.close()
        signal.signal(signal.SIGCHLD, before)


def test_a_stop_right_behind_a_start_is_heard_in_whatever_moment_it_comes(start, launcher):
    start(python("pass"), "the first one").end()  # what forks is warm from here on
    for number in range(10):
        launch = start(python("import time; time.sleep(600)"), f"{number}")
        launcher.stop(f"{number}")
        assert launch.end().code == -signal.SIGTERM


FORKED = "import os, sys; print('forked_program' in sys.modules, os.environ.get({!r}))"


class TestForkOrExecute:
    """A work is forked if what it is to have can be had so."""

    @pytest.fixture
    def how(self, monkeypatch, tmp_path):
        """Return how a process is started by a launcher of that preload, after a change."""
        launchers = {}

        def how(preload=(), variable="UNSET", value="", environment=None):
            if preload not in launchers:
                monkeypatch.setenv("PYTHONPATH", str(HERE))
                launchers[preload] = Forking(preload)
            with monkeypatch.context() as changed:
                if value:
                    changed.setenv(variable, value)
                launch = Launch(tmp_path / f"{len(os.listdir(tmp_path))}.log")
                command = python(FORKED.format(variable))
                spec = LaunchSpec(ID, "root.w", command, environment or {}, launch.log, 1.0)
                launchers[preload].start(spec, launch.events.put)
                launch.end()
            forked, found = launch.log.read_text().split()
            assert found == str((environment or {}).get(variable, value or None))
            return "forked" if forked == "True" else "executed"

        yield how
        for launcher in launchers.values():
            launcher.close()

    def test_what_is_read_when_a_process_starts_makes_it_executed(self, how):
        assert how() == "forked"
        for variable in ("PYTHONHASHSEED", "LD_BIND_NOW", "LC_ALL", "MALLOC_ARENA_MAX"):
            assert how(variable=variable, value="1" if variable != "LC_ALL" else "C") == "executed"
            assert how(environment={variable: "2" if variable != "LC_ALL" else "C"}) == "executed"
        assert how(variable="OMP_NUM_THREADS", value="1") == "forked"  # nobody has read it yet
        assert how(variable="ANYTHING", value="1") == "forked"
        assert how() == "forked"

    def test_what_a_preloaded_library_has_read_makes_it_executed(self, how):
        preload = ("this",)
        assert how(preload) == "forked"
        assert how(preload, "OMP_NUM_THREADS", "1") == "executed"
        assert how(preload, environment={"MKL_NUM_THREADS": "1"}) == "executed"
        assert how(preload, "ANYTHING", "1") == "forked"


PRELOADED = """
import os, sys
print("printed while it was imported", flush=False)
kept = open(__file__)
{}
"""
SHOW_PRELOADED = (
    "import os, sys; print('preloaded' in sys.modules, 'forked_program' in sys.modules)"
)


@pytest.fixture
def preloading(monkeypatch, tmp_path, caplog):
    """Return a launcher that preloads a module with some code, and starts one process."""
    launchers = []

    def preloading(code, shown=SHOW_PRELOADED):
        (tmp_path / "preloaded.py").write_text(PRELOADED.format(code))
        monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{tmp_path}")
        launcher = Forking(["preloaded"])
        launchers.append(launcher)
        launch = Launch(tmp_path / "preloading.log")
        spec = LaunchSpec(ID, "root.w", python(shown), {}, launch.log, 1.0)
        launcher.start(spec, launch.events.put)
        launch.code = launch.end().code
        launch.warned = caplog.text
        return launch

    yield preloading
    for launcher in launchers:
        launcher.close()


def test_what_is_preloaded_is_there_and_has_printed_nothing_for_each_work(preloading):
    launch = preloading("")
    assert launch.log.read_text() == "True True\n"
    assert launch.warned == ""


def test_what_a_preloaded_module_has_opened_is_open_in_works(preloading):
    shown = "import preloaded; preloaded.kept.seek(0); print(len(preloaded.kept.read()) > 9)"
    assert preloading("", shown).log.read_text() == "True\n"


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True, "
            "name='ticker').start()",
            "it has started threads (ticker)",
        ),
        ("os.kill(os.getpid(), 9)", "it has ended while it imported what works need"),
        ("os._exit(0)", "it has ended while it imported what works need"),
    ],
    ids=["thread", "killed", "exit"],
)
def test_a_preload_that_forbids_forks_has_works_executed_and_is_told_once(preloading, code, what):
    launch = preloading(code)
    assert launch.log.read_text() == "False False\n"
    assert launch.warned.count("works are started anew and not forked") == 1
    assert f"with preload preloaded cannot, {what}" in launch.warned


def test_a_preload_that_cannot_be_imported_is_told_and_works_are_forked_without_it(preloading):
    launch = preloading("import nowhere_at_all")
    assert launch.log.read_text() == "False True\n"
    assert "preload: preloaded cannot be imported: ModuleNotFoundError: No mod" in launch.warned


def test_a_preload_that_exits_is_told_and_does_not_end_the_launcher(preloading):
    launch = preloading("sys.exit('no license')")
    assert launch.code == 0
    assert "preloaded" in launch.warned


@pytest.mark.parametrize("order", ["stop", "kill", "close"])
def test_a_work_that_waits_for_a_preload_that_never_ends_can_be_ended(order, monkeypatch, tmp_path):
    (tmp_path / "endless.py").write_text("import threading; threading.Event().wait()")
    monkeypatch.setenv("PYTHONPATH", f"{HERE}{os.pathsep}{tmp_path}")
    launcher = Forking(["endless"])
    try:
        launch = Launch(tmp_path / "log")
        spec = LaunchSpec(ID, "root.w", python("pass"), {}, launch.log, PATIENCE_S)
        launcher.start(spec, launch.events.put)
        if order == "close":
            launcher.close()
        else:
            getattr(launcher, order)(ID)
        assert launch.end() == Ended(ID, None, "it was ended before it had a process")
    finally:
        launcher.close()
