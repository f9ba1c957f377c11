"""The certificates to trust, as PEM."""

from __future__ import annotations

import re
from typing import Final

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)


def find_root_certificates(pem: bytes) -> bytes:
    """Return the certificates of a PEM file, and nothing else of it, such as a key beside them.

    Checked: gRPC would say on stderr what is wrong, in its own words.

    Raises:
        ValueError: There is none, or one that cannot be read.
    """
    import ssl  # not needed where no TLS is spoken

    found = b"".join(one + b"\n" for one in _CERTIFICATE.findall(pem))
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=found.decode("ascii"))
    except (ssl.SSLError, ValueError):  # ValueError: it is empty, or no ASCII
        raise ValueError("it has no certificates, in PEM, that can be read") from None
    return found
