"""Why an app cannot be reached, in words of people."""

import pytest

from lightgrid.cli.failure import Failure, told_to_person
from lightgrid.errors import FlowUnavailableError, FlowUntrustedError

FAILED = "UNAVAILABLE: failed to connect to all addresses; last error: "


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"{FAILED}UNKNOWN: ipv4:127.0.0.1:1: Connection refused", "nothing listens there"),
        (f"{FAILED}UNAVAILABLE: timed out before receiving SETTINGS frame", "it does not answer."),
        ("DEADLINE_EXCEEDED: Deadline Exceeded", "it does not answer."),
        (f"{FAILED}UNAVAILABLE: Handshake read failed (Endpoint closing)", "it does not answer."),
        (f"{FAILED}UNKNOWN: Handshake read failed", "it does not answer."),
        (f"{FAILED}UNAVAILABLE: Handshake read failed (Socket closed)", "connection$"),
        (
            f"{FAILED}UNAVAILABLE: ipv4:127.0.0.1:1: Socket closed",
            "If it speaks TLS, give --tls-ca",
        ),
        (f"{FAILED}UNAVAILABLE: recvmsg:Connection reset by peer", "speaks TLS, give --tls-ca"),
        ("UNAVAILABLE: Socket closed", "it has closed the connection$"),
        ("UNAVAILABLE: something new", "UNAVAILABLE: something new"),
    ],
)
def test_a_person_is_told_why_an_app_cannot_be_reached(said, told):
    with pytest.raises(Failure, match=told) as refused, told_to_person("127.0.0.1:1"):
        raise FlowUnavailableError(said)
    assert refused.value.message.startswith("the app at 127.0.0.1:1 cannot be reached: ")


def test_a_person_is_told_why_an_app_is_not_believed():
    why = r"cannot be reached: its certificate has expired$"
    with pytest.raises(Failure, match=why), told_to_person("127.0.0.1:1"):
        raise FlowUntrustedError("its certificate has expired")
