"""How calls end that have left what cannot be state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import CallError, CallErrorReason, CallState, CallUpdate

#: How long a call may take to replace what the last one has left, in seconds.
_SPARED_S: Final = 1.0


class Leftovers:
    """What a call has left in variables and cannot be state: the next call may replace it.

    Until it has had the time for that, it is not interrupted for what it has found.
    """

    def __init__(self) -> None:
        self._complaints: set[str] = set()
        self._spared_until_s = 0.0

    def call_begins(self, now_s: float) -> None:
        """Spare a call that begins, for a while."""
        self._spared_until_s = now_s + _SPARED_S

    def call_ends(self, errors: Sequence[UnsupportedValueError]) -> None:
        """Note what is wrong when a call has ended."""
        self._complaints = {str(error) for error in errors}

    def first_beside(
        self, errors: Sequence[UnsupportedValueError], now_s: float
    ) -> UnsupportedValueError | None:
        """Return the first error that the running call answers for."""
        spared = self._complaints if now_s < self._spared_until_s else ()
        return next((error for error in errors if str(error) not in spared), None)


def spoilt(update: CallUpdate, error: UnsupportedValueError) -> CallUpdate:
    """Return the end of a call that succeeded but for what it has left in a variable."""
    name = type(error).__name__
    reason = CallErrorReason.INVALID_STATE
    told = CallError(name, str(error), f"{name}: {error}\n", reason)
    return CallUpdate(update.call_id, CallState.FAILED, error=told)
