"""Where the flow server listens, and whether it speaks TLS there."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Final

from lightgrid.component.options import OptionChecker
from lightgrid.errors import LightgridError
from lightgrid.server.tls import Tls, make_tls, read_tls

_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and how.

    What other machines reach speaks TLS, unless `insecure`: with the certificate of a file,
    or else with one that is made for the run. Loopback is the machine's own and stays plain,
    unless it is asked for.

    Attributes:
        address: HOST:PORT; port 0 for a free one.
        advertise: What peers are told to dial, HOST or HOST:PORT, if that is not `address`.
        tls: Speak TLS on loopback as well.
        certificate: PEM file, for TLS.
        key: PEM file, for TLS.
        ca: PEM file of who has signed `certificate`; None for what that file has itself.
        insecure: Speak no TLS on another interface than loopback either.
    """

    address: str = "127.0.0.1:0"
    _: KW_ONLY
    advertise: str | None = None
    tls: bool = False
    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None
    insecure: bool = False

    def check(self) -> None:
        """Refuse what has no meaning.

        Raises:
            LightgridError: It is not clear which TLS is meant, or whether any is.
        """
        given = OptionChecker("Listen")
        given.address("address", self.address)
        given.advertised_or_none("advertise", self.advertise)
        if (self.certificate is None) != (self.key is None):
            raise LightgridError("TLS needs both a certificate and a key")
        if self.ca is not None and self.certificate is None:
            raise LightgridError(
                "--tls-ca is who has signed --tls-cert: give that, and its key by --tls-key"
            )
        if self.tls and self.insecure:
            raise LightgridError("--tls and --insecure contradict each other: give one of them")

    def open_tls(self, dialled: str, *others: str) -> Tls | None:
        """Return what the server shows and its peers trust; None where it speaks no TLS.

        Args:
            dialled: The host that peers are told to dial.
            others: Other names of it.

        Raises:
            LightgridError: The files cannot be used, or peers would not believe the server.
        """
        if self.certificate is not None and self.key is not None:
            return read_tls(self.certificate, self.key, self.ca, dialled)
        is_loopback = self.address.rpartition(":")[0] in _LOOPBACK
        if self.tls or not (is_loopback or self.insecure):
            return make_tls([dialled, *others])
        return None
