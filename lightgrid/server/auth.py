"""Which token opens what. Default deny: `edge` asks before a servicer is called."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightgrid.errors import Reason, RefusedError


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose token a call carried.

    Attributes:
        work: The one work that the token opens; None where it opens the app.
        generation: How many works had that name, when the token was made.
    """

    work: str | None = None
    generation: int = 0

    def check_app(self) -> None:
        """Let only the app's token pass.

        Raises:
            RefusedError: NOT_ALLOWED.
        """
        if self.work is not None:
            raise RefusedError(Reason.NOT_ALLOWED, f"the token opens {self.work} alone")

    def check_work(self, work: str, generation: int) -> None:
        """Let the work's token pass, and the app's.

        Raises:
            RefusedError: NOT_ALLOWED.
        """
        if self.work is not None and (self.work, self.generation) != (work, generation):
            raise RefusedError(Reason.NOT_ALLOWED, f"the token does not open {work}")


class Auth:
    """The tokens of one run of an app.

    The app's token opens everything. A work's token is signed with it and opens
    that work alone; a work that takes the name of one that was removed gets
    another. It says itself whose it is, so nothing has to be kept of it.
    """

    def __init__(self, app_token: str | None = None) -> None:
        self.app_token = app_token or secrets.token_hex(32)

    def work_token(self, work: str, generation: int) -> str:
        """Return the token that opens a work: GENERATION.NAME.SIGNATURE, the name in hex."""
        claim = f"{generation}.{work.encode('utf-8', 'surrogatepass').hex()}"
        signature = hmac.new(self.app_token.encode(), claim.encode(), hashlib.sha256)
        return f"{claim}.{signature.hexdigest()}"

    def identify(self, metadata: Sequence[tuple[str, Any]] | None) -> Caller:
        """Return whose token a call carries.

        Raises:
            RefusedError: TOKEN_MISSING, or TOKEN_INVALID when it is nobody's.
        """
        token = _token(metadata)
        if _equal(token, self.app_token):
            return Caller()
        try:
            generation, name, _ = token.split(".")
            caller = Caller(bytes.fromhex(name).decode("utf-8", "surrogatepass"), int(generation))
        except ValueError:
            caller = None
        # What it claims is made into a token once more: nothing but the whole of it counts.
        if (
            caller is not None
            and caller.work
            and _equal(token, self.work_token(caller.work, caller.generation))
        ):
            return caller
        raise RefusedError(Reason.TOKEN_INVALID, "the token opens nothing of this app")


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
