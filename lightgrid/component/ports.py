"""Free ports for the servers that works run."""

from __future__ import annotations

import socket
from typing import Final

_MAX_TRIES: Final = 100

#: Ports that were chosen and may not be in use yet.
_chosen: Final[set[int]] = set()


def choose_port(host: str) -> int:
    """Return a port of an address that is free, and was not returned before."""
    for _ in range(_MAX_TRIES):
        with socket.socket() as probe:
            try:
                probe.bind((host, 0))
            except OSError:  # an address of another machine
                probe.bind(("", 0))
            port: int = probe.getsockname()[1]
        if port not in _chosen:
            break
    _chosen.add(port)
    return port
