"""gRPC's own support of forks, which is to be off in every process of ours.

With it a process that forks while a stream is open (multiprocessing, data loaders) hangs for good
in the first child, and so does a flow in the first pool that it makes. gRPC reads that once, from
the environment, as it is loaded: also where user code is the first to import it.
"""

from __future__ import annotations

import os
from typing import Final

_VARIABLE: Final = "GRPC_ENABLE_FORK_SUPPORT"


def without_fork_support() -> None:
    """Set it for this process and what it starts, unless the user has; before grpc is imported."""
    os.environ.setdefault(_VARIABLE, "0")
