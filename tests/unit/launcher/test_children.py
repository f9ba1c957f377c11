import os
import select
import signal
import subprocess
import sys

import pytest

from lightgrid.launcher.children import Children

PATIENCE_S = 30.0
#: Says that it is ready, and what it does with SIGTERM stands in {}.
PROCESS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, {})
print("ready", flush=True)
time.sleep(600)
"""


class Parent:
    """Has children of its own alone: pytest's process may have others."""

    def __init__(self):
        self.children = Children()
        self.others = []

    def add(self, launch_id, on_term="signal.SIG_DFL", grace_s=PATIENCE_S, code=PROCESS):
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", code.replace("{}", on_term)],
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        with process.stdout:
            process.stdout.readline()
        process.returncode = 0  # it is reaped by Children
        self.children.add(launch_id, process.pid, grace_s)
        return process.pid

    def ends(self, count):
        """Return so many ends, which are waited for."""
        found = []
        while len(found) < count:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            found += self.children.reap(self.others.append)
        return dict(found)


@pytest.fixture
def parent():
    parent = Parent()
    yield parent
    parent.children.kill_all()
    while parent.children:
        parent.ends(1)


def test_an_end_is_told_with_its_launch_and_code(parent):
    parent.add("one", code="print(); raise SystemExit(3)")
    parent.add("other", code="import os; print(); os.kill(os.getpid(), 9)")
    assert parent.ends(2) == {"one": 3, "other": -signal.SIGKILL}
    assert len(parent.children) == 0
    assert "one" not in parent.children


def test_a_stop_asks_once_however_often_it_is_said(parent):
    pid = parent.add("one", "lambda *_: None")
    parent.children.stop("one")
    deadline = parent.children._children["one"].kill_at_s
    parent.children.stop("one")
    parent.children.stop_all()
    assert parent.children._children["one"].kill_at_s == deadline
    parent.children.kill("one")
    assert parent.ends(1) == {"one": -signal.SIGKILL}
    assert not os.path.exists(f"/proc/{pid}")


def test_one_that_is_deaf_is_killed_when_its_grace_is_over_and_not_before(parent):
    parent.add("deaf", "signal.SIG_IGN", grace_s=0.05)
    parent.add("patient", "signal.SIG_IGN")
    parent.children.stop_all()
    left_s = parent.children.kill_overdue()
    while left_s is not None and left_s < 1:
        select.select([], [], [], left_s)
        left_s = parent.children.kill_overdue()
    assert left_s > 1  # that of the patient one
    assert parent.ends(1) == {"deaf": -signal.SIGKILL}
    assert parent.children.kill_overdue() > 1


def test_where_none_was_asked_to_end_there_is_nothing_to_wait_for(parent):
    parent.add("one")
    assert parent.children.kill_overdue() is None


def test_what_a_process_leaves_in_its_group_is_killed_before_it_is_waited_for(parent):
    read, write = os.pipe()
    os.set_inheritable(write, True)
    code = f"import os, time; print()\nif os.fork() == 0: os.write({write}, b'r'); time.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code], start_new_session=True, pass_fds=[write]
    )
    process.returncode = 0
    os.close(write)
    parent.children.add("one", process.pid, PATIENCE_S)
    assert os.read(read, 1) == b"r"
    parent.ends(1)
    assert os.read(read, 1) == b""  # the child, which had the other end, is gone
    os.close(read)


def test_others_that_end_are_told_by_their_numbers(parent):
    pid = os.spawnv(os.P_NOWAIT, "/bin/true", ["true"])
    parent.add("one", code="print()")
    parent.ends(1)
    while not parent.others:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        list(parent.children.reap(parent.others.append))
    assert parent.others == [pid]


def test_an_unknown_launch_is_ignored(parent):
    parent.children.stop("nobody")
    parent.children.kill("nobody")
    assert list(parent.children.reap(parent.others.append)) == []
