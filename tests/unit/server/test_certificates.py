"""What the CA of an app signs, as the verifiers of other languages look at it."""

import contextlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from lightgrid.errors import LightgridError
from lightgrid.server.certificates import CertificateAuthority, read_facts


@pytest.fixture(scope="module")
def authority():
    return CertificateAuthority.make()


def certificates_of(made):
    own, signer = x509.load_pem_x509_certificates(made.chain)
    return own, signer


def extension(certificate, kind):
    found = certificate.extensions.get_extension_for_class(kind)
    return found.value, found.critical


def meet(folder, made, trusted, host):
    """Have a client that is as strict as OpenSSL can be meet a server; raise what it says."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.chain)
    key.write_bytes(made.key)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    client = ssl.create_default_context(cadata=trusted.decode())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        client.wrap_bio(to_client, to_server, server_hostname=host),
        server.wrap_bio(to_server, to_client, server_side=True),
    )
    for end in (*ends, ends[0]):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return ends[0].version()


def test_a_ca_may_sign_servers_and_nothing_else_and_says_by_what_its_key_is_known(authority):
    known = x509.load_pem_x509_certificate(authority.certificate)
    assert known.subject == known.issuer
    assert extension(known, x509.BasicConstraints) == (x509.BasicConstraints(True, 0), True)
    usage, is_critical = extension(known, x509.KeyUsage)
    assert (usage.key_cert_sign, usage.crl_sign, usage.digital_signature) == (True, True, False)
    assert is_critical
    identifier, _ = extension(known, x509.SubjectKeyIdentifier)
    assert identifier == x509.SubjectKeyIdentifier.from_public_key(known.public_key())
    assert isinstance(known.public_key(), ec.EllipticCurvePublicKey)
    assert known.public_key().curve.name == "secp256r1"


def test_a_certificate_is_for_a_server_and_names_who_has_signed_it(authority):
    made = authority.issue(["localhost"])
    own, signer = certificates_of(made)
    assert signer == x509.load_pem_x509_certificate(authority.certificate)
    own.verify_directly_issued_by(signer)
    assert extension(own, x509.BasicConstraints) == (x509.BasicConstraints(False, None), True)
    usage, is_critical = extension(own, x509.KeyUsage)
    assert (usage.digital_signature, usage.key_cert_sign, is_critical) == (True, False, True)
    assert list(extension(own, x509.ExtendedKeyUsage)[0]) == [ExtendedKeyUsageOID.SERVER_AUTH]
    of_signer, _ = extension(signer, x509.SubjectKeyIdentifier)
    named, _ = extension(own, x509.AuthorityKeyIdentifier)
    assert named.key_identifier == of_signer.digest
    key = serialization.load_pem_private_key(made.key, None)
    assert key.public_key() == own.public_key()


def test_a_name_is_a_dns_name_and_an_address_an_ip_address(authority):
    own, _ = certificates_of(authority.issue(["flow.example.org", "10.0.0.1", "fd00::1"]))
    names, _ = extension(own, x509.SubjectAlternativeName)
    assert names.get_values_for_type(x509.DNSName) == ["flow.example.org"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("10.0.0.1"),
        ipaddress.ip_address("fd00::1"),
    ]


def test_clocks_may_be_an_hour_apart_and_no_certificate_outlives_its_ca():
    authority = CertificateAuthority.make(timedelta(days=2))
    own, signer = certificates_of(authority.issue(["localhost"], timedelta(days=300)))
    before = datetime.now(UTC) - timedelta(minutes=59)
    for one in (own, signer):
        assert one.not_valid_before_utc < before
    assert own.not_valid_after_utc == signer.not_valid_after_utc


@pytest.mark.parametrize("host", ["flow.example.org", "10.0.0.1", "fd00::1"])
def test_who_trusts_the_ca_believes_the_server_by_each_of_its_hosts(authority, tmp_path, host):
    made = authority.issue(["flow.example.org", "10.0.0.1", "fd00::1"])
    assert meet(tmp_path, made, authority.certificate, host) == "TLSv1.3"


def test_a_server_is_not_believed_by_another_host(authority, tmp_path):
    made = authority.issue(["flow.example.org"])
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        meet(tmp_path, made, authority.certificate, "example.org")


def test_a_server_is_not_believed_by_who_trusts_another_ca(authority, tmp_path):
    made = authority.issue(["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed certificate in"):
        meet(tmp_path, made, CertificateAuthority.make().certificate, "localhost")


def test_a_server_is_not_believed_once_its_certificate_has_expired(authority, tmp_path):
    made = authority.issue(["localhost"], timedelta(seconds=-1))
    with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
        meet(tmp_path, made, authority.certificate, "localhost")


def test_who_trusts_a_ca_believes_what_it_signs_after_it_was_stored(authority, tmp_path):
    again = CertificateAuthority.load(authority.certificate, authority.key)
    made = again.issue(["localhost"])
    assert meet(tmp_path, made, authority.certificate, "localhost") == "TLSv1.3"


def encrypted_key():
    encryption = serialization.BestAvailableEncryption(b"secret")
    form = serialization.PrivateFormat.PKCS8
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def test_what_is_no_ca_with_its_key_signs_nothing(authority):
    expired = CertificateAuthority.make(timedelta(seconds=-1))
    server = authority.issue(["localhost"])
    for certificate, key, why in (
        (b"nonsense", authority.key, "cannot be read"),
        (authority.certificate, b"nonsense", "cannot be read"),
        (authority.certificate, encrypted_key(), "cannot be read: .*encrypted"),
        (authority.certificate, CertificateAuthority.make().key, "is not that of the certificate"),
        (server.chain, server.key, "the certificate of no CA"),
        (expired.certificate, expired.key, "expired on 20"),
    ):
        with pytest.raises(LightgridError, match=why):
            CertificateAuthority.load(certificate, key)


def test_a_key_is_not_shown_where_a_certificate_is(authority):
    made = authority.issue(["localhost"])
    assert "PRIVATE" not in repr(made)


def test_a_certificate_says_whom_it_is_for_and_until_when(authority):
    made = authority.issue(["flow", "::1"])
    facts = read_facts(made.chain)
    assert facts.hosts == ["flow", "::1"]
    assert facts.ends == certificates_of(made)[0].not_valid_after_utc
    with pytest.raises(LightgridError, match="cannot be read"):
        read_facts(b"nonsense")
