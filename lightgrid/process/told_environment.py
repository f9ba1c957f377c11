"""The environment variables by which a flow tells a work, in any language, what it needs to join.

They are the flow's to its own works: no other process is to find them by inheritance.
"""

from __future__ import annotations

import os
from typing import Final

#: Names one launch of a work. All that the work starts inherits it, and is found by it.
from lightgrid.launcher.family import LAUNCH_VARIABLE as LAUNCH_VARIABLE

#: "host:port" of the flow server, the work's name, and the token that opens that work alone.
ADDRESS_VARIABLE: Final = "LIGHTGRID_ADDRESS"
WORK_VARIABLE: Final = "LIGHTGRID_WORK"
TOKEN_VARIABLE: Final = "LIGHTGRID_TOKEN"
#: The certificates to trust, as PEM text, when the flow server speaks TLS.
TLS_CA_VARIABLE: Final = "LIGHTGRID_TLS_CA"
#: The number of the flow's process, where that is on the same machine: who is told so can see
#: whether anybody is left to talk to.
FLOW_PID_VARIABLE: Final = "LIGHTGRID_FLOW_PID"
#: The id of the call that a program was started for.
CALL_VARIABLE: Final = "LIGHTGRID_CALL"
TOLD_VARIABLES: Final = frozenset(
    {
        ADDRESS_VARIABLE,
        WORK_VARIABLE,
        TOKEN_VARIABLE,
        TLS_CA_VARIABLE,
        LAUNCH_VARIABLE,
        CALL_VARIABLE,
        FLOW_PID_VARIABLE,
    }
)


def work_environment(
    work_name: str, address: str, token: str, root_certificates: bytes | None = None
) -> dict[str, str]:
    """Return what any work, in any language, is told."""
    told = {ADDRESS_VARIABLE: address, WORK_VARIABLE: work_name, TOKEN_VARIABLE: token}
    if root_certificates is not None:
        told[TLS_CA_VARIABLE] = root_certificates.decode()
    return told


def untold_environment() -> dict[str, str]:
    """Return what this process has, without what a flow has told it, as its work."""
    return {name: value for name, value in os.environ.items() if name not in TOLD_VARIABLES}


def told_root_certificates() -> bytes | None:
    """Return the certificates that the environment has, if it has any."""
    return os.environ.get(TLS_CA_VARIABLE, "").encode() or None


def hide_secrets() -> None:
    """Keep the token and the certificates from what user code starts, or prints."""
    for variable in (TOKEN_VARIABLE, TLS_CA_VARIABLE):
        os.environ.pop(variable, None)
