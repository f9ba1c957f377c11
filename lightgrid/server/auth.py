"""Which token opens what. Default deny: a servicer asks before it does anything."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Any

from lightgrid.errors import Reason, RefusedError


class Auth:
    """The tokens of one run of an app.

    The app's token opens everything. A work's token is derived from it by the
    work's name and opens that work alone; a work that takes the name of one
    that was removed gets another.
    """

    def __init__(self, app_token: str | None = None) -> None:
        self.app_token = app_token or secrets.token_hex(32)

    def work_token(self, work: str, generation: int) -> str:
        """Return the token that opens a work."""
        message = f"{work}\0{generation}".encode()
        return hmac.new(self.app_token.encode(), message, hashlib.sha256).hexdigest()

    def check_app(self, metadata: Sequence[tuple[str, Any]] | None) -> None:
        """Let only the app's token pass.

        Raises:
            RefusedError: TOKEN_MISSING or TOKEN_INVALID.
        """
        if not _equal(_token(metadata), self.app_token):
            raise RefusedError(Reason.TOKEN_INVALID, "the token does not open this app")

    def check_work(
        self, metadata: Sequence[tuple[str, Any]] | None, work: str, generation: int
    ) -> None:
        """Let the work's token pass, and the app's.

        Raises:
            RefusedError: TOKEN_MISSING or NOT_ALLOWED.
        """
        token = _token(metadata)
        if not (_equal(token, self.work_token(work, generation)) or _equal(token, self.app_token)):
            raise RefusedError(Reason.NOT_ALLOWED, f"the token does not open {work}")


def _token(metadata: Sequence[tuple[str, Any]] | None) -> str:
    for key, value in metadata or ():
        if key == "authorization":
            text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
            scheme, _, token = text.partition(" ")
            if scheme.lower() == "bearer" and token:
                return token.strip()
    raise RefusedError(
        Reason.TOKEN_MISSING, 'every call carries the metadata "authorization: Bearer TOKEN"'
    )


def _equal(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
