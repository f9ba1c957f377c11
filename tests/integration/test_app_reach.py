"""A flow on every interface, and one under another name: what works and commands dial."""

import socket

import pytest

APP = """
import os
import lightgrid as L

class Told(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.dialled = ""
    def run(self):
        self.dialled = os.environ["LIGHTGRID_ADDRESS"]

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Told()
        self.external = L.ExternalWork(x=0)
        self.told = ""
    def run(self):
        self.w.run()
        self.told = self.external.connection["LIGHTGRID_ADDRESS"]
        if self.w.has_succeeded:
            print("w dialled", self.w.dialled, flush=True)

app = L.App(Root())
"""


def printed_address(app):
    (line,) = (line for line in app.err.splitlines() if "listens on" in line)
    return line.rpartition(" ")[2]


def has_ipv6():
    try:
        socket.create_server(("::", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--listen", "0.0.0.0:0"], None),
        (["--listen", "[::]:0"], None),
        (["--listen", "0.0.0.0:0", "--advertise", "localhost"], "localhost"),
        (["--listen", "0.0.0.0:0", "--insecure"], None),
    ],
)
def test_works_and_commands_dial_the_advertised_address(lightgrid, options, wanted):
    if "[::]:0" in options and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    lightgrid.write("app.py", APP)
    app = lightgrid.start_app("app.py", *options)
    address = printed_address(app)
    host, _, port = address.rpartition(":")
    assert host not in ("", "0.0.0.0", "[::]")
    assert host == (wanted or host)
    assert int(port) > 0
    app.wait_out(f"w dialled {address}\n")
    shown = lightgrid.run("ps")
    assert shown.returncode == 0, shown.stderr
    assert address in shown.stdout
    got = lightgrid.run("state", "get", "told")
    assert got.stdout.strip() == f'"{address}"', got.stderr
    # Who names the app by what was printed means this one.
    assert lightgrid.run("state", "get", "told", "--connect", address).stdout == got.stdout


def test_an_address_that_nobody_can_dial_is_refused_in_one_line(lightgrid):
    lightgrid.write("app.py", APP)
    done = lightgrid.run("flow", "--advertise", "0.0.0.0:80", "app.py")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("lightgrid: flow: --advertise cannot be '0.0.0.0:80'; it is HOST or")
