"""Whatever dies of an app, nothing is left of its works; and they come back if they are to."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from integration.command import LIMIT_S, wait_until

from tools.kill_matrix import ROWS, kill_and_look, victim

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(sys.platform != "linux", reason="processes are looked for in /proc"),
]

#: Has works of every kind; what it does in its runs stands in {}.
APP = """
import os, signal, subprocess, sys, time
import lightgrid as L

class W(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, **options)
        self.starts = 0
        self.pid = 0

    def run(self):
        self.starts += 1
        self.pid = os.getpid()
        while True:
            time.sleep(0.05)

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.steps = 0
        self.first = W(restart="on_failure")
        self.second = W(raise_exception=False)

    def run(self):
        self.steps += 1
        {}

app = L.App(Root(), stop_grace_s=0.5)
"""


def started(lightgrid, code):
    lightgrid.write("app.py", APP.replace("{}", code.strip().replace("\n", "\n        ")))
    return lightgrid.start("flow", "app.py")


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def launcher_of(app):
    return wait_until(lambda: children(app.pid), "a launcher")[0]


@pytest.mark.parametrize("row", ROWS, ids=" and ".join)
def test_when_processes_of_an_app_are_killed_nothing_of_its_works_is_left(row):
    with victim(8, grace_s=0.3) as app:
        kill_and_look(app, row, LIMIT_S)


def test_when_the_launcher_dies_works_come_back_or_fail_as_their_policies_say(lightgrid):
    code = """
self.first.run()
self.second.run()
if self.first.starts == 1 and self.second.pid and not os.path.exists("killed"):
    open("killed", "w").close()
if self.first.starts == 2 and self.second.has_failed:
    print("because:", self.second.status.message, flush=True)
    self.stop()
"""
    app = started(lightgrid, code)
    launcher = launcher_of(app)
    wait_until((lightgrid.folder / "killed").exists, "both works")
    os.kill(launcher, signal.SIGKILL)
    assert app.wait_end() == 0, app.err
    assert f"the launcher process (pid {launcher}) was killed by SIGKILL" in app.out
    assert lightgrid.processes() == []


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare")
def test_a_flow_that_is_the_first_process_of_a_container_leaves_no_zombie(lightgrid):
    code = """
self.first.run()
if self.first.pid:
    subprocess.Popen(["sh", "-c", "setsid sh -c 'sleep 0.01 & sleep 0.02' & exit 0"]).wait()
    self.first.stop()
if self.first.has_stopped:
    states = subprocess.run(["ps", "-eo", "stat=,ppid=,args="], capture_output=True, text=True)
    print(states.stdout, flush=True)
    self.stop()
"""
    lightgrid.write("app.py", APP.replace("{}", code.strip().replace("\n", "\n        ")))
    command = ["unshare", "--fork", "--pid", "--mount-proc", *lightgrid.arguments("flow", "app.py")]
    probe = subprocess.run([*command[:4], "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip("no namespace can be made here")
    found = subprocess.run(
        command, cwd=lightgrid.folder, env=lightgrid.environment, capture_output=True, text=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    states = found.stdout.splitlines()
    assert states
    assert not [line for line in states if line.startswith("Z")], found.stdout
    assert lightgrid.processes() == []


def test_an_app_ends_though_its_launcher_was_stopped(lightgrid):
    app = started(lightgrid, "self.first.run()\nif self.first.pid: print('ready', flush=True)")
    app.wait_out("ready")
    os.kill(launcher_of(app), signal.SIGSTOP)
    app.interrupt()
    app.wait_end()
    wait_until(lambda: not lightgrid.processes(), "the end of all")


def test_an_app_inside_a_work_of_another_ends_with_it(lightgrid):
    inner = lightgrid.folder / "inner.py"
    inner.write_text(APP.replace("{}", "self.first.run()\n        open('inner', 'w').close()"))
    code = """
if not self.steps > 1: self.works = 0
self.first.run()
"""
    text = APP.replace("{}", code.strip().replace("\n", "\n        ")).replace(
        "        while True:",
        f"        subprocess.Popen({lightgrid.arguments('flow', str(inner))!r},"
        " start_new_session=True)\n        while True:",
    )
    lightgrid.write("app.py", text.replace("if not self.steps > 1: self.works = 0", "pass"))
    app = lightgrid.start("flow", "app.py")
    wait_until((lightgrid.folder / "inner").exists, "the inner app")
    wait_until(lambda: len(lightgrid.processes()) >= 10, "both families")
    app.interrupt()
    app.wait_end()
    wait_until(lambda: not lightgrid.processes(), "the end of all")


@pytest.mark.parametrize(
    ("user", "ends"),
    [
        ("if self.steps == 3 and os.fork() == 0: os._exit(0)", 0),
        ("if self.steps == 3 and os.fork() == 0: os.abort()", 0),
        ("if self.steps == 3: os.fork() or os._exit(7); print(os.wait()[1] >> 8)", 0),
    ],
    ids=["fork and _exit", "fork and abort", "fork and wait"],
)
def test_a_flow_may_fork_and_wait(lightgrid, user, ends):
    code = f"""
self.first.run()
{user}
if self.steps > 10 and self.first.pid:
    self.stop()
"""
    app = started(lightgrid, code)
    assert app.wait_end() == ends, app.err
    wait_until(lambda: not lightgrid.processes(), "the end of all")
    if "wait" in user:
        assert "7" in app.out.split()


def test_a_flow_whose_folder_is_gone_starts_works(lightgrid):
    gone = lightgrid.folder / "gone"
    gone.mkdir()
    code = f"""
if self.steps == 1:
    os.chdir({str(gone)!r}); os.rmdir({str(gone)!r})
    self.third = W(start_with_flow=False)
self.third.run()
if self.third.pid: self.stop()
"""
    app = started(lightgrid, code)
    assert app.wait_end() == 0, app.err
    assert lightgrid.processes() == []


def test_an_app_has_as_many_works_as_its_descriptors_allow(lightgrid):
    code = """
if self.steps == 1: self.more = L.List(*[W() for _ in range(12)])
for work in self.more: work.run()
if all(work.pid for work in self.more): self.stop()
"""
    text = APP.replace("{}", code.strip().replace("\n", "\n        "))
    limit = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
    lightgrid.write("app.py", limit + text)
    arguments = lightgrid.arguments("flow", "app.py")
    found = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *arguments],
        cwd=lightgrid.folder, env=lightgrid.environment, capture_output=True, text=True,
        timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert lightgrid.processes() == []
