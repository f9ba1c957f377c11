import ast
import os
import queue
import signal
import sys

import pytest

from lightgrid.process.work_spec import TOLD_VARIABLES
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher

PATIENCE_S = 30.0


@pytest.fixture
def launcher():
    launcher = LocalLauncher()
    yield launcher
    launcher.close()


@pytest.fixture
def start(launcher, tmp_path):
    """Start Python code; return its launch's id, its ends, and its log."""

    def start(code, stop_grace_s=PATIENCE_S, handed_over=b"", **environment):
        ends = queue.SimpleQueue()
        log = tmp_path / "w.log"
        launch_id = f"launch of {code}"
        launcher.start(
            LaunchSpec(
                launch_id=launch_id,
                work="root.w",
                command=[sys.executable, "-S", "-c", code],
                environment=environment,
                log_file=log,
                stop_grace_s=stop_grace_s,
                handed_over=handed_over,
            ),
            lambda launch_id, code: ends.put((launch_id, code)),
        )
        return launch_id, lambda: ends.get(timeout=PATIENCE_S), log

    return start


READY = "import os, signal, sys, time\n{}\nopen({!r}, 'w').close()\ntime.sleep(600)"


def ready(tmp_path, code):
    """Return code that makes a FIFO readable once it is ready, and a wait for that."""
    path = str(tmp_path / "ready")
    os.mkfifo(path)
    return READY.format(code, path), lambda: open(path).close()


def test_the_end_of_a_process_is_told_with_its_exit_code(start):
    launch_id, end, _ = start("import sys; sys.exit(5)")
    assert end() == (launch_id, 5)


def test_people_find_a_process_by_its_number(launcher, tmp_path):
    code = "import os; print('pid', os.getpid())"
    ends = queue.SimpleQueue()
    log = tmp_path / "w.log"
    spec = LaunchSpec("an id", "root.w", [sys.executable, "-c", code], {}, log, PATIENCE_S)
    shown = launcher.start(spec, lambda *end: ends.put(end))
    assert ends.get(timeout=PATIENCE_S) == ("an id", 0)
    assert log.read_text().strip() == shown


def test_output_goes_to_the_log_and_is_appended(start):
    _, end, log = start("import sys; print('out'); print('err', file=sys.stderr)")
    end()
    _, end, _ = start("print('again')")
    end()
    assert sorted(log.read_text().splitlines()) == ["again", "err", "out"]


def test_bytes_are_handed_over_and_environment_is_added(start):
    code = "import os, sys; print(sys.stdin.read(), os.environ['MINE'])"
    _, end, log = start(code, handed_over=b"secret", MINE="yes")
    end()
    assert log.read_text() == "secret yes\n"


def test_what_another_flow_has_told_this_process_is_not_handed_on(start, monkeypatch):
    for name in TOLD_VARIABLES:
        monkeypatch.setenv(name, "of another flow")
    monkeypatch.setenv("USERS_OWN", "yes")
    code = "import os; print([one for one in os.environ if one.startswith(('LIGHTG', 'USERS'))])"
    _, end, log = start(code, LIGHTGRID_WORK="root.w")
    end()
    names = sorted(ast.literal_eval(log.read_text()))
    assert names == ["LIGHTGRID_LAUNCH", "LIGHTGRID_WORK", "USERS_OWN"]


def test_a_process_is_in_a_session_of_its_own_without_input(start):
    code = "import os, sys; print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))"
    _, end, log = start(code)
    end()
    assert log.read_text() == "True ''\n"


def test_a_stop_asks_and_waits(start, launcher, tmp_path):
    code, wait = ready(tmp_path, "signal.signal(signal.SIGTERM, lambda *_: sys.exit(4))")
    launch_id, end, _ = start(code)
    wait()
    launcher.stop(launch_id)
    launcher.stop(launch_id)
    assert end() == (launch_id, 4)
    launcher.stop(launch_id)
    launcher.kill(launch_id)  # too late: nothing


def test_a_process_that_does_not_hear_is_killed_after_its_grace(start, launcher, tmp_path):
    code, wait = ready(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    launch_id, end, _ = start(code, stop_grace_s=0.1)
    wait()
    launcher.stop(launch_id)
    assert end() == (launch_id, -signal.SIGKILL)


def test_what_a_process_leaves_behind_ends_with_it(start, tmp_path):
    fifo = str(tmp_path / "held")
    os.mkfifo(fifo)
    # The child holds the FIFO open for writing: reading ends when it is gone.
    code = f"import os, time\nif os.fork() == 0:\n open({fifo!r}, 'w'); time.sleep(600)\n"
    code = code.replace("open(", "held = open(")
    _, end, _ = start(f"{code}held = open({fifo!r}, 'w')")
    with open(fifo) as held:
        end()
        assert held.read() == ""


def test_closing_kills_what_is_left(start, launcher, tmp_path):
    code, wait = ready(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    launch_id, end, _ = start(code)
    wait()
    launcher.close()
    assert end() == (launch_id, -signal.SIGKILL)


def test_a_program_that_is_not_there_is_an_error(launcher, tmp_path):
    spec = LaunchSpec("an id", "root.w", ["/nowhere/at all"], {}, tmp_path / "log", 1.0)
    with pytest.raises(OSError, match="/nowhere/at all"):
        launcher.start(spec, lambda *_: None)


def test_what_a_process_leaves_in_a_session_of_its_own_ends_with_it(start, tmp_path):
    fifo = str(tmp_path / "held")
    os.mkfifo(fifo)
    # A daemon as they are made: two forks, a session of its own. It holds the FIFO open.
    code = f"""
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        held = open({fifo!r}, "w")
        time.sleep(600)
    os._exit(0)
held = open({fifo!r}, "w")
"""
    _, end, _ = start(code)
    with open(fifo) as held:
        end()
        assert held.read() == ""


def test_a_process_is_told_as_gone_while_the_ends_of_children_are_ignored(start):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        launch_id, end, _ = start("pass")
        assert end() == (launch_id, None)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_launcher_counts_its_children_where_the_shell_had_them_ignored():
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        LocalLauncher().close()
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGCHLD, before)
