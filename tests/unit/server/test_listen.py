from pathlib import Path

import pytest

from lightgrid.errors import LightgridError
from lightgrid.server.certificates import read_facts
from lightgrid.server.listen import Listen

PEM = Path("x.pem")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:80", "[::1]:0"])
def test_loopback_is_plain_unless_it_is_asked_for_tls(address):
    Listen(address).check()
    assert Listen(address).open_tls("127.0.0.1") is None
    assert Listen(address, tls=True).open_tls("127.0.0.1") is not None


@pytest.mark.parametrize("address", ["0.0.0.0:0", "10.0.0.1:80", "[::]:0", ":80", "example.org:1"])
def test_what_others_can_reach_speaks_tls_unless_a_word_is_said_aloud(address):
    Listen(address).check()
    tls = Listen(address).open_tls("flow.example.org", "10.0.0.9")
    assert {"flow.example.org", "10.0.0.9"} <= set(read_facts(tls.chain).hosts)
    Listen(address, insecure=True).check()
    assert Listen(address, insecure=True).open_tls("flow.example.org") is None
    Listen(address, certificate=PEM, key=PEM).check()


def test_tls_needs_both_files():
    with pytest.raises(LightgridError, match="both"):
        Listen("127.0.0.1:0", certificate=PEM).check()


def test_who_has_signed_a_certificate_says_nothing_without_it():
    with pytest.raises(LightgridError, match="--tls-ca is who has signed --tls-cert: give that"):
        Listen("127.0.0.1:0", ca=PEM).check()


def test_tls_and_none_at_once_is_refused():
    with pytest.raises(LightgridError, match="--tls and --insecure contradict each other"):
        Listen("0.0.0.0:0", tls=True, insecure=True).check()
