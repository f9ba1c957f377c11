"""`lightgrid certs`: certificates for many runs."""

import shlex
import stat

from lightgrid.server.certificates import read_facts

APP = """
import lightgrid as L

class W(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.x = 0
    def run(self):
        self.x = 5

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
    def run(self):
        self.w.run()
        if self.w.has_succeeded:
            print("x", self.w.x, flush=True)

app = L.App(Root())
"""
ALWAYS = ["localhost", "127.0.0.1", "::1"]


def modes(folder):
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made(lightgrid, *options):
    done = lightgrid.run("certs", "certs of mine", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def refused(lightgrid, *options):
    done = lightgrid.run("certs", *options)
    assert done.stdout == ""
    assert done.returncode in (1, 2)
    (line,) = done.stderr.splitlines()
    return line.removeprefix("lightgrid: ")


def test_an_app_runs_and_is_looked_into_by_the_commands_that_certs_says(lightgrid):
    lightgrid.write("app.py", APP)
    told = made(lightgrid)
    folder = lightgrid.folder / "certs of mine"
    assert modes(folder) == {
        "ca.pem": "0o644", "ca-key.pem": "0o600", "cert.pem": "0o644", "key.pem": "0o600",
    }  # fmt: skip
    flow, ps = (shlex.split(line)[1:] for line in told.splitlines() if line[:12] == "  lightgrid ")
    flow[flow.index("FILE")] = "app.py"
    flow[flow.index("0.0.0.0:5000")] = "0.0.0.0:0"
    app = lightgrid.start(*flow)
    app.wait_out("x 5")
    address = next(line.rpartition(" ")[2] for line in app.err.splitlines() if "listens" in line)
    assert lightgrid.run("state", "get", "w.x").stdout == "5\n"
    (run_file,) = (lightgrid.folder / "runtime").glob("lightgrid-*/*/app.json")
    token = run_file.read_text().partition('"token": "')[2].partition('"')[0]
    lightgrid.write("token", token)
    ps[ps.index("HOST:5000")] = address
    ps[ps.index("FILE")] = "token"
    elsewhere = lightgrid.run(*ps, XDG_RUNTIME_DIR=str(lightgrid.folder))
    assert (elsewhere.returncode, elsewhere.stderr) == (0, "")
    assert "succeeded" in elsewhere.stdout


def test_nothing_that_is_there_is_replaced_unless_it_is_to_be_renewed(lightgrid):
    made(lightgrid, "--host", "flow.example.org")
    folder = lightgrid.folder / "certs of mine"
    before = contents(folder)
    line = refused(lightgrid, "certs of mine")
    assert line.startswith("certs of mine/cert.pem is there, for flow.example.org, localhost, ")
    assert "--renew makes another" in line
    assert contents(folder) == before
    told = made(lightgrid, "--renew")
    after = contents(folder)
    assert {name for name in before if before[name] == after[name]} == {"ca.pem", "ca-key.pem"}
    assert before.keys() == after.keys()
    assert modes(folder)["key.pem"] == "0o600"
    assert read_facts(after["cert.pem"]).hosts == ["flow.example.org", *ALWAYS]
    assert "--advertise flow.example.org --tls-cert" in told
    made(lightgrid, "--renew", "--host", "10.0.0.1")
    assert read_facts((folder / "cert.pem").read_bytes()).hosts == ["10.0.0.1", *ALWAYS]


def test_a_certificate_that_is_renewed_is_believed_by_who_trusts_the_ca(lightgrid):
    lightgrid.write("app.py", APP)
    made(lightgrid)
    made(lightgrid, "--renew")
    options = ["--tls-cert", "certs of mine/cert.pem", "--tls-key", "certs of mine/key.pem"]
    app = lightgrid.start("flow", *options, "--tls-ca", "certs of mine/ca.pem", "app.py")
    app.wait_out("x 5")


def test_what_cannot_be_signed_or_written_is_one_sentence(lightgrid):
    folder = lightgrid.folder / "certs of mine"
    lightgrid.write("file", "")
    assert refused(lightgrid, "file") == "file: File exists"
    for host in ("flow:80", "a b", "0.0.0.0", ""):
        assert refused(lightgrid, "new", "--host", host) == (
            f"--host cannot be {host!r}; it is a name or an IP address, without a port"
        )
    assert not (lightgrid.folder / "new").exists()
    made(lightgrid)
    key = (folder / "ca-key.pem").read_bytes()
    (folder / "ca-key.pem").write_text("nonsense")
    assert refused(lightgrid, "certs of mine", "--renew").startswith(
        "certs of mine/ca.pem, with ca-key.pem, signs nothing: it cannot be read"
    )
    (folder / "ca-key.pem").unlink()
    assert refused(lightgrid, "certs of mine", "--renew").startswith(
        "certs of mine/ca.pem is there without ca-key.pem, so nothing can be signed"
    )
    (folder / "ca-key.pem").write_bytes(key)
    (folder / "cert.pem").write_text("nonsense")
    assert refused(lightgrid, "certs of mine", "--renew").startswith(
        "certs of mine/cert.pem is not from here: it cannot be read"
    )


def test_a_certificate_for_another_host_than_works_dial_is_refused_by_the_flow(lightgrid):
    lightgrid.write("app.py", APP)
    made(lightgrid, "--host", "flow.example.org")
    options = ["--tls-cert", "certs of mine/cert.pem", "--tls-key", "certs of mine/key.pem"]
    done = lightgrid.run("flow", *options, "--advertise", "flow.example.com", "app.py")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("lightgrid: works that dial flow.example.com would not believe certs of")
    assert line.endswith("Give a host that it is for by --advertise")
