"""A flow server that speaks TLS: whom works trust is in their environment."""

import shutil
import subprocess

import pytest
from integration.command import Lightgrid

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
        self.external = L.ExternalWork(x=0)
    def run(self):
        self.launched.run()
        self.by_hand.run()
        self.program.run()
        works = self.launched, self.by_hand, self.program
        if all(work.has_succeeded for work in works):
            trusted = self.external.connection["LIGHTGRID_TLS_CA"]
            print("external", trusted == open("cert.pem").read())
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
    launch_id=os.environ["LIGHTGRID_LAUNCH"],
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
def lightgrid(tmp_path):
    lightgrid = Lightgrid(tmp_path)
    yield lightgrid
    lightgrid.close()


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


def test_what_the_flow_starts_or_is_started_by_hand_finds_whom_to_trust(lightgrid, certificate):
    lightgrid.write("app.py", APP)
    lightgrid.write("program.py", PROGRAM)
    app = lightgrid.start_app("app.py", "--tls-cert", "cert.pem", "--tls-key", "key.pem")
    by_hand = lightgrid.run("work", "app.py", "by_hand", LIGHTGRID_TLS_CA=certificate)
    assert by_hand.returncode == 0, by_hand.stderr
    assert app.wait_end() == 0, app.err
    # User code starts nothing that needs it, so it is not left in a work's environment.
    assert app.out.splitlines() == ["external True", "inherited nothing nothing", "counter 5"]
