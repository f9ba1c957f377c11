"""What is left when one of the processes dies that start works, or is stopped."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import pytest

from lightgrid.launcher.family import LAUNCH_VARIABLE, has_ended, marked
from lightgrid.launcher.forked_work import PLACEHOLDER
from lightgrid.runtime.launch.events import Ended, NotStarted, Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks at /proc")

HERE = Path(__file__).parent
PATIENCE_S = 30.0
#: Writes what it is told; {} is what it does with SIGTERM.
WORK = """
import os, signal, sys, time
def asked(*_):
    print("asked", flush=True)
    {}
signal.signal(signal.SIGTERM, asked)
print("ready", flush=True)
while True:
    time.sleep(600)
"""
POLITE, DEAF = WORK.format("os._exit(3)"), WORK.format("pass")


def wait_for(condition):
    end_s = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end_s
        time.sleep(0.01)
    return found


class Launch:
    def __init__(self, launch_id, log):
        self.launch_id = launch_id
        self.events = queue.SimpleQueue()
        self._log = log

    @property
    def log(self):
        return self._log.read_text() if self._log.exists() else ""

    def wait_until_ready(self):
        wait_for(lambda: "ready" in self.log)
        started = self.events.get(timeout=PATIENCE_S)
        assert isinstance(started, Started)
        return started.pid

    def end(self):
        while isinstance(event := self.events.get(timeout=PATIENCE_S), Started):
            pass
        return event


class Grid:
    """A launcher, and its processes by what they are."""

    def __init__(self, folder, *, forks):
        self.launcher = LocalLauncher()
        self.forks = forks
        self._folder = folder
        # What has the id of a launch is ended with it, on the whole machine.
        self._mark = uuid.uuid4().hex
        self._entry = "forked_program:run" if forks else ""
        self._count = 0

    def start(self, code, grace_s=PATIENCE_S, command=None, padding=""):
        self._count += 1
        launch_id = f"{self._mark}-{self._count}{padding}"
        launch = Launch(launch_id, self._folder / f"{launch_id}.log")
        spec = LaunchSpec(
            launch_id, "root.w", command or [sys.executable, "-S", "-c", code], {},
            self._folder / f"{launch_id}.log", grace_s, entry="" if command else self._entry,
        )  # fmt: skip
        self.launcher.start(spec, launch.events.put)
        return launch

    def roles(self):
        """Return the launcher's own children: "sentinel" and "fork server"."""
        return roles_of(self.launcher.pid)

    def kill(self, role):
        pid = self.launcher.pid if role == "launcher" else wait_for(lambda: self.roles().get(role))
        os.kill(pid, signal.SIGKILL)
        return pid


def roles_of(launcher):
    found = {}
    waiting = f"{LAUNCH_VARIABLE}={PLACEHOLDER}\0".encode()
    with contextlib.suppress(OSError):
        for name in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
            with contextlib.suppress(OSError):
                if waiting in Path(f"/proc/{name}/environ").read_bytes():
                    is_sentinel = os.getsid(int(name)) == int(name)
                    found["sentinel" if is_sentinel else "fork server"] = int(name)
    return found


@pytest.fixture(params=["exec", "fork"])
def grid(request, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    grid = Grid(tmp_path, forks=request.param == "fork")
    yield grid
    grid.launcher.close()


def test_when_the_launcher_dies_works_have_their_grace_and_the_reason_is_told(grid, caplog):
    polite, deaf = grid.start(POLITE), grid.start(DEAF, grace_s=0.1)
    for launch in (polite, deaf):
        launch.wait_until_ready()
    pid = grid.kill("launcher")
    reason = f"the launcher process (pid {pid}) was killed by SIGKILL"
    for launch in (polite, deaf):
        assert launch.end() == Ended(launch.launch_id, None, reason)
        assert launch.log.startswith("ready\nasked\n")
        assert not marked(launch.launch_id)
    assert reason in caplog.text


def test_when_the_launcher_has_died_the_next_work_has_another(grid):
    first = grid.kill("launcher")
    launch = grid.start("print('again')")
    end = launch.end()
    if end.code is None:  # it was asked for while the first one died
        launch = grid.start("print('again')")
        end = launch.end()
    assert end == Ended(launch.launch_id, 0)
    assert grid.launcher.pid != first


@pytest.mark.parametrize("order", ["kill", "close"])
def test_what_a_dead_launcher_has_left_is_ended_at_once_if_that_is_wanted(grid, order):
    launch = grid.start(DEAF, grace_s=600)
    pid = launch.wait_until_ready()
    grid.kill("launcher")
    wait_for(lambda: "asked" in launch.log)
    if order == "kill":
        grid.start("pass").end()  # by another launcher
        grid.launcher.kill(launch.launch_id)
    else:
        grid.launcher.close()
    launch.end()
    wait_for(lambda: has_ended(pid))


def test_a_sentinel_that_was_killed_is_replaced_by_one_that_knows_the_works(grid):
    gone, living = grid.start("pass"), grid.start(POLITE)
    gone.end()
    living.wait_until_ready()
    before = grid.kill("sentinel")
    wait_for(lambda: grid.roles().get("sentinel", before) != before)
    grid.kill("launcher")
    living.end()
    assert living.log == "ready\nasked\n"


@pytest.mark.parametrize("grid", ["exec"], indirect=True)
def test_a_sentinel_that_was_stopped_and_reads_no_more_is_replaced(grid):
    living = grid.start(POLITE)
    living.wait_until_ready()
    before = wait_for(lambda: grid.roles().get("sentinel"))
    os.kill(before, signal.SIGSTOP)
    while grid.roles().get("sentinel", before) == before:  # until its pipe is full
        every = [grid.start("", command=["/bin/true"], padding="x" * 200) for _ in range(20)]
        for launch in every:
            launch.end()
    assert has_ended(before)
    grid.kill("launcher")
    living.end()
    assert living.log == "ready\nasked\n"


def test_closing_does_not_wait_for_a_sentinel_or_a_fork_server_that_was_stopped(grid):
    launch = grid.start(DEAF)
    pid = launch.wait_until_ready()
    launcher, roles = grid.launcher.pid, wait_for(lambda: len(grid.roles()) == 2 and grid.roles())
    os.kill(roles["sentinel"], signal.SIGSTOP)
    grid.launcher.close()
    assert launch.end() == Ended(launch.launch_id, -signal.SIGKILL)
    for one in (launcher, pid, *roles.values()):
        assert has_ended(one)


def test_when_launcher_and_sentinel_die_at_once_the_flow_ends_the_works(grid):
    launch = grid.start(DEAF, grace_s=600)
    pid = launch.wait_until_ready()
    sentinel = wait_for(lambda: grid.roles().get("sentinel"))
    for one in (grid.launcher.pid, sentinel):
        os.kill(one, signal.SIGKILL)
    assert launch.end().code is None
    wait_for(lambda: has_ended(pid))


def test_when_the_fork_server_dies_what_it_has_forked_ends_and_others_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    grid = Grid(tmp_path, forks=True)
    try:
        forked = grid.start(DEAF)
        pid = forked.wait_until_ready()
        grid._entry = ""
        executed = grid.start(POLITE)
        executed.wait_until_ready()
        grid.kill("fork server")
        assert forked.end() == Ended(forked.launch_id, None, "the fork server, its parent, is gone")
        wait_for(lambda: has_ended(pid))
        grid._entry = "forked_program:run"
        again = grid.start("import sys; print('forked_program' in sys.modules)")
        assert again.end() == Ended(again.launch_id, 0)
        assert again.log == "True\n"  # by another fork server
        grid.launcher.stop(executed.launch_id)
        assert executed.end() == Ended(executed.launch_id, 3)
    finally:
        grid.launcher.close()


def test_signals_that_a_terminal_sends_or_an_operator_end_none_of_them(grid):
    launch = grid.start(POLITE)
    launch.wait_until_ready()
    roles = wait_for(lambda: len(grid.roles()) == 2 and grid.roles())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        for one in (grid.launcher.pid, *roles.values()):
            os.kill(one, number)
    assert grid.start("pass").end().code == 0
    assert grid.roles() == roles
    grid.launcher.stop(launch.launch_id)
    assert launch.end() == Ended(launch.launch_id, 3)


def test_no_launch_is_lost_while_launchers_die_again_and_again(grid):
    launches, done = [], threading.Event()

    def kill():
        while not done.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(grid.launcher.pid, signal.SIGKILL)
            done.wait(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        for _ in range(60):
            launches.append(grid.start("", command=["/bin/true"]))
            done.wait(0.005)
    finally:
        done.set()
        killer.join()
    for launch in launches:
        assert isinstance(launch.end(), Ended | NotStarted)
        assert launch.events.empty()


def test_two_hundred_works_one_after_another_leave_nothing_more_than_before(grid):
    def counts():
        folders = ["/proc/self/fd", f"/proc/{grid.launcher.pid}/fd"]
        # The fork server opens and closes files while it imports, which only forks wait for.
        roles = ("sentinel", "fork server") if grid.forks else ("sentinel",)
        folders += [f"/proc/{grid.roles()[role]}/fd" for role in roles]
        below = Path(f"/proc/{grid.launcher.pid}/task/{grid.launcher.pid}/children").read_text()
        return [len(os.listdir(one)) for one in folders], len(below.split())

    wait_for(lambda: len(grid.roles()) == 2)
    grid.start("pass").end()
    before, threads = counts(), threading.active_count()
    command = None if grid.forks else ["/bin/true"]
    for _ in range(200):
        assert grid.start("pass", command=command).end().code == 0
    wait_for(lambda: counts() == before)
    assert threading.active_count() == threads


FLOW = """
import os, sys, time
from pathlib import Path
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher

launcher = LocalLauncher()
for index, (code, entry) in enumerate({works}):
    command = [sys.executable, "-S", "-c", code]
    log = Path(f"{{index}}.log")
    spec = LaunchSpec(f"{mark}-{{index}}", "root.w", command, {{}}, log, 0.2, entry=entry)
    launcher.start(spec, lambda event: None)
    while not (log.exists() and "ready" in log.read_text()):
        time.sleep(0.01)
{then}
print("ready", launcher.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def flow(tmp_path):
    """Run a flow that has one work of each kind; return it and the ids of their launches."""
    started = []

    def flow(then="", works=((POLITE, ""), (DEAF, "forked_program:run")), **options):
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            [sys.executable, "-c", FLOW.format(works=works, mark=mark, then=then)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        process.launcher = int(process.stdout.readline().split()[1])
        process.launches = [f"{mark}-{index}" for index in range(len(works))]
        return process

    yield flow
    for process in started:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def nothing_is_left(flow, roles):
    wait_for(lambda: not any(map(marked, flow.launches)))
    wait_for(lambda: all(map(has_ended, [flow.launcher, *roles.values()])))


def test_when_the_flow_dies_nothing_is_left(flow, tmp_path):
    app = flow()
    roles = roles_of(app.launcher)
    assert len(roles) == 2
    app.kill()
    nothing_is_left(app, roles)
    for log in tmp_path.glob("*.log"):
        assert log.read_text().startswith("ready\nasked\n")


def test_a_child_that_the_flow_has_forked_does_not_keep_its_works_alive(flow):
    app = flow("if os.fork() == 0: sys.stdin.read(); os._exit(0)")
    roles = roles_of(app.launcher)
    app.kill()
    nothing_is_left(app, roles)


def test_a_forked_child_of_the_flow_does_not_end_its_works(flow):
    app = flow("if os.fork() == 0: launcher.close(); os._exit(0)\nos.wait()")
    assert all(marked(launch) for launch in app.launches)
    assert not has_ended(app.launcher)


def test_a_flow_that_dies_while_a_preload_never_ends_leaves_nothing(flow, tmp_path):
    (tmp_path / "endless.py").write_text("import threading; threading.Event().wait()")
    then = "sys.path.insert(0, '.'); os.environ['PYTHONPATH'] += ':' + os.getcwd(); "
    then += "launcher = LocalLauncher(['endless'])"
    app = flow(then, works=())
    roles = wait_for(lambda: len(roles_of(app.launcher)) == 2 and roles_of(app.launcher))
    for pid in (app.pid, app.launcher):
        os.kill(pid, signal.SIGKILL)
    nothing_is_left(app, roles)
