import pathlib
import signal
import subprocess
import sys
import time

import pytest

from lightgrid.runtime.launch import guard

PATIENCE_S = 30.0

#: Says that it is ready, and what it does with SIGTERM stands in {}.
PROCESS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, {})
print("ready", flush=True)
time.sleep(600)
"""


class Guarded:
    """A guard that a flow of ours talks to."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.works = []

    def work(self, on_term, code=PROCESS):
        work = subprocess.Popen(
            [sys.executable, "-S", "-c", code.replace("{}", on_term)],
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        self.works.append(work)
        work.first_line = work.stdout.readline()
        return work

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def flow_is_gone(self):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0

    def close(self):
        for one in [self.process, *self.works]:
            one.kill()
            one.wait()
            for stream in (one.stdin, one.stdout):
                if stream is not None:
                    stream.close()


@pytest.fixture
def guarded():
    guarded = Guarded()
    yield guarded
    guarded.close()


def test_a_work_is_asked_to_end_and_has_its_grace(guarded):
    work = guarded.work("lambda *_: sys.exit(3)")
    guarded.tell(f"+{work.pid} {PATIENCE_S}")
    guarded.flow_is_gone()
    assert work.wait(PATIENCE_S) == 3


def test_a_work_that_does_not_end_is_killed_after_its_grace(guarded):
    work = guarded.work("signal.SIG_IGN")
    guarded.tell(f"+{work.pid} 0.1")
    guarded.flow_is_gone()
    assert work.wait(PATIENCE_S) == -signal.SIGKILL


def test_what_a_work_has_started_ends_with_it(guarded):
    # The child sleeps; its parent prints its number.
    code = PROCESS.replace('"ready"', "os.fork() or time.sleep(600)")
    work = guarded.work("signal.SIG_DFL", code)
    child = int(work.first_line)
    guarded.tell(f"+{work.pid} {PATIENCE_S}")
    guarded.flow_is_gone()
    work.wait(PATIENCE_S)
    deadline_s = time.monotonic() + PATIENCE_S
    while is_alive(child):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def is_alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_a_work_that_ended_before_is_left_alone(guarded):
    # Its number may belong to another process by now: here it does.
    code = PROCESS.replace("print", "signal.signal(signal.SIGWINCH, lambda *_: sys.exit(4))\nprint")
    work = guarded.work("lambda *_: sys.exit(3)", code)
    guarded.tell(f"+{work.pid} 1.0")
    guarded.tell(f"-{work.pid}")
    guarded.flow_is_gone()
    work.send_signal(signal.SIGWINCH)  # handled behind a SIGTERM that came before it
    assert work.wait(PATIENCE_S) == 4


def ignored_signals(pid):
    status = pathlib.Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("what a process ignores is read from /proc")
    (mask,) = [line.split()[1] for line in status.read_text().splitlines() if "SigIgn" in line]
    return {number for number in signal.Signals if int(mask, 16) >> (number - 1) & 1}


def test_a_guard_does_not_hear_the_signals_of_a_terminal(guarded):
    work = guarded.work("lambda *_: sys.exit(3)")
    guarded.tell(f"+{work.pid} {PATIENCE_S}")
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    deadline_s = time.monotonic() + PATIENCE_S
    while not signals <= ignored_signals(guarded.process.pid):  # it is starting
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    for number in signals:
        guarded.process.send_signal(number)
    guarded.flow_is_gone()
    assert work.wait(PATIENCE_S) == 3
