"""App files, each run in a process of its own as a script would be."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import pytest

APPS = pathlib.Path(__file__).parent / "apps"
PATIENCE_S = 50.0


class Program:
    """A running app file."""

    def __init__(self, file, until="False"):
        self.process = subprocess.Popen(
            [sys.executable, str(APPS / "drive.py"), str(APPS / file), until],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def line(self, beginning):
        """Read until a line begins so, and return the rest of it."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
        raise AssertionError(f"no line {beginning!r} in {self.lines}")

    def end(self):
        """Read all that is left; return the exit code."""
        self.lines += self.process.stdout.read().splitlines()
        return self.process.wait(PATIENCE_S)

    @property
    def last_state(self):
        return json.loads(self.lines[-1])["state"]


def below(pid):
    """Return all processes that a process has started, with those that these have."""
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    found = []
    for child in map(int, children.split()):
        found += [child, *below(child)]
    return found


def is_alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"  # init may be slow to reap


def wait_gone(pids, patience_s):
    deadline_s = time.monotonic() + patience_s
    while left := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline_s, f"still there: {left}"
        time.sleep(0.01)


def test_the_first_program_counts_to_exactly_ten_million():
    with Program("seed_counter.py", "root.w.has_succeeded") as program:
        assert program.end() == 0, program.lines
    numbers = [int(line) for line in program.lines if line.isdecimal()]
    assert numbers[-1] == 10_000_000
    assert numbers == sorted(numbers)
    assert program.last_state["works"]["w"]["vars"]["counter"] == 10_000_000


def test_the_second_program_drifts():
    until = "root.w.counter >= 3 and 'Work 0' in lines"
    with Program("seed_drift.py", until) as program:
        assert program.end() == 0, program.lines
    flow = [line for line in program.lines if line.startswith("Flow")]
    work = [line for line in program.lines if line.startswith("[root.w]")]
    assert flow == [f"Flow {number}" for number in range(len(flow))]
    assert len(flow) >= 3
    assert set(work) == {"[root.w] Work 0"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything_in_order_and_says_so_in_the_exit_code(number):
    with Program("spinning.py") as program:
        program.line("ready")
        processes = below(program.process.pid)
        assert len(processes) >= 5  # two works, the launcher, its sentinel and its fork server
        program.process.send_signal(number)
        assert program.end() == 128 + number, program.lines
        wait_gone(processes, PATIENCE_S)
    said = sorted(line for line in program.lines if "on_exit" in line)
    assert said == ["[root.a] on_exit ran", "[root.b] on_exit ran"]
    for work in program.last_state["works"].values():
        assert work["vars"]["exited"] is True


def test_a_flow_killed_with_sigkill_leaves_no_process_behind():
    with Program("spinning.py") as program:
        child = int(program.line("ready"))
        processes = below(program.process.pid)
        assert child in processes
        program.process.kill()
        program.process.wait()
        # The works are given 0.5 s; 2 s is what is promised, the rest is for slow machines.
        wait_gone(processes, PATIENCE_S)


def test_no_folder_of_an_app_that_ended_is_left():
    with Program("spinning.py", "True") as program:
        assert program.end() == 0, program.lines
    base = pathlib.Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folders = base.glob(f"lightgrid-*/{program.process.pid}-*")
    assert not list(folders)
    assert "Traceback" not in "\n".join(program.lines)
