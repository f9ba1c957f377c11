"""Works by way of ssh, as if this machine were another one."""

import re
import shlex

import pytest
from integration.elsewhere import SQUARES, ElsewhereContract, sshd

from lightgrid.process.told_environment import LAUNCH_VARIABLE
from lightgrid.runtime.launch.prefix import PrefixLauncher

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    with sshd(tmp_path_factory.mktemp("sshd")) as words:
        yield words


class TestSsh(ElsewhereContract):
    """What every launcher owes, at the other end of a connection."""

    #: What the flow has in its environment is not for other machines; what goes there is below.
    test_it_has_the_flows_environment_its_own_and_its_launchs_id = None

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _words(cls, ssh):
        cls.words = (*ssh, "nearby")

    def make_launcher(self):
        carried = {"CONTRACT_CARRIED": "carried", "CONTRACT_BOTH": "app's"}
        return PrefixLauncher(self.words, carried)

    def test_it_has_its_own_environment_what_the_app_sets_and_its_launchs_id(self):
        names = ("CONTRACT_CARRIED", "CONTRACT_BOTH", LAUNCH_VARIABLE)
        launch = self._start(
            f"print(*map(os.environ.get, {names}))", environment={"CONTRACT_BOTH": "own"}
        )
        launch.end(self.patience_s)
        self._same("environment", launch.log(), f"carried own {launch.launch_id}\n")


def test_an_app_does_elsewhere_what_it_does_here(ssh, lightgrid):
    here = lightgrid.run("flow", SQUARES)
    there = lightgrid.run("flow", "--launcher", f"prefix:{shlex.join(ssh)} elsewhere", SQUARES)
    assert (here.returncode, there.returncode) == (0, 0), there.stderr
    assert sorted(here.stdout.splitlines()) == sorted(there.stdout.splitlines())
    assert "sum of squares: 140" in there.stdout


def test_a_machine_that_does_not_let_one_in_is_told_in_the_words_of_ssh(ssh, lightgrid):
    words = [*ssh, "-o", "PubkeyAuthentication=no", "elsewhere"]
    done = lightgrid.run("flow", "--launcher", f"prefix:{shlex.join(words)}", SQUARES)
    assert done.returncode == 1
    expected = (
        r"squares.\d: launcher prefix: `.*ssh .*` ended with exit code 255 .*Permission denied"
    )
    assert re.search(expected, done.stderr), done.stderr
