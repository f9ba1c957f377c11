"""What the flow server shows of itself, and what its peers trust."""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lightgrid.errors import LightgridError
from lightgrid.process.root_certificates import find_root_certificates
from lightgrid.server.advertised import own_hosts

_DNS_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")
_MAX_DNS_NAME: Final = 253
#: Of OpenSSL's X509_V_ERR, those that gRPC would meet as well; and what helps.
_RENEW: Final = "Renew it, or mend the clock"
_SIGNED_BY: Final = "Give who has signed it by --tls-ca"
_ADVERTISE: Final = "Give a host that it is for by --advertise"
_REMEDIES: Final = {
    **dict.fromkeys((9, 10), _RENEW),  # CERT_NOT_YET_VALID, CERT_HAS_EXPIRED
    # DEPTH_ZERO_SELF_SIGNED_CERT and others for: there is nobody known who has signed.
    **dict.fromkeys((2, 18, 19, 20, 21), _SIGNED_BY),
    **dict.fromkeys((62, 64), _ADVERTISE),  # HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH
}


@dataclass(frozen=True, slots=True)
class Tls:
    """What a server shows, and what its peers trust.

    Attributes:
        chain: PEM: its certificate, then those of who has signed it.
        key: PEM.
        root_certificates: PEM, and nothing but certificates: they are told to every work.
    """

    chain: bytes
    key: bytes = field(repr=False)
    root_certificates: bytes


def make_tls(hosts: Iterable[str]) -> Tls:
    """Make a CA for this run, and a certificate that it has signed; no key is ever in a file.

    Args:
        hosts: Names and IP addresses of the server, beside those that this machine knows.
    """
    # Takes longer than the rest of a start, which on loopback has no need of it.
    from lightgrid.server.certificates import CertificateAuthority

    authority = CertificateAuthority.make()
    made = authority.issue(certifiable_hosts([*hosts, *own_hosts()]))
    return Tls(made.chain, made.key, authority.certificate)


def read_tls(certificate: Path, key: Path, ca: Path | None, host: str) -> Tls:
    """Return the TLS of files, checked: gRPC would say what is wrong on stderr, or to no one.

    Args:
        certificate: PEM file: the server's, then those of who has signed it, if any.
        key: PEM file.
        ca: PEM file of who is trusted; None for `certificate`. Nobody else is to be believed,
            so it is not whom the machine trusts.
        host: What peers dial.

    Raises:
        LightgridError: One cannot be read, they do not belong together, or a peer that dials
            the host would not believe the certificate.
    """
    contents = {path: _read(path) for path in (certificate, key, ca) if path is not None}
    trusted = certificate if ca is None else ca
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # A password that is not asked for: a key that needs one is refused.
        shown.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise LightgridError(
            f"{certificate} and {key} are no certificate and its key, in PEM: "
            f"{error.reason or error}"
        ) from None
    try:
        roots = find_root_certificates(contents[trusted])
    except ValueError as error:
        raise LightgridError(f"{trusted} cannot be trusted: {error}") from None
    peer = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    peer.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as gRPC does
    peer.load_verify_locations(cadata=roots.decode("ascii"))
    _check_handshake(shown, peer, certificate, host)
    return Tls(contents[certificate], contents[key], roots)


def certifiable_hosts(hosts: Iterable[str]) -> list[str]:
    """Return what of some names and IP addresses a certificate can be for, once each."""
    found = []
    for host in hosts:
        host = host.partition("%")[0].rstrip(".")  # an interface, or the root of all names
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            if len(host) <= _MAX_DNS_NAME and _DNS_NAME.fullmatch(host):
                found.append(host)
        else:
            if not address.is_unspecified:
                found.append(str(address))
    return list(dict.fromkeys(found))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise LightgridError(f"{path}: {error.strerror or error}") from None


def _check_handshake(
    shown: ssl.SSLContext, peer: ssl.SSLContext, certificate: Path, host: str
) -> None:
    """Have a peer meet the server, in memory.

    Otherwise works would try to connect for ever, and no one would know why.
    """
    to_server, to_peer = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = shown.wrap_bio(to_server, to_peer, server_side=True)
    peer_side = peer.wrap_bio(to_peer, to_server, server_hostname=host)
    try:
        for side in (peer_side, server_side, peer_side):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _REMEDIES:
            raise LightgridError(
                f"works that dial {host} would not believe {certificate}: "
                f"{error.verify_message.rstrip('.')}. {_REMEDIES[error.verify_code]}"
            ) from None
    except ssl.SSLError:
        pass  # what this TLS is too strict for, gRPC's may take
