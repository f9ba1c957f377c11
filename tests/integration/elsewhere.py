"""Other machines, as far as this one can be them: an sshd of a test's own."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from integration.command import ROOT, wait_until

from lightgrid.runtime.launch.prefix import PrefixLauncher
from lightgrid.testing import LauncherContract
from lightgrid.testing.contract_launch import changed_environment

SQUARES = ROOT / "tests/integration/apps/squares.py"
#: A flow's process, as far as it has a launcher and one launch.
_FLOW = """
import sys, time
from pathlib import Path
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.prefix import PrefixLauncher
log, code, *words = sys.argv[1:]
launcher = PrefixLauncher(words)
command = [sys.executable, "-S", "-c", code]
launcher.start(LaunchSpec(log, "root.w", command, {}, Path(log), 60.0), print)
time.sleep(600)
"""
_SYSTEM_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/sbin"


def program(name, package):
    """Return the path of a program; without it a test is skipped, but not where it counts."""
    found = shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        missing = f"there is no {name}: apt-get install {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    return found


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@contextmanager
def daemon(folder, *command, **more):
    """Run a program that stays, with what it says in a file that is named after it."""
    with (folder / f"{Path(command[0]).name}.out").open("ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            **more,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


@contextmanager
def sshd(folder):
    """Have an sshd of this user on a free port; yields a command that leads through it.

    "elsewhere" is behind a connection of its own each time, "nearby" behind one for all.
    """
    server, client = program("sshd", "openssh-server"), program("ssh", "openssh-client")
    if os.geteuid() == 0:  # it parts with its privileges in there
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        key = ("-t", "ed25519", "-N", "", "-f", folder / name)
        subprocess.run(["ssh-keygen", "-q", *key], check=True)
    port = free_port()
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\n"
        f"HostKey {folder}/host\n"
        f"AuthorizedKeysFile {folder}/user.pub\n"
        f"PidFile {folder}/pid\n"
        "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPrintMotd no\n"
        "MaxStartups 100\nMaxSessions 100\n"
    )
    (folder / "ssh_config").write_text(
        f"Host nearby\n    ControlPath {folder}/control\nHost *\n"
        f"    HostName 127.0.0.1\n    Port {port}\n    User {getpass.getuser()}\n"
        f"    IdentityFile {folder}/user\n    IdentitiesOnly yes\n    BatchMode yes\n"
        "    StrictHostKeyChecking no\n    UserKnownHostsFile /dev/null\n    LogLevel ERROR\n"
    )
    with daemon(folder, server, "-D", "-e", "-f", str(folder / "sshd_config")):
        wait_until(lambda: listens(port), "a listening sshd")
        words = [client, "-F", str(folder / "ssh_config")]
        with daemon(folder, *words, "-M", "-N", "nearby"):
            wait_until((folder / "control").exists, "a connection for all")
            yield words


@contextmanager
def slurm(folder, settings=""):
    """Have a cluster of Slurm with two nodes, both of which are this machine; "b" is marked.

    Yields a command that leads into it, and the daemons of its nodes by their names. The
    environment names it meanwhile, for all commands of Slurm.
    """
    controller, node = program("slurmctld", "slurm-wlm"), program("slurmd", "slurm-wlm")
    client, information = program("srun", "slurm-wlm"), program("sinfo", "slurm-wlm")
    host, user = socket.gethostname(), getpass.getuser()
    ports = [free_port() for _ in range(3)]
    file = folder / "slurm.conf"
    node_is = f"NodeHostname={host} NodeAddr=127.0.0.1 CPUs=32 RealMemory=1000"
    file.write_text(
        f"ClusterName=tests\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={ports[0]}\n"
        f"SlurmUser={user}\nSlurmdUser={user}\nAuthType=auth/none\nCredType=cred/none\n"
        f"StateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/%n\n"
        f"SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/%n.pid\n"
        f"SlurmctldLogFile={folder}/slurmctld.log\nSlurmdLogFile={folder}/%n.log\n"
        "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nMpiDefault=none\n"
        "JobAcctGatherType=jobacct_gather/none\nSelectType=select/cons_tres\n"
        "SelectTypeParameters=CR_CPU\nSlurmdParameters=config_overrides\n"
        f"SwitchType=switch/none\n{settings}"
        f"NodeName=a {node_is} Port={ports[1]}\n"
        f"NodeName=b {node_is} Port={ports[2]} Feature=zone=b\n"
        "PartitionName=all Nodes=a,b Default=YES MaxTime=INFINITE State=UP\n"
    )
    for name in ("state", "a", "b"):
        (folder / name).mkdir()

    def are_idle():
        shown = [information, "--noheader", "--Node", "--format=%T"]
        done = subprocess.run(shown, capture_output=True, text=True, check=False)
        return done.stdout.split() == ["idle", "idle"]

    with changed_environment({"SLURM_CONF": str(file)}), ExitStack() as running:
        running.enter_context(daemon(folder, controller, "-D", "-f", str(file)))
        nodes = {
            name: running.enter_context(daemon(folder, node, "-D", "-N", name, "-f", str(file)))
            for name in ("a", "b")
        }
        wait_until(are_idle, "a cluster with two nodes")
        yield (client,), nodes


class ElsewhereContract(LauncherContract):
    """What every launcher owes, and what one owes beside whose far end may be lost."""

    words: tuple[str, ...]
    #: Whether a far end whose command is killed has time to ask its work to end.
    has_grace = True

    def make_launcher(self):
        return PrefixLauncher(self.words)

    def commands(self):
        """The pids of the commands that the launcher runs: its children, but for its sentinel."""
        pid = self.launcher.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        name = Path(self.words[0]).name
        return [int(one) for one in children if comm(one) == name]

    def test_what_is_lost_ends_and_how_is_not_known(self):
        line = self._line()
        asked = "signal.signal(signal.SIGTERM, lambda *_: [ready(), sys.exit()]); "
        launch = self._start(f"{asked if self.has_grace else ''}ready(); hold()", line)
        line.wait_for(1, self.patience_s)
        for pid in self.commands():
            os.kill(pid, signal.SIGKILL)
        end = launch.end(self.patience_s)
        self._same("exit code", end.code, None)
        assert end.reason.startswith("contact to it is lost, `")
        assert "was killed by SIGKILL" in end.reason
        if self.has_grace:
            line.wait_for(1, self.patience_s)
        line.wait_until_let_go(self.patience_s)

    def test_a_flow_that_is_killed_has_its_works_asked_to_end(self):
        line = self._line()
        asks = "signal.signal(signal.SIGTERM, lambda *_: [line.sendall(b'r'), sys.exit()])"
        code = (
            f"import os, signal, socket, sys; line = socket.create_connection({line.address}); "
            f"{asks}; line.sendall(b'r'); line.recv(1)"
        )
        command = [sys.executable, "-c", _FLOW, str(self._folder / "log"), code, *self.words]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as flow:
            line.wait_for(1, self.patience_s)
            flow.kill()
        line.wait_for(1, self.patience_s)
        line.wait_until_let_go(self.patience_s)


def comm(pid):
    return Path(f"/proc/{pid}/comm").read_text().strip()
