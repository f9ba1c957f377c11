"""Which running app a command talks to."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lightgrid.cli.failure import Failure, UsageFailure
from lightgrid.process.root_certificates import find_root_certificates
from lightgrid.process.told_environment import (
    TLS_CA_VARIABLE,
    TOKEN_VARIABLE,
    told_root_certificates,
)
from lightgrid.runtime.reporting.run_dir import RunningApp, running_apps

if TYPE_CHECKING:
    from lightgrid.client.state_client import StateClient


@dataclass(frozen=True, slots=True)
class Target:
    """How to talk to an app.

    Attributes:
        address: HOST:PORT.
        token: Opens it.
        root_certificates: PEM, for TLS.
        app: What is known of it here; None for one that was named by its address only.
    """

    address: str
    token: str = field(repr=False)
    root_certificates: bytes | None = None
    app: RunningApp | None = None

    @classmethod
    def of(
        cls, app: RunningApp, token: str | None = None, root_certificates: bytes | None = None
    ) -> Target:
        """Return how to talk to an app of this machine: as it says itself, or as is given."""
        if root_certificates is None and app.root_certificates is not None:
            root_certificates = app.root_certificates.encode()
        return cls(app.address, token or app.token, root_certificates, app)

    def open(self) -> StateClient:
        """Return a client of its state."""
        from lightgrid.client.state_client import StateClient  # loads gRPC

        return StateClient(
            self.address, self.token, self.root_certificates, client_name="lightgrid state set"
        )

    def __str__(self) -> str:
        return self.address if self.app is None else describe(self.app)


def connection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options by which an app is chosen."""
    for decorate in (
        click.option(
            "--tls-ca",
            type=click.Path(path_type=Path),
            help="PEM file of who signed the certificate of an app elsewhere that speaks TLS; "
            f"else {TLS_CA_VARIABLE} has its content.",
        ),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            help=f"Holds the app's token, for an app elsewhere; else {TOKEN_VARIABLE} does.",
        ),
        click.option(
            "--connect",
            metavar="APP",
            help="PID, HOST:PORT or file name of a running app; needless when one runs.",
        ),
    ):
        function = decorate(function)
    return function


def choose_target(
    connect: str | None,
    token_file: Path | None = None,
    tls_ca: Path | None = None,
    *,
    token: str | None = None,
    app_file: str | None = None,
) -> Target:
    """Return the app that a person means.

    Args:
        connect: Its pid, address or file; None for the one that runs.
        token_file: Holds a token.
        tls_ca: PEM file. Without it an app of this machine says itself whom to trust; for
            another one the environment may have the content.
        token: A token that was given outright.
        app_file: Unless `connect` says which, the app that runs this file is meant.

    Raises:
        Failure: None is running, or it is not clear which is meant.
    """
    given = token or _given_token(token_file)
    root_certificates = None if tls_ca is None else _trusted(_read(tls_ca), str(tls_ca))
    apps = running_apps()
    found = apps if connect is None else [app for app in apps if _is_meant(app, connect)]
    if connect is None and app_file is not None and apps:
        wanted = os.path.abspath(app_file)
        found = [app for app in apps if app.app_file == wanted]
        if not found:
            raise Failure(
                f"no running app runs {app_file}; choose one by --connect PID:\n{_list(apps)}"
            )
    if len(found) == 1:
        return Target.of(found[0], given, root_certificates)
    if found:
        raise UsageFailure(f"several apps run; choose one by --connect PID:\n{_list(found)}")
    if connect is None:
        raise Failure("no app is running; start one with: lightgrid flow FILE")
    if not _is_address(connect):
        running = f"; there are:\n{_list(apps)}" if apps else "; none is running"
        raise Failure(f"no running app is called {connect!r}{running}")
    if given is None:
        raise UsageFailure(
            f"the app at {connect} needs its token: set {TOKEN_VARIABLE} or give --token-file"
        )
    told = told_root_certificates()
    if root_certificates is None and told is not None:
        root_certificates = _trusted(told, TLS_CA_VARIABLE)
    return Target(connect, given, root_certificates)


def describe(app: RunningApp) -> str:
    """Return an app's file and pid, for people."""
    return f"{Path(app.app_file).name} (pid {app.pid})"


def _given_token(token_file: Path | None) -> str | None:
    if token_file is not None:
        return _read(token_file).decode("utf-8", "replace").strip()
    return os.environ.get(TOKEN_VARIABLE) or None


def _trusted(pem: bytes, source: str) -> bytes:
    try:
        return find_root_certificates(pem)
    except ValueError as error:
        raise UsageFailure(f"{source} cannot be trusted: {error}") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageFailure(f"{path}: {error.strerror or error}") from None


def _is_meant(app: RunningApp, connect: str) -> bool:
    path = Path(app.app_file)
    return connect in (str(app.pid), app.address, app.app_file, path.name, path.stem) or (
        os.path.abspath(connect) == app.app_file
    )


def _is_address(text: str) -> bool:
    host, colon, port = text.rpartition(":")
    return bool(host and colon and port.isascii() and port.isdigit())


def _list(apps: Sequence[RunningApp]) -> str:
    return "\n".join(f"  {app.pid}  {app.address}  {app.app_file}" for app in apps)
