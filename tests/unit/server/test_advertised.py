import socket

import pytest

from lightgrid.server import advertised
from lightgrid.server.advertised import advertised_address, host_of, own_hosts


class Network:
    """What the machine knows of itself: by which address it reaches others, and its names."""

    def __init__(self, monkeypatch):
        self.ways_out = {}
        self.names = {}
        monkeypatch.setattr(advertised.socket, "socket", self._socket)
        monkeypatch.setattr(advertised.socket, "getaddrinfo", self._getaddrinfo)

    def _socket(self, family, _kind):
        return Probe(self.ways_out.get(family))

    def _getaddrinfo(self, _host, _port, family, _kind):
        if not self.names.get(family):
            raise socket.gaierror("the name is not known")
        return [(family, None, 0, "", (address, 0)) for address in self.names[family]]


class Probe:
    def __init__(self, address):
        self._address = address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def connect(self, _place):
        if self._address is None:
            raise OSError("Network is unreachable")

    def getsockname(self):
        return (self._address, 40000)


@pytest.fixture
def network(monkeypatch):
    return Network(monkeypatch)


@pytest.mark.parametrize(
    ("bound", "resolved"),
    [
        ("127.0.0.1:5000", "127.0.0.1"),
        ("10.0.0.1:5000", "10.0.0.1"),
        ("[::1]:5000", "::1"),
        ("[fe80::1%eth0]:5000", "fe80::1%eth0"),
        ("flow.example.org:5000", "10.0.0.1"),
    ],
)
def test_the_bound_host_is_dialled_if_it_is_one(bound, resolved):
    assert advertised_address(bound, resolved, None) == bound


@pytest.mark.parametrize(
    ("advertise", "dialled"),
    [
        ("flow.example.org", "flow.example.org:5000"),
        ("flow.example.org:80", "flow.example.org:80"),
        ("[fd00::1]", "[fd00::1]:5000"),
        ("[fd00::1]:80", "[fd00::1]:80"),
        ("[FD00:0::1]:80", "[fd00::1]:80"),  # gRPC compares it letter by letter
    ],
)
@pytest.mark.parametrize("bound", ["127.0.0.1", "0.0.0.0"])
def test_what_people_set_is_dialled_on_the_bound_port_unless_they_set_that_too(
    bound, advertise, dialled
):
    assert advertised_address(f"{bound}:5000", bound, advertise) == dialled


def test_a_wildcard_is_dialled_at_the_address_by_which_this_machine_reaches_others(network):
    network.ways_out = {socket.AF_INET: "10.0.0.1", socket.AF_INET6: "fd00::1"}
    assert advertised_address("0.0.0.0:5000", "0.0.0.0", None) == "10.0.0.1:5000"
    assert advertised_address("0:5000", "0.0.0.0", None) == "10.0.0.1:5000"
    assert advertised_address("[::]:5000", "::", None) == "[fd00::1]:5000"


def test_where_one_family_leads_nowhere_a_wildcard_is_dialled_by_the_other(network):
    network.ways_out = {socket.AF_INET: "10.0.0.1", socket.AF_INET6: "fe80::1"}
    assert advertised_address("[::]:5000", "::", None) == "10.0.0.1:5000"
    network.ways_out = {socket.AF_INET6: "fd00::1"}
    assert advertised_address("0.0.0.0:5000", "0.0.0.0", None) == "[fd00::1]:5000"


def test_without_a_route_the_address_of_the_machines_name_is_taken_but_no_loopback(network):
    network.names = {socket.AF_INET: ["127.0.1.1", "10.0.0.1"]}
    assert advertised_address("0.0.0.0:5000", "0.0.0.0", None) == "10.0.0.1:5000"


def test_without_a_network_loopback_is_dialled(network):
    assert advertised_address("0.0.0.0:5000", "0.0.0.0", None) == "127.0.0.1:5000"
    assert advertised_address("[::]:5000", "::", None) == "[::1]:5000"


@pytest.mark.parametrize(
    ("ways_out", "by_name", "addresses"),
    [
        (["10.0.0.1", "fd00::1"], ["10.0.0.2"], ["10.0.0.1", "fd00::1"]),
        (["10.0.0.1", "fe80::1"], [], ["10.0.0.1"]),
        ([None, None], ["127.0.1.1", "10.0.0.2"], ["10.0.0.2"]),
        ([None, None], [], []),
    ],
)
def test_a_machine_knows_its_names_and_the_addresses_by_which_others_reach_it(
    network, monkeypatch, ways_out, by_name, addresses
):
    monkeypatch.setattr(advertised.socket, "gethostname", lambda: "this-machine")
    network.ways_out = dict(zip((socket.AF_INET, socket.AF_INET6), ways_out, strict=True))
    network.names = {socket.AF_INET: by_name}
    assert own_hosts() == ["localhost", "this-machine", "127.0.0.1", "::1", *addresses]


@pytest.mark.parametrize(
    ("address", "host"),
    [("flow:80", "flow"), ("[fd00::1]:80", "fd00::1"), ("10.0.0.1:0", "10.0.0.1")],
)
def test_the_host_of_an_address_has_neither_port_nor_brackets(address, host):
    assert host_of(address) == host
