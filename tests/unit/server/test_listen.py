from pathlib import Path

import pytest

from lightgrid.errors import LightgridError
from lightgrid.server.listen import Listen

PEM = Path("x.pem")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:80", "[::1]:0"])
def test_loopback_needs_nothing(address):
    Listen(address).check()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "10.0.0.1:80", "[::]:0", ":80", "example.org:1"])
def test_what_others_can_reach_needs_tls_or_a_word_said_aloud(address):
    with pytest.raises(LightgridError, match="--insecure"):
        Listen(address).check()
    Listen(address, insecure=True).check()
    Listen(address, PEM, PEM).check()


def test_tls_needs_both_files():
    with pytest.raises(LightgridError, match="both"):
        Listen("127.0.0.1:0", certificate=PEM).check()
