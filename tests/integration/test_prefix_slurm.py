"""Works by way of srun, in a cluster of two nodes that are this machine."""

import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import replace

import pytest
from integration.command import LIMIT_S, wait_until
from integration.elsewhere import SQUARES, ElsewhereContract, slurm

from lightgrid.component.resources import Resources
from lightgrid.runtime.launch.events import Ended, Pending
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.prefix import PrefixLauncher
from lightgrid.testing.contract_launch import Launch
from lightgrid.testing.line import Line

pytestmark = pytest.mark.timeout(300)
#: So that a cluster takes notice of a lost node in seconds.
IMPATIENT = "SlurmdTimeout=2\nMessageTimeout=2\nTCPTimeout=1\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with slurm(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster


class Needing(PrefixLauncher):
    """Whose works need something of their place."""

    needs = Resources()

    def start(self, spec, tell):
        super().start(replace(spec, resources=self.needs), tell)


class TestSrun(ElsewhereContract):
    """What every launcher owes, at the other end of a step; and what Slurm makes of it."""

    #: Slurm kills a step whose srun is gone, before or after its far end has seen that.
    has_grace = False

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _cluster(cls, cluster):
        cls.words, _ = cluster

    def make_launcher(self):
        return Needing(self.words)

    def test_a_work_is_where_it_has_what_it_needs(self):
        self.launcher.needs = Resources(cpus=2, memory="100MB", labels={"zone": "b"})
        names = ("SLURMD_NODENAME", "SLURM_CPUS_PER_TASK")
        launch = self._start(f"print(*map(os.environ.get, {names}))")
        self._ended(launch, 0)
        assert launch.log() == "b 2\n"

    def test_a_work_that_waits_in_the_queue_is_pending_and_can_be_ended(self):
        self.launcher.needs = Resources(cpus=32)
        lines = [self._line(), self._line()]
        for line in lines:
            self._start("ready(); hold()", line)
        for line in lines:
            line.wait_for(1, self.patience_s)
        launch = self._start("pass")
        wait_until(lambda: "queued and waiting" in launch.events[-1].reason, "a job in the queue")
        assert {type(event) for event in launch.events} == {Pending}
        self.launcher.stop(launch.launch_id)
        end = launch.end(self.patience_s)
        assert isinstance(end, Ended)
        assert end.reason.startswith("it was ended while it waited for `")
        queue = ["squeue", "--noheader", "--states=PENDING"]
        wait_until(lambda: subprocess.check_output(queue) == b"", "an empty queue")

    def test_gpus_that_no_node_has_are_told_in_the_words_of_slurm(self):
        self.launcher.needs = Resources(gpus=8)
        end = self._start("pass").end(self.patience_s)
        assert "--gres=gpu:8" in end.reason


def test_an_app_does_elsewhere_what_it_does_here(cluster, lightgrid):
    here = lightgrid.run("flow", SQUARES)
    there = lightgrid.run("flow", "--launcher", "prefix:srun", SQUARES)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert sorted(here.stdout.splitlines()) == sorted(there.stdout.splitlines())
    assert "sum of squares: 140" in there.stdout


def test_a_node_that_is_lost_is_an_end_that_is_not_known_though_srun_ends_with_0(tmp_path):
    code = f"""
import os, signal, socket, sys
signal.signal(signal.SIGTERM, lambda *_: [line.sendall(b"r"), sys.exit()])
with open(f"/proc/{{os.getppid()}}/stat") as file, open({str(tmp_path / "step")!r}, "w") as step:
    step.write(file.read().split()[3])
line = socket.create_connection(ADDRESS)
line.sendall(b"r")
line.recv(1)
"""
    folder = tmp_path / "slurm"
    folder.mkdir()
    with ExitStack() as stack:
        words, nodes = stack.enter_context(slurm(folder, IMPATIENT))
        launcher = PrefixLauncher([*words, "-w", "b"])
        stack.callback(launcher.close)
        line = Line("127.0.0.1")
        stack.callback(line.close)
        launch = Launch(str(tmp_path), tmp_path / "log")
        command = [sys.executable, "-S", "-c", code.replace("ADDRESS", repr(line.address))]
        spec = LaunchSpec(str(tmp_path), "root.w", command, {}, tmp_path / "log", LIMIT_S)
        launcher.start(spec, launch.tell)
        line.wait_for(1, LIMIT_S)
        nodes["b"].kill()
        os.kill(int((tmp_path / "step").read_text()), signal.SIGKILL)
        line.wait_for(1, LIMIT_S)  # it is asked to end: its far end lives, and is alone
        line.wait_until_let_go(LIMIT_S)
        end = launch.end(LIMIT_S)
    assert isinstance(end, Ended)
    assert end.code is None
    assert "ended with exit code 0: srun: error: Node failure on b" in end.reason
