"""A flow server that speaks TLS: whom works trust is in their environment."""

import json
import re
import shutil
import ssl
import subprocess
import sys

import pytest
from integration.command import EXAMPLES

from lightgrid.server.certificates import CertificateAuthority, read_facts

APP = """
import os, sys
import lightgrid as L

class Told(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, **options)
        self.inherited = ""
    def run(self):
        self.inherited = os.environ.get("LIGHTGRID_TLS_CA", "nothing")

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.launched = Told()
        self.by_hand = Told(launch=False)
        self.program = L.CommandWork([sys.executable, "program.py"], counter=0)
        self.external = L.ExternalWork(counter=0)
    def run(self):
        self.launched.run()
        self.by_hand.run()
        self.program.run()
        works = self.launched, self.by_hand, self.program
        if all(work.has_succeeded for work in works):
            trusted = self.external.connection["LIGHTGRID_TLS_CA"]
            print("external", trusted.count("BEGIN CERTIFICATE"), trusted.count("PRIVATE"))
            print("inherited", self.launched.inherited, self.by_hand.inherited)
            print("counter", self.program.counter)
            self.stop()

app = L.App(Root())
"""

PROGRAM = """
import os
import grpc
from lightgrid_protos.v1.delta_service_pb2 import StreamDeltasRequest
from lightgrid_protos.v1.delta_service_pb2_grpc import DeltaServiceStub
from lightgrid_protos.v1.work_service_pb2 import RegisterWorkRequest, ReleaseWorkRequest
from lightgrid_protos.v1.work_service_pb2_grpc import WorkServiceStub

trusted = grpc.ssl_channel_credentials(os.environ["LIGHTGRID_TLS_CA"].encode())
channel = grpc.secure_channel(os.environ["LIGHTGRID_ADDRESS"], trusted)
me = {"metadata": [("authorization", f"Bearer {os.environ['LIGHTGRID_TOKEN']}")]}
works = WorkServiceStub(channel)
joining = RegisterWorkRequest(
    work=os.environ["LIGHTGRID_WORK"],
    instance_id="one",
    launch_id=os.environ.get("LIGHTGRID_LAUNCH", ""),
)
session = works.RegisterWork(joining, **me)
batch = StreamDeltasRequest(session_id=session.session_id, seq=1, snapshot=True)
state = batch.ops.add().set.map_value
state.keys.append("counter")
state.values.add().int_value = 5
DeltaServiceStub(channel).StreamDeltas(iter([batch]), **me)
works.ReleaseWork(ReleaseWorkRequest(session_id=session.session_id, final_seq=1), **me)
"""


@pytest.fixture
def certificate(tmp_path):
    """A certificate for this machine that its own key has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl to make a certificate with")
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2",
         "-subj", "/CN=flow", "-addext", "subjectAltName=IP:127.0.0.1"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    return (tmp_path / "cert.pem").read_text()


ENDED = ["external 1 0", "inherited nothing nothing", "counter 5"]
STAYS = APP.replace("            self.stop()\n", "")


IDLE = """
import lightgrid as L

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.external = L.ExternalWork(counter=0)
    def run(self):
        pass

app = L.App(Root())
"""


def told_lines(err):
    """What a command says, without the errors that the oldest gRPC takes a refusal for."""
    return [line for line in err.splitlines() if not re.match(r"WARNING: All log mess|E\d+ ", line)]


def run_file(lightgrid):
    """What the one app that runs says of itself to this user's commands."""
    (found,) = (lightgrid.folder / "runtime").glob("lightgrid-*/*/app.json")
    return json.loads(found.read_text())


def shown_certificate(address):
    """The certificate that a server shows to anyone, PEM."""
    host, _, port = address.rpartition(":")
    return ssl.get_server_certificate((host.strip("[]"), int(port))).encode()


def test_what_the_flow_starts_or_is_started_by_hand_finds_whom_to_trust(lightgrid, certificate):
    lightgrid.write("app.py", APP)
    lightgrid.write("program.py", PROGRAM)
    app = lightgrid.start_app("app.py", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    assert run_file(lightgrid)["root_certificates"] == certificate
    by_hand = lightgrid.run("work", "app.py", "by_hand")
    assert by_hand.returncode == 0, by_hand.stderr
    assert app.wait_end() == 0, app.err
    # User code starts nothing that needs it, so it is not left in a work's environment.
    assert app.out.splitlines() == ENDED


@pytest.mark.parametrize(
    "options",
    [
        ["--tls"],
        ["--listen", "0.0.0.0:0"],
        ["--listen", "0.0.0.0:0", "--advertise", "localhost"],
    ],
    ids=" ".join,
)
def test_an_app_makes_a_ca_for_its_run_that_works_of_all_kinds_and_commands_trust(
    lightgrid, options
):
    lightgrid.write("app.py", STAYS)
    lightgrid.write("program.py", PROGRAM)
    app = lightgrid.start_app("app.py", *options)
    lightgrid.start("work", "app.py", "by_hand")
    app.wait_out("counter 5")
    assert app.out.splitlines()[:3] == ENDED
    shown = lightgrid.run("ps")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert lightgrid.run("state", "get", "program.counter").stdout == "5\n"
    changed = lightgrid.run("state", "set", "launched.inherited", '""')
    assert changed.returncode == 0, changed.stderr
    assert lightgrid.run("logs", "program").returncode == 0
    told = run_file(lightgrid)
    hosts = read_facts(shown_certificate(told["address"])).hosts
    assert told["address"].rpartition(":")[0].strip("[]") in hosts
    assert {"localhost", "127.0.0.1", "::1"} <= set(hosts)
    # What the terminal says of a process that dials in is one line that a shell understands.
    line = next(line for line in app.err.splitlines() if "external waits" in line)
    dialling = f"{line.rpartition(': ')[2]} exec {sys.executable} program.py"
    done = subprocess.run(
        dialling, shell=True, cwd=lightgrid.folder, env=lightgrid.environment, check=False
    )
    assert done.returncode == 0
    assert lightgrid.run("state", "get", "external.counter").stdout == "5\n"
    # Neither the run's folder nor the app's has a key.
    files = [path for path in lightgrid.folder.rglob("*") if path.is_file()]
    assert not [path for path in files if b"PRIVATE KEY" in path.read_bytes()]


def test_several_apps_are_trusted_each_by_its_own_ca(lightgrid):
    lightgrid.write("app.py", IDLE)
    for option in ("--tls", "--tls", "--insecure"):
        lightgrid.start_app("app.py", option)
    shown = lightgrid.run("ps")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.count("external  not_started") == 3


def test_who_does_not_trust_the_app_or_it_does_not_believe_is_told_so_in_one_sentence(lightgrid):
    lightgrid.write("app.py", STAYS)
    lightgrid.write("program.py", PROGRAM)
    foreign = CertificateAuthority.make()
    lightgrid.write("other.pem", foreign.certificate.decode())
    app = lightgrid.start_app("app.py", "--tls")
    told = run_file(lightgrid)
    elsewhere = {"LIGHTGRID_TOKEN": told["token"], "XDG_RUNTIME_DIR": str(lightgrid.folder)}
    connect = ["--connect", told["address"]]
    why = "nobody who is trusted here (--tls-ca, LIGHTGRID_TLS_CA) has signed its certificate"
    reached = f"lightgrid: the app at {told['address']} cannot be reached: "
    for command in (["ps"], ["state", "get"]):
        refused = lightgrid.run(*command, *connect, "--tls-ca", "other.pem", **elsewhere)
        assert (refused.returncode, told_lines(refused.stderr)) == (1, [f"{reached}{why}"])
    by_hand = ["work", "app.py", "by_hand"]
    work = lightgrid.run(*by_hand, *connect, "--tls-ca", "other.pem", **elsewhere)
    said = f"lightgrid: by_hand cannot go on: {why}"
    assert (work.returncode, told_lines(work.stderr)) == (1, [said])
    plain = lightgrid.run("ps", *connect, **elsewhere)
    assert plain.returncode == 1
    assert plain.stderr.startswith(reached)
    assert plain.stderr.endswith("If it speaks TLS, give --tls-ca\n")
    lightgrid.write("ca.pem", told["root_certificates"])
    trusting = lightgrid.run("ps", *connect, "--tls-ca", "ca.pem", **elsewhere)
    assert (trusting.returncode, trusting.stderr) == (0, "")
    # Whoever knocks writes nothing on the app's terminal.
    lines = told_lines(app.err)
    assert all(line.startswith("lightgrid: ") for line in lines), lines


def test_a_program_of_any_language_joins_an_app_that_other_machines_reach(lightgrid):
    done = lightgrid.run("flow", "--listen", "0.0.0.0:0", EXAMPLES / "any_language.py")
    assert done.returncode == 0, done.stderr


def test_what_contradicts_itself_is_refused_in_one_line(lightgrid):
    lightgrid.write("app.py", APP)
    done = lightgrid.run("flow", "--tls", "--insecure", "app.py")
    assert done.returncode == 1
    assert (
        done.stderr == "lightgrid: --tls and --insecure contradict each other: give one of them\n"
    )
