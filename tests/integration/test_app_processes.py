"""What is left of an app's processes, and what else may happen to them."""

import os
import signal
import subprocess
import textwrap
from pathlib import Path

import pytest
from integration.command import LIMIT_S, wait_until

from lightgrid.cli.left_behind import end_left, find_left
from lightgrid.launcher.family import has_ended

DAEMON = """
import os, signal, sys, time
import lightgrid as L

class Work(L.Work):
    def __init__(self):
        super().__init__(parallel=True, stop_grace_s=0.2)
        self.n = 0

    def run(self):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
        self.n = 1
        time.sleep(LASTS_S)

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Work()

    def run(self):
        self.w.run()
        if self.w.n:
            print("daemon", flush=True)
        if self.w.has_succeeded:
            self.stop()

app = L.App(Root())
"""

REAPING = """
import contextlib, os, signal, threading
import lightgrid as L

class Work(L.Work):
    def run(self):
        pass

def take_one():
    with contextlib.suppress(ChildProcessError):  # lightgrid may have been faster
        os.wait()

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Work(parallel=True)

    def run(self):
        self.w.run()
        if self.w.has_succeeded:
            INTERFERE
            self.stop("it came to its end")

app = L.App(Root())
"""


def daemon_app(lightgrid, lasts_s):
    return lightgrid.write("app.py", DAEMON.replace("LASTS_S", str(lasts_s)))


def children_of(pid):
    """Return the children of a process, oldest first."""
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def launcher_of(app):
    """Return the launcher process of an app, its one child."""
    (launcher,) = children_of(app.pid)
    return launcher


def is_program(pid, name):
    return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(name)


def test_a_daemon_that_a_work_has_started_ends_with_the_app(lightgrid):
    app = lightgrid.start_app(daemon_app(lightgrid, 0))
    assert app.wait_end() == 0, app.err
    assert lightgrid.processes() == []


def test_a_daemon_that_a_work_has_started_ends_when_the_flow_is_killed(lightgrid):
    app = lightgrid.start_app(daemon_app(lightgrid, 600))
    app.wait_out("daemon")
    app.process.kill()
    wait_until(lambda: not lightgrid.processes(), "the end of all processes")


def test_an_app_ends_while_its_launcher_is_stopped(lightgrid):
    app = lightgrid.start_app(daemon_app(lightgrid, 600))
    app.wait_out("daemon")
    os.kill(launcher_of(app), signal.SIGSTOP)
    app.interrupt()
    assert app.wait_end() == 130, app.err
    assert lightgrid.processes() == []


@pytest.mark.parametrize(
    "interfere",
    [
        "threading.Thread(target=take_one, daemon=True).start(); self.w.stop()",
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    ],
    ids=["by os.wait", "by ignoring them"],
)
def test_an_app_ends_whose_flow_takes_the_ends_of_its_children_away(lightgrid, interfere):
    lightgrid.write("app.py", REAPING.replace("INTERFERE", interfere))
    ran = lightgrid.run("flow", "app.py")
    assert ran.returncode == 0, ran.stderr
    assert "it came to its end" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_an_app_runs_where_the_shell_ignores_the_ends_of_children(lightgrid):
    lightgrid.write("app.py", REAPING.replace("INTERFERE", "pass"))
    shell = textwrap.dedent("""
        trap '' CHLD
        exec "$@"
    """)
    ran = subprocess.run(
        ["sh", "-c", shell, "sh", *lightgrid.arguments("flow", "app.py")],
        cwd=lightgrid.folder,
        env=lightgrid.environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "it came to its end" in ran.stderr


def test_how_a_work_died_is_known_whatever_waits_for_the_flows_children(lightgrid):
    text = REAPING.replace("pass\n", "os.kill(os.getpid(), signal.SIGKILL)\n", 1)
    text = text.replace(
        "self.w.run()", "signal.signal(signal.SIGCHLD, signal.SIG_IGN); self.w.run()"
    )
    lightgrid.write("app.py", text)
    ran = lightgrid.run("flow", "app.py")
    assert ran.returncode == 1, ran.stderr
    assert "was killed by SIGKILL" in ran.stderr


LEFT = """
import lightgrid as L

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = L.CommandWork(["sleep", "600"])

    def run(self):
        self.w.run()
        if self.w.status.stage == "running":
            print("sleeping", flush=True)

app = L.App(Root())
"""


def test_what_is_left_when_flow_launcher_and_sentinel_are_killed_is_shown_and_can_be_ended(
    lightgrid,
):
    lightgrid.write("app.py", LEFT)
    app = lightgrid.start_app("app.py")
    app.wait_out("sleeping")
    launcher = launcher_of(app)
    sentinel, *_ = children_of(launcher)
    (sleeping,) = (pid for pid in children_of(launcher) if is_program(pid, b"sleep"))
    killed = (app.pid, launcher, sentinel)
    for number in (signal.SIGSTOP, signal.SIGKILL):  # none of them is to see another's end
        for pid in killed:
            os.kill(pid, number)
    wait_until(lambda: all(map(has_ended, killed)), "the end of all three")
    assert f"w (pid {sleeping})" in lightgrid.run("ps").stderr
    left = [one for one in find_left() if one.flow_pid == app.pid]
    assert [(one.pid, one.work) for one in left] == [(sleeping, "root.w")]
    end_left(left)
    wait_until(lambda: not lightgrid.processes(), "the end of all processes")
    assert f"pid {sleeping}" not in lightgrid.run("ps").stderr
