import ast
import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from integration.command import wait_until
from unit.runtime.launch.launches import PATIENCE_S, Launch

import lightgrid.launcher
from lightgrid.component.resources import Resources
from lightgrid.errors import LightgridError
from lightgrid.launcher.family import marked
from lightgrid.process.told_environment import ADDRESS_VARIABLE, TOKEN_VARIABLE
from lightgrid.runtime.launch.choosing import make_launcher
from lightgrid.runtime.launch.events import Ended, NotStarted, Pending, Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.prefix import PrefixLauncher
from lightgrid.testing import LauncherContract
from lightgrid.testing.line import Line

#: Of this process alone: what has it in its environment is killed with the launch.
LAUNCH = uuid.uuid4().hex


class TestPrefixLauncher(LauncherContract):
    """What every launcher owes, by a command that becomes the next; below it, what is beyond."""

    def make_launcher(self):
        return PrefixLauncher(["env"])


def shell(script):
    return ["/bin/sh", "-c", script, "sh"]


@pytest.fixture
def start(tmp_path, request):
    """Start a program by a command; return its launch, which has its events and its log."""

    def start(words, command, carried=None, **given):
        launcher = PrefixLauncher(words, carried)
        request.addfinalizer(launcher.close)
        launch = Launch(tmp_path / "log")
        launch.launcher = launcher
        spec = LaunchSpec(LAUNCH, "root.w", command, {}, launch.log, PATIENCE_S)
        launcher.start(replace(spec, **given), launch.events.put)
        return launch

    return start


@pytest.fixture
def line():
    line = Line("127.0.0.1")
    yield line
    line.close()


def python(code):
    return [sys.executable, "-S", "-c", f"import os, signal, socket, sys\n{code}"]


def holding(line, code):
    held = f"line = socket.create_connection({line.address})\n"
    return python(f"{held}{code}\nline.sendall(b'r')\nline.recv(1)")


# What is said while it waits, and when it cannot be started


def test_it_waits_for_the_command_and_what_that_says_is_the_reason(start):
    launch = start(shell('echo queued >&2; exec "$@"'), python("pass"))
    assert re.match("waits for `/bin/sh -c", launch.next().reason)
    assert launch.next() == Pending(LAUNCH, "queued")
    assert isinstance(launch.next(), Started)
    assert launch.end() == Ended(LAUNCH, 0)


def test_what_is_said_on_the_way_there_does_no_harm(start):
    launch = start(
        shell('echo Welcome to the machine!; printf "> "; exec "$@"'), python("print(1)")
    )
    assert launch.end() == Ended(LAUNCH, 0)
    assert launch.log.read_text() == "1\n"


def test_a_command_that_is_not_there_is_told_by_its_name(start):
    reason = "launcher prefix: cannot start /nowhere/ssh: No such file or directory"
    assert start(["/nowhere/ssh", "host"], python("pass")).end() == NotStarted(LAUNCH, reason)


def test_a_command_that_gets_nowhere_is_told_with_its_code_and_what_it_said(start):
    end = start(shell("echo host unknown >&2; exit 255"), python("pass")).end()
    assert isinstance(end, NotStarted)
    expected = r"launcher prefix: `.*` ended with exit code 255 and has started nothing: host unkn"
    assert re.match(expected, end.reason)


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (0, "It has to hand on its standard input, as docker run does with -i"),
        (127, "A shell has to be there, and a Python of 3.8 or newer, as python3 or by the name"),
        (1, "See what comes of: sh -c 'exit 1' true"),
    ],
)
def test_a_command_that_has_started_nothing_is_told_with_what_to_do(start, code, advice):
    end = start(["sh", "-c", f"exit {code}"], python("pass")).end()
    assert isinstance(end, NotStarted)
    assert f"`sh -c 'exit {code}'` ended with exit code {code}" in end.reason
    assert f"and has started nothing. {advice}" in end.reason


@pytest.mark.parametrize(("order", "code"), [("stop", None), ("kill", -signal.SIGKILL)])
def test_what_waits_can_be_ended(start, order, code):
    launch = start(["sh", "-c", "exec sleep 600"], python("pass"))
    getattr(launch.launcher, order)(LAUNCH)
    reason = "it was ended while it waited for `sh -c 'exec sleep 600'`"
    assert launch.end() == Ended(LAUNCH, code, reason)


def test_a_folder_that_is_not_there_is_told(start, tmp_path, monkeypatch):
    folder = tmp_path / "flows"
    folder.mkdir()
    monkeypatch.chdir(folder)
    end = start(shell('rmdir "$PWD"; exec "$@"'), python("pass")).end()
    assert isinstance(end, NotStarted)
    assert f"on {socket.gethostname()} there is no folder {folder}" in end.reason


def test_an_address_that_is_not_reached_from_there_is_told_with_what_to_do(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = "{}:{}".format(*taken.getsockname())
        end = start(["env"], python("pass"), environment={ADDRESS_VARIABLE: address}).end()
    assert isinstance(end, NotStarted)
    assert f"does not reach the flow at {address} (Connection refused)" in end.reason
    assert "--listen" in end.reason


# Which Python


def test_a_python_that_is_not_there_is_told_with_what_to_do(start):
    end = start(["env"], ["/nowhere/python", "-c", "pass"], entry="a:b").end()
    assert isinstance(end, NotStarted)
    assert "there is no /nowhere/python: install lightgrid there" in end.reason
    assert "LIGHTGRID_PYTHON" in end.reason


def test_another_python_is_named_by_the_environment(start, monkeypatch):
    monkeypatch.setenv("LIGHTGRID_PYTHON", sys.executable)
    launch = start(["env"], ["/nowhere/python", "-S", "-c", "print(1)"], entry="a:b")
    assert launch.end() == Ended(LAUNCH, 0)


def test_a_program_needs_no_python_of_ours(start, monkeypatch):
    monkeypatch.setenv("LIGHTGRID_PYTHON", "/nowhere/python")
    assert start(["env"], ["/bin/sh", "-c", "exit 3"]).end() == Ended(LAUNCH, 3)


def test_a_python_without_lightgrid_is_told_with_what_to_do(start):
    command = [sys.executable, "-I", "-S", "-m", "lightgrid.worker.work_process"]
    end = start(["env"], command, entry="a:b").end()
    assert isinstance(end, Ended)
    assert end.code == 1
    assert "the Python there has no lightgrid: install it" in end.reason


@pytest.mark.parametrize("name", ["far_end", "family"])
def test_what_is_sent_is_read_by_an_older_python(name):
    text = (Path(lightgrid.launcher.__file__).parent / f"{name}.py").read_text()
    tree = ast.parse(text, feature_version=(3, 8))
    assert any(getattr(node, "module", "") == "__future__" for node in tree.body)


# What goes there, and how


def test_nothing_of_a_work_is_seen_in_the_command_or_its_environment(start, tmp_path):
    seen = tmp_path / "seen"
    code = """
for name in ("environ", "cmdline"):
    with open(f"/proc/{os.getppid()}/{name}", "rb") as file:
        print(b"secret" in file.read())
"""
    launch = start(
        shell(f'env > {seen}; echo "$@" >> {seen}; exec "$@"'),
        python(code),
        environment={TOKEN_VARIABLE: "secret"},
        handed_over=b"secret",
    )
    assert launch.end() == Ended(LAUNCH, 0)
    assert seen.stat().st_size
    assert "secret" not in seen.read_text()
    assert launch.log.read_text() == "False\nFalse\n"


def test_what_the_app_sets_is_carried_there_and_a_works_own_stands_over_it(start):
    launch = start(
        ["env", "-i", f"PATH={os.environ['PATH']}"],
        python("print(os.environ['ONE'], os.environ['TWO'], os.environ.get('HOME'))"),
        carried={"ONE": "app's", "TWO": "app's"},
        environment={"TWO": "work's"},
    )
    assert launch.end() == Ended(LAUNCH, 0)
    assert launch.log.read_text() == "app's work's None\n"


def test_slurm_is_told_what_a_work_needs(start, tmp_path):
    srun = tmp_path / "srun"
    srun.write_text('#!/bin/sh\necho "$@" >&2\nshift 6\nexec "$@"\n')
    srun.chmod(0o755)
    needs = Resources(cpus=1.5, gpus=2, memory="3GiB", labels={"zone": "b", "disk": "ssd"})
    launch = start([str(srun), "-p", "gpu"], python("pass"), resources=needs)
    launch.next()
    assert launch.next().reason == (
        "--cpus-per-task=2 --gres=gpu:2 --mem=3072M --constraint=zone=b&disk=ssd -p gpu sh"
    )
    assert launch.end() == Ended(LAUNCH, 0)


def test_of_other_commands_nobody_knows_how_they_are_told(request):
    launcher = PrefixLauncher(["ssh", "host"])
    request.addfinalizer(launcher.close)
    assert launcher.honours == frozenset()


# How it ends


def test_a_lost_command_is_an_end_that_is_not_known(start, line, tmp_path):
    far_end = tmp_path / "pid of the far end"
    code = f"with open({str(far_end)!r}, 'w') as file: file.write(str(os.getppid()))"
    launch = start(shell('"$@"; exit 0'), holding(line, code))
    line.wait_for(1, PATIENCE_S)
    os.kill(int(far_end.read_text()), signal.SIGKILL)
    end = launch.end()
    assert isinstance(end, Ended)
    assert end.code is None
    assert re.match(r"contact to it is lost, `.*` ended with exit code 0", end.reason)
    line.wait_until_let_go(PATIENCE_S)


def test_a_work_is_asked_to_end_when_nobody_is_left_to_say_so(start, line, tmp_path):
    asked = tmp_path / "asked"
    code = f"signal.signal(signal.SIGTERM, lambda *_: [open({str(asked)!r}, 'w'), sys.exit()])"
    launch = start(["env"], holding(line, code))
    line.wait_for(1, PATIENCE_S)
    os.kill(launch.launcher.pid, signal.SIGKILL)
    line.wait_until_let_go(PATIENCE_S)
    assert asked.exists()
    end = launch.end()
    assert (end.code, "was killed by SIGKILL" in end.reason) == (None, True)


def test_another_launcher_process_starts_what_comes_next(start):
    launch = start(["env"], python("pass"))
    launch.end()
    os.kill(launch.launcher.pid, signal.SIGKILL)
    spec = LaunchSpec("next", "root.w", python("pass"), {}, launch.log, PATIENCE_S)
    launch.launcher.start(spec, launch.events.put)
    assert launch.end().launch_id == "next"


def test_a_work_whose_launcher_process_is_gone_can_be_killed_in_its_grace(start, line):
    launch = start(["env"], holding(line, "signal.signal(signal.SIGTERM, signal.SIG_IGN)"))
    line.wait_for(1, PATIENCE_S)
    gone = launch.launcher.pid
    os.kill(gone, signal.SIGKILL)

    def another_has_come():
        spec = LaunchSpec(uuid.uuid4().hex, "root.w", python("pass"), {}, launch.log, PATIENCE_S)
        launch.launcher.start(spec, lambda event: None)
        return launch.launcher.pid != gone

    wait_until(another_has_come, "another launcher process")
    launch.launcher.kill(LAUNCH)
    line.wait_until_let_go(PATIENCE_S)


FORKING = """
import os, signal, sys
from pathlib import Path
from lightgrid.runtime.launch.events import Started
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.prefix import PrefixLauncher

def tell(event):
    if isinstance(event, Started):
        os.write(told, b"s")

started, told = os.pipe()
launcher = PrefixLauncher(["env"])
command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
launcher.start(LaunchSpec({id!r}, "root.w", command, {{}}, Path("log"), 0.2), tell)
os.read(started, 1)
if os.fork() == 0:
    sys.stdin.read()
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_works_end_with_the_flow_though_a_child_that_it_has_forked_lives_on(tmp_path):
    launch_id = uuid.uuid4().hex
    code = FORKING.format(id=launch_id)
    flow = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE)
    assert flow.wait(PATIENCE_S) == -signal.SIGKILL
    with flow.stdin:  # with it the child ends
        wait_until(lambda: not marked(launch_id), "the end of the work")


# How it is asked for


def test_it_is_chosen_by_its_name_and_a_command(request):
    launcher = make_launcher("prefix:ssh -p 22 'a host'")
    request.addfinalizer(launcher.close)
    assert (launcher.name, launcher.honours) == ("prefix", frozenset())


@pytest.mark.parametrize(
    ("chosen", "said"),
    [("prefix", "needs a command: --launcher"), ("prefix:ssh 'a", "No closing quotation: ssh 'a")],
)
def test_a_command_that_cannot_be_read_is_refused(chosen, said):
    with pytest.raises(LightgridError, match=said):
        make_launcher(chosen)
