"""How an app is to be run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lightgrid.component.options import OptionChecker
from lightgrid.runtime.launch.launcher import LOCAL
from lightgrid.runtime.reporting.observer import Observer

if TYPE_CHECKING:
    from lightgrid.runtime.launch.launcher import Launcher
    from lightgrid.runtime.loop.app_loop import AppLoop


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run an app.

    Attributes:
        address: Where to listen, HOST:PORT; port 0 for a free one.
        advertise: What works and commands are told to dial, HOST or HOST:PORT, where that
            is not `address`: a name that a certificate is for, or a port that is forwarded.
            None for the host of `address`; if that is every interface (0.0.0.0, [::]), for the
            address by which this machine reaches others.
        tls: Speak TLS on loopback as well. On an address that other machines reach the server
            does anyhow: with a certificate that a CA has signed which is made for this run.
            Works are told it, and commands find it in the run's file.
        tls_certificate: PEM file: a certificate of one's own in its place, with `tls_key`.
        tls_key: PEM file.
        tls_ca: PEM file of who has signed `tls_certificate`, which is what works and commands
            trust; None where that file has it, or is to be trusted itself.
        insecure: Speak no TLS on another interface than loopback either.
        environment: Set in the app's process, and so in its works.
        log_level: Of the "lightgrid" logger, here and in the works.
        stream_lifetime_s: Between which times the server ends a stream, in seconds, so that
            its peer opens another one.
        observers: Told what happens in the app, beside what shows it to people.
        launcher: What starts the processes of works that name no other: NAME or NAME:OPTIONS.
        preload: Modules that works on this machine are forked with, so that none of them has
            to import them.
        make_launcher: Makes it, in place of `launcher`, from a class of one's own.
        on_loop: Given what runs the app, before it does; for tests.

    Raises:
        OptionError: One of these has a value that it cannot have.
    """

    address: str = "127.0.0.1:0"
    advertise: str | None = field(default=None, kw_only=True)
    tls: bool = field(default=False, kw_only=True)
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_ca: Path | None = field(default=None, kw_only=True)
    insecure: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    log_level: str = "WARNING"
    stream_lifetime_s: tuple[float, float] = (300.0, 600.0)
    observers: Sequence[Observer] = ()
    launcher: str = field(default=LOCAL, kw_only=True)
    preload: Sequence[str] = field(default=(), kw_only=True)
    make_launcher: Callable[[], Launcher] | None = None
    on_loop: Callable[[AppLoop], None] | None = None

    def __post_init__(self) -> None:
        """Refuse what no app can be run with, at the line that gives it."""
        given = OptionChecker("RunOptions")
        given.address("address", self.address)
        given.advertised_or_none("advertise", self.advertise)
        for name in ("tls_certificate", "tls_key", "tls_ca"):
            if getattr(self, name) is not None:
                given.kind(name, getattr(self, name), Path, "a pathlib.Path, or None")
        for name in ("tls", "insecure"):
            given.flag(name, getattr(self, name))
        given.environment("environment", self.environment)
        object.__setattr__(self, "log_level", given.log_level("log_level", self.log_level))
        given.range_of_seconds("stream_lifetime_s", self.stream_lifetime_s)
        for observer in given.kind("observers", self.observers, Sequence, "a list of observers"):
            given.kind("observers", observer, Observer, "a list of observers")
        given.text("launcher", self.launcher, "a text: NAME or NAME:OPTIONS")
        given.modules("preload", self.preload)
        for name in ("make_launcher", "on_loop"):
            if getattr(self, name) is not None:
                given.function(name, getattr(self, name))
