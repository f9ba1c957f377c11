"""How a command ends that cannot do what it was asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click

from lightgrid.errors import (
    AppLoadError,
    FlowUnavailableError,
    LightgridError,
    OptionError,
    PathSyntaxError,
    Reason,
    RefusedError,
)

_SILENT: Final = "it does not answer. Its process may be paused, or busy for long"
_CLOSED: Final = "it has closed the connection"
#: What gRPC says, the first that fits, and what a person is told.
_CAUSES: Final = {
    "Connection refused": "nothing listens there",
    "before receiving SETTINGS": _SILENT,
    "Deadline Exceeded": _SILENT,
    # Of TLS: where it closes meanwhile, and where it says nothing, of which that is a part.
    "Handshake read failed (Socket closed)": _CLOSED,
    "Handshake read failed": _SILENT,
    # While it connects without, which a server that expects TLS does not let happen.
    "last error: UNAVAILABLE: ": f"{_CLOSED}. If it speaks TLS, give --tls-ca",
    "Socket closed": _CLOSED,
}


class Failure(click.ClickException):
    """Ends the command with one message on stderr and exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the message as everything else that lightgrid says."""
        click.echo(f"lightgrid: {self.message}", file=file or sys.stderr)


class UsageFailure(Failure):
    """The same with exit code 2: what was asked for has no meaning."""

    exit_code = 2


@contextmanager
def told_to_person(address: str = "") -> Iterator[None]:
    """Turn our errors into messages and exit codes.

    Args:
        address: Of the app that is talked to.

    Raises:
        Failure: For every error of ours.
    """
    try:
        yield
    except (AppLoadError, OptionError, PathSyntaxError) as error:
        raise UsageFailure(str(error)) from None
    except FlowUnavailableError as error:
        where = f" at {address}" if address else ""
        raise Failure(f"the app{where} cannot be reached: {_cause(error)}") from None
    except RefusedError as error:
        hint = ""
        if error.reason in (Reason.TOKEN_INVALID, Reason.TOKEN_MISSING, Reason.NOT_ALLOWED):
            hint = ". Give the app's token in LIGHTGRID_TOKEN or by --token-file"
        raise Failure(f"{error}{hint}") from None
    except LightgridError as error:
        raise Failure(str(error)) from None


def _cause(error: Exception) -> str:
    text = str(error).partition("\n")[0]
    for words, meaning in _CAUSES.items():
        if words in text:
            return meaning
    return text
