"""`lightgrid certs`: a CA, and a certificate that it has signed, for many runs."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lightgrid.cli.failure import Failure, UsageFailure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightgrid.server.certificates import CertificateAuthority, CertificateFacts

_CA: Final = "ca.pem"
_CA_KEY: Final = "ca-key.pem"
_CERTIFICATE: Final = "cert.pem"
_KEY: Final = "key.pem"
_FOR_ALL: Final = 0o644
_FOR_ME: Final = 0o600


def _check_hosts(
    _ctx: click.Context, _parameter: click.Parameter, hosts: Sequence[str]
) -> Sequence[str]:
    from lightgrid.server.tls import certifiable_hosts

    for host in hosts:
        if not certifiable_hosts([host.strip("[]")]):
            raise UsageFailure(
                f"--host cannot be {host!r}; it is a name or an IP address, without a port"
            )
    return [host.strip("[]") for host in hosts]


@click.command("certs", short_help="Make certificates for apps that other machines reach.")
@click.option(
    "--host",
    "hosts",
    metavar="NAME",
    multiple=True,
    callback=_check_hosts,
    help="Name or IP address by which the app is dialled; by default those that this machine "
    "knows of itself. Repeatable; localhost is always one.",
)
@click.option(
    "--renew", is_flag=True, help="Replace the certificate that is there, signed by the same CA."
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
def command(hosts: Sequence[str], renew: bool, folder: Path) -> None:
    """Make a CA in DIR, and a certificate that it has signed, for any number of runs.

    Not needed for an app whose works are on this machine or are told whom to trust by
    the app: that makes a CA for each run. Needed where somebody has to know beforehand.

    A CA that is in DIR already signs the certificate, so that who trusts it goes on to.
    """
    with _file_errors():
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / _CERTIFICATE).exists() and not renew:
            facts = _read_facts(folder / _CERTIFICATE)
            raise Failure(
                f"{folder / _CERTIFICATE} is there, for {', '.join(facts.hosts)}, until "
                f"{facts.ends:%Y-%m-%d}; --renew makes another in its place, by the same CA"
            )
        authority, is_new = _open_ca(folder)
        facts = _make_certificate(authority, hosts, folder)
    _tell(folder, facts, is_new=is_new)


def _open_ca(folder: Path) -> tuple[CertificateAuthority, bool]:
    """Return the folder's CA, and whether it was made now."""
    from lightgrid.errors import LightgridError
    from lightgrid.server.certificates import CA_LIFETIME, CertificateAuthority

    certificate, key = folder / _CA, folder / _CA_KEY
    there = [path for path in (certificate, key) if path.exists()]
    if not there:
        authority = CertificateAuthority.make(CA_LIFETIME)
        _write(key, authority.key, _FOR_ME)
        _write(certificate, authority.certificate, _FOR_ALL)
        return authority, True
    if len(there) == 1:
        missing = key if there == [certificate] else certificate
        raise Failure(
            f"{there[0]} is there without {missing.name}, so nothing can be signed: put that "
            "beside it, or choose another folder"
        )
    try:
        return CertificateAuthority.load(certificate.read_bytes(), key.read_bytes()), False
    except LightgridError as error:
        raise Failure(f"{certificate}, with {key.name}, signs nothing: {error}") from None


def _make_certificate(
    authority: CertificateAuthority, hosts: Sequence[str], folder: Path
) -> CertificateFacts:
    """Write a certificate and its key, whole, in the place of those that may be there."""
    from lightgrid.server.advertised import own_hosts
    from lightgrid.server.certificates import read_facts
    from lightgrid.server.tls import certifiable_hosts

    certificate, key = folder / _CERTIFICATE, folder / _KEY
    if not hosts and certificate.exists():
        hosts = _read_facts(certificate).hosts
    elif hosts:
        hosts = [*hosts, "localhost", "127.0.0.1", "::1"]
    made = authority.issue(certifiable_hosts(hosts or own_hosts()))
    drafts = []
    for path, content, mode in ((key, made.key, _FOR_ME), (certificate, made.chain, _FOR_ALL)):
        draft = path.with_name(f"{path.name}.new")
        draft.unlink(missing_ok=True)
        _write(draft, content, mode)
        drafts.append((draft, path))
    for draft, path in drafts:
        draft.rename(path)
    return read_facts(made.chain)


def _tell(folder: Path, facts: CertificateFacts, *, is_new: bool) -> None:
    def shown(name: str) -> str:
        return shlex.quote(str(folder / name))

    first = facts.hosts[0]
    host = f"[{first}]" if ":" in first else first
    # A machine's own list begins so; what people name is to be dialled.
    is_named = host != "localhost"
    advertise = f" --advertise {host}" if is_named else ""
    until = f"until {facts.ends:%Y-%m-%d}"
    lines = [
        f"lightgrid: made {'a CA and ' if is_new else ''}a certificate for "
        f"{', '.join(facts.hosts)}, {until}",
        *(
            [
                f"  {shown(_CA)}: the CA, which others trust",
                f"  {shown(_CA_KEY)}: its key, for --renew; keep it to yourself",
            ]
            if is_new
            else [f"  {shown(_CA)}: the CA, as it was"]
        ),
        f"  {shown(_CERTIFICATE)}: the certificate, which the app shows",
        f"  {shown(_KEY)}: its key",
        "Run an app with it:",
        f"  lightgrid flow --listen 0.0.0.0:5000{advertise} --tls-cert {shown(_CERTIFICATE)} "
        f"--tls-key {shown(_KEY)} FILE",
        f"Look into it from elsewhere, with {_CA} and the app's token:",
        f"  lightgrid ps --connect {host if is_named else 'HOST'}:5000 --tls-ca {shown(_CA)} "
        "--token-file FILE",
    ]
    click.echo("\n".join(lines))


def _read_facts(certificate: Path) -> CertificateFacts:
    from lightgrid.errors import LightgridError
    from lightgrid.server.certificates import read_facts

    try:
        return read_facts(certificate.read_bytes())
    except LightgridError as error:
        raise Failure(f"{certificate} is not from here: {error}") from None


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file that is not there yet."""
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL, mode), "wb") as file:
        file.write(content)


@contextmanager
def _file_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror or error}") from None
