"""The small CA of an app: it signs the server's certificate, and is what works and commands trust.

The one module that imports `cryptography`, which takes longer than all else of a start. So it
is itself imported only where a certificate is made.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lightgrid.errors import LightgridError

#: The clocks of two machines may differ by this much.
_CLOCK_SKEW: Final = timedelta(hours=1)
#: Of a server's certificate, and of a CA that lives in memory for one run. Longer than any run,
#: whose works could not connect again after it; nothing is gained by less, since the run's end
#: takes the keys with it. Above 825 days some verifiers (Apple's) refuse a server.
SERVER_LIFETIME: Final = timedelta(days=730)
#: Of a CA in files, which signs one server's certificate after another. Its end is before 2038,
#: from where on a time does not fit into 32 bits.
CA_LIFETIME: Final = timedelta(days=3650)
_KEY_USES: Final = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """What a server shows, and the key by which it is its own.

    Attributes:
        chain: PEM: the certificate, then that of the CA that has signed it.
        key: PEM.
    """

    chain: bytes
    key: bytes = field(repr=False)


class CertificateAuthority:
    """Signs certificates for servers.

    Args:
        certificate: The CA's own.
        key: Its key.
    """

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def make(cls, lifetime: timedelta = SERVER_LIFETIME) -> CertificateAuthority:
        """Make a new one."""
        key = _new_key()
        # A name of its own: who trusts several CAs finds the right one by it.
        name = _name(f"lightgrid CA {secrets.token_hex(4)}")
        builder = _builder(name, name, key.public_key(), lifetime)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        builder = builder.add_extension(_uses("key_cert_sign", "crl_sign"), True)
        return cls(builder.sign(key, hashes.SHA256()), key)

    @classmethod
    def load(cls, certificate: bytes, key: bytes) -> CertificateAuthority:
        """Return the CA of two PEM texts.

        Raises:
            LightgridError: They are no CA as `make` makes it, or no pair, or it has expired.
        """
        try:
            known = x509.load_pem_x509_certificate(certificate)
            own_key = serialization.load_pem_private_key(key, password=None)
            known.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            usage = known.extensions.get_extension_for_class(x509.KeyUsage).value
        except (ValueError, TypeError, x509.ExtensionNotFound) as error:  # TypeError: encrypted
            raise LightgridError(f"it cannot be read: {error}") from None
        if not usage.key_cert_sign:
            raise LightgridError("it is the certificate of no CA")
        if not isinstance(own_key, ec.EllipticCurvePrivateKey):
            raise LightgridError("its key is not one of an elliptic curve")
        if own_key.public_key() != known.public_key():
            raise LightgridError("the key is not that of the certificate")
        if known.not_valid_after_utc <= datetime.now(UTC):
            raise LightgridError(f"it expired on {known.not_valid_after_utc:%Y-%m-%d}")
        return cls(known, own_key)

    @property
    def certificate(self) -> bytes:
        """The CA's certificate, PEM: what clients trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """The CA's key, PEM."""
        return _key_pem(self._key)

    def issue(
        self, hosts: Sequence[str], lifetime: timedelta = SERVER_LIFETIME
    ) -> ServerCertificate:
        """Make a certificate for a server, with a key of its own.

        Args:
            hosts: The names and IP addresses by which it is dialled.
            lifetime: It does not outlive the CA.
        """
        key, issuer = _new_key(), self._certificate
        builder = _builder(
            _name("lightgrid"),
            issuer.subject,
            key.public_key(),
            lifetime,
            issuer.not_valid_after_utc,
        )
        signer = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        for extension, is_critical in (
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_uses("digital_signature"), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(signer), False),
        ):
            builder = builder.add_extension(extension, is_critical)
        signed = builder.sign(self._key, hashes.SHA256())
        own = signed.public_bytes(serialization.Encoding.PEM)
        return ServerCertificate(own + self.certificate, _key_pem(key))


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says.

    Attributes:
        hosts: The names and IP addresses that it is for.
        ends: When it expires, UTC.
    """

    hosts: list[str]
    ends: datetime


def read_facts(certificate: bytes) -> CertificateFacts:
    """Return what the first certificate of a PEM text says.

    Raises:
        LightgridError: There is none, or it is for no host.
    """
    try:
        known = x509.load_pem_x509_certificate(certificate)
        names = known.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound) as error:
        raise LightgridError(f"it cannot be read: {error}") from None
    hosts = [str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]
    return CertificateFacts(hosts, known.not_valid_after_utc)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    lifetime: timedelta,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    end = now + lifetime if latest is None else min(now + lifetime, latest)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)
    )


def _uses(*uses: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in uses for name in _KEY_USES})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
