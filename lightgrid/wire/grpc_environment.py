"""What gRPC reads once, from the environment, as it is loaded.

So it is set before that in every process of ours, also where user code is the first to import
gRPC.
"""

from __future__ import annotations

import os
from typing import Final

_SETTINGS: Final = {
    # With it a process that forks while a stream is open (multiprocessing, data loaders) hangs
    # for good in the first child, and so does a flow in the first pool that it makes.
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    # By itself gRPC writes on stderr whenever two do not agree on TLS, one of them anyone.
    "GRPC_VERBOSITY": "ERROR",
}


def prepare_grpc() -> None:
    """Set it for this process and what it starts, but for what the user has set."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
