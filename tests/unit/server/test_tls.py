"""What the flow server shows, and whom its works are told to trust."""

import subprocess
import sys
from datetime import timedelta

import pytest

from lightgrid.errors import LightgridError
from lightgrid.server import advertised
from lightgrid.server.certificates import CertificateAuthority, read_facts
from lightgrid.server.tls import certifiable_hosts, make_tls, read_tls


class Files:
    """A CA and what it has signed, in files."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = CertificateAuthority.make()
        self.ca = self.write("ca.pem", self.authority.certificate)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def certificate(self, *hosts, lifetime=timedelta(days=1)):
        made = self.authority.issue(hosts, lifetime)
        return self.write("cert.pem", made.chain), self.write("key.pem", made.key)


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_a_run_has_a_ca_of_its_own_for_what_is_dialled_and_what_the_machine_is_called(monkeypatch):
    monkeypatch.setattr(advertised.socket, "gethostname", lambda: "this-machine")
    one = make_tls(["flow.example.org", "10.9.8.7"])
    other = make_tls(["flow.example.org"])
    hosts = read_facts(one.chain).hosts
    assert {"flow.example.org", "10.9.8.7", "localhost", "127.0.0.1", "::1", "this-machine"} <= {
        *hosts
    }
    assert one.root_certificates != other.root_certificates
    assert one.chain.endswith(one.root_certificates)
    assert b"PRIVATE" not in one.root_certificates
    assert "PRIVATE" not in repr(one)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["flow", "flow"], ["flow"]),
        (["flow.example.org."], ["flow.example.org"]),
        (["fe80::1%eth0", "FD00:0::1"], ["fe80::1", "fd00::1"]),
        (["0.0.0.0", "::", "", "a b", "ü", "a..b", 64 * "a", 5 * (60 * "a" + ".")], []),
    ],
)
def test_a_certificate_is_for_names_and_addresses_that_can_be_dialled(given, kept):
    assert certifiable_hosts(given) == kept


def test_works_trust_who_has_signed_the_file_or_the_file_itself(files):
    certificate, key = files.certificate("flow")
    assert read_tls(certificate, key, None, "flow").root_certificates == certificate.read_bytes()
    told = read_tls(certificate, key, files.ca, "flow")
    assert told.root_certificates == files.authority.certificate
    assert (told.chain, told.key) == (certificate.read_bytes(), key.read_bytes())


def test_a_certificate_without_its_ca_is_trusted_itself(files):
    certificate, key = files.certificate("flow")
    own = certificate.read_bytes().removesuffix(files.authority.certificate)
    certificate.write_bytes(own)
    assert read_tls(certificate, key, None, "flow").root_certificates == own


def test_works_are_not_told_the_key_that_stands_in_one_file_with_its_certificate(files):
    made = files.authority.issue(["flow"])
    both = files.write("both.pem", b"f\xc3\xbcr uns\n" + made.key + made.chain)
    told = read_tls(both, both, None, "flow")
    assert told.root_certificates == made.chain


@pytest.mark.parametrize(
    ("hosts", "lifetime", "dialled", "why"),
    [
        (["flow"], 1, "10.0.0.1", "dial 10.0.0.1 would not believe .*mismatch.*by --advertise"),
        (["flow"], 1, "other", "dial other would not believe .*mismatch.*by --advertise"),
        (["flow"], -1, "flow", "dial flow would not believe .*certificate has expired. Renew it"),
    ],
)
def test_a_certificate_that_works_would_not_believe_is_refused(
    files, hosts, lifetime, dialled, why
):
    certificate, key = files.certificate(*hosts, lifetime=timedelta(minutes=lifetime))
    with pytest.raises(LightgridError, match=why):
        read_tls(certificate, key, None, dialled)


def test_a_ca_that_has_not_signed_the_certificate_is_refused(files):
    certificate, key = files.certificate("flow")
    foreign = files.write("foreign.pem", CertificateAuthority.make().certificate)
    with pytest.raises(LightgridError, match=r"would not believe .*who has signed it by --tls-ca"):
        read_tls(certificate, key, foreign, "flow")


def test_a_ca_file_without_certificates_is_refused(files):
    certificate, key = files.certificate("flow")
    for content in (b"", b"nonsense", key.read_bytes()):
        empty = files.write("empty.pem", content)
        with pytest.raises(LightgridError, match=r"empty.pem cannot be trusted: it has no cert"):
            read_tls(certificate, key, empty, "flow")


def test_what_makes_certificates_is_loaded_only_where_one_is_made():
    code = """
import sys
import lightgrid.cli.flow, lightgrid.cli.target, lightgrid.execution
assert not [name for name in sys.modules if name.partition(".")[0] == "cryptography"]
from lightgrid.server.listen import Listen
assert Listen().open_tls("127.0.0.1") is None
assert "cryptography" not in sys.modules
assert Listen(tls=True).open_tls("127.0.0.1") is not None
assert "cryptography" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
