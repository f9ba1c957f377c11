import os
import queue
import signal
import sys

import pytest

from lightgrid.component.resources import Resources
from lightgrid.runtime.launch.events import Ended, NotStarted, Pending, Started
from lightgrid.runtime.launch.gpus import VISIBLE_VARIABLE, Gpus, gpus_here
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher

PATIENCE_S = 30.0


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("0,1,3", ["0", "1", "3"]),
        (" GPU-8932f937 , MIG-1 ", ["GPU-8932f937", "MIG-1"]),
        ("", []),
        ("-1", []),
        ("1,-1,0", ["1"]),
        ("NoDevFiles", []),
        ("2,,3", ["2"]),
    ],
)
def test_the_gpus_are_those_that_the_flow_may_use(visible, names, tmp_path):
    (tmp_path / "0000:01:00.0").mkdir()
    assert gpus_here({VISIBLE_VARIABLE: visible}, tmp_path) == names


def test_without_a_word_of_the_flows_they_are_those_of_the_machine(tmp_path):
    for name in ("0000:01:00.0", "0000:02:00.0"):
        (tmp_path / name).mkdir()
    assert gpus_here({}, tmp_path) == ["0", "1"]
    assert gpus_here({}, tmp_path / "no driver") == []


def test_they_are_given_out_one_by_one_and_again_when_they_come_back():
    gpus = Gpus(["a", "b", "c"])
    assert gpus.ask("1", 2) == ["a", "b"]
    assert gpus.free_count == 1
    assert gpus.ask("2", 1) == ["c"]
    assert gpus.ask("3", 1) is None
    assert gpus.give_back("2") == {"3": ["c"]}
    assert gpus.give_back("1") == {}
    assert gpus.free_count == 2


def test_who_asked_first_is_first_also_for_many():
    gpus = Gpus(["a", "b"])
    gpus.ask("1", 1)
    assert gpus.ask("many", 2) is None
    assert gpus.ask("few", 1) is None  # it would fit, and the other one wait for ever
    assert gpus.give_back("1") == {"many": ["b", "a"]}
    assert set(gpus.give_back("many")) == {"few"}


def test_one_that_waits_no_more_makes_way():
    gpus = Gpus(["a", "b"])
    gpus.ask("1", 1)
    gpus.ask("many", 2)
    gpus.ask("few", 1)
    assert gpus.give_back("many") == {"few": ["b"]}
    assert gpus.give_back("nobody") == {}


class Machine:
    """A launcher on a machine with some GPUs, as CUDA_VISIBLE_DEVICES names them."""

    def __init__(self, folder):
        self.launcher = LocalLauncher()
        self._folder = folder
        self._events = {}

    def start(self, launch_id, gpus, code="import time; time.sleep(600)"):
        command = [sys.executable, "-S", "-c", code]
        spec = LaunchSpec(
            launch_id, "root.w", command, {}, self.log(launch_id), 1.0,
            resources=Resources(gpus=gpus),
        )  # fmt: skip
        self._events[launch_id] = queue.SimpleQueue()
        self.launcher.start(spec, self._events[launch_id].put)

    def next(self, launch_id):
        return self._events[launch_id].get(timeout=PATIENCE_S)

    def log(self, launch_id):
        return self._folder / f"{launch_id}.log"

    def is_quiet(self, launch_id):
        return self._events[launch_id].empty()


@pytest.fixture
def machine(monkeypatch, tmp_path):
    monkeypatch.setenv(VISIBLE_VARIABLE, "4,7")
    machine = Machine(tmp_path)
    yield machine
    machine.launcher.close()


SHOW = f"import os; print(os.environ[{VISIBLE_VARIABLE!r}])"


def test_a_work_sees_the_gpus_that_it_is_given_and_no_others(machine):
    machine.start("one", 1)
    machine.start("two", 1, SHOW)
    assert isinstance(machine.next("two"), Started)
    assert machine.next("two") == Ended("two", 0)
    assert machine.log("two").read_text() == "7\n"
    machine.start("none", 0, SHOW)
    machine.next("none")
    machine.next("none")
    assert machine.log("none").read_text() == "4,7\n"  # as ever, for who asks for none


def test_a_work_that_needs_more_than_are_free_says_what_it_waits_for_and_gets_them(machine):
    machine.start("one", 1)
    machine.next("one")
    machine.start("both", 2, SHOW)
    assert machine.next("both") == Pending("both", "waits for 2 GPUs; 1 of 2 are free")
    machine.launcher.kill("one")
    assert machine.next("one") == Ended("one", -signal.SIGKILL)
    assert isinstance(machine.next("both"), Started)
    assert machine.next("both") == Ended("both", 0)
    assert sorted(machine.log("both").read_text().strip().split(",")) == ["4", "7"]


def test_a_work_that_needs_more_than_there_are_is_refused(machine):
    machine.start("many", 8)
    reason = "launcher local: it needs 8 GPUs, and this machine has 2"
    assert machine.next("many") == NotStarted("many", reason)


def test_a_work_that_cannot_be_started_gives_its_gpus_back(machine):
    machine.log("broken").mkdir()  # its log cannot be written
    machine.start("broken", 2)
    assert isinstance(machine.next("broken"), NotStarted)
    machine.start("next", 2, SHOW)
    assert isinstance(machine.next("next"), Started)


@pytest.mark.parametrize("order", ["stop", "kill"])
def test_a_work_can_be_ended_while_it_waits(machine, order):
    machine.start("one", 2)
    machine.next("one")
    machine.start("waiting", 1)
    machine.next("waiting")
    getattr(machine.launcher, order)("waiting")
    assert machine.next("waiting") == Ended(
        "waiting", None, "it was ended while it waited for GPUs"
    )
    machine.launcher.kill("one")
    machine.next("one")
    assert machine.is_quiet("waiting")


def test_closing_ends_who_waits_and_starts_nobody(machine):
    machine.start("one", 1)
    machine.next("one")
    machine.start("first", 2)
    machine.start("second", 1)  # one is free for it, but it is not its turn
    machine.launcher.close()
    assert machine.next("one") == Ended("one", -signal.SIGKILL)
    for waiting in ("first", "second"):
        assert isinstance(machine.next(waiting), Pending)
        assert machine.next(waiting) == Ended(
            waiting, None, "it was ended while it waited for GPUs"
        )
    assert not os.path.exists(f"/proc/{machine.launcher.pid}")
