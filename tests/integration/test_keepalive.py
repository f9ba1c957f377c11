"""What work_service.proto says of pings, seen on a connection; its numbers are the code's."""

import re
import socket
import struct
import threading
from pathlib import Path

import pytest
from integration.wire_peer import TIMEOUT_S, WireFlow

from lightgrid.client.channel import OPTIONS
from lightgrid.server import server

PROTO = Path(__file__).parents[2] / "protos" / "lightgrid_protos" / "v1" / "work_service.proto"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING, GOAWAY, SETTINGS = 6, 7, 4


@pytest.fixture(scope="module")
def flow():
    with WireFlow() as flow:
        yield flow


def said():
    """Return the numbers that the proto says, in seconds: of its paragraph on keepalive."""
    text = " ".join(PROTO.read_text().replace("//", "").split())
    paragraph = text[text.index("Keepalive:") : text.index("service WorkService {")]
    every, within, apart = re.search(
        r"every (\d+) s and closes it when none is answered within (\d+) s\. "
        r"It allows pings from (\d+) s apart, with and without calls",
        paragraph,
    ).groups()
    return int(every), int(within), int(apart)


def test_the_numbers_that_the_proto_says_are_those_of_the_code():
    options = dict(server.KEEPALIVE)
    assert said() == (
        options["grpc.keepalive_time_ms"] / 1000,
        options["grpc.keepalive_timeout_ms"] / 1000,
        options["grpc.http2.min_ping_interval_without_data_ms"] / 1000,
    )
    assert options["grpc.keepalive_permit_without_calls"] == 1


def test_our_own_client_pings_no_more_often_than_is_allowed():
    assert dict(OPTIONS)["grpc.keepalive_time_ms"] / 1000 >= said()[2]


class Connection:
    """Speaks HTTP/2 by hand, as far as pings go: a client of gRPC has them 10 s apart or more."""

    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), TIMEOUT_S)
        self._socket.sendall(PREFACE + frame(SETTINGS))

    def ping(self):
        """Send a ping; return whether it was answered, and not the connection ended."""
        self._socket.sendall(frame(PING, b"12345678"))
        while True:
            head = self._read(9)
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            content = self._read(size)
            if kind == PING and flags & 1 and content == b"12345678":
                return True
            if kind == GOAWAY:
                self.why = content[8:]
                return False

    def close(self):
        self._socket.close()

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            assert part, "closed without a word"
            data += part
        return data


def frame(kind, content=b""):
    return struct.pack(">I", len(content))[1:] + bytes([kind, 0]) + b"\0\0\0\0" + content


def test_a_client_that_pings_as_often_as_is_allowed_without_calls_is_not_sent_away(monkeypatch):
    hurried = dict(server.KEEPALIVE) | {"grpc.http2.min_ping_interval_without_data_ms": 50}
    monkeypatch.setattr(server, "KEEPALIVE", tuple(hurried.items()))
    with WireFlow() as flow:
        connection = Connection(flow.server.address)
        for _ in range(6):  # gRPC forgives two that are too early
            assert connection.ping(), connection.why
            threading.Event().wait(0.06)  # what is meant is the time between two
        connection.close()


def test_one_that_pings_without_a_pause_is_told_that_these_are_too_many(flow):
    connection = Connection(flow.server.address)
    assert not all(connection.ping() for _ in range(10))
    assert connection.why == b"too_many_pings"
    connection.close()
