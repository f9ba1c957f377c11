"""How calls end that have left what cannot be state."""

from __future__ import annotations

from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import CallError, CallState, CallUpdate


def spoilt(update: CallUpdate, error: UnsupportedValueError) -> CallUpdate:
    """Return the end of a call that succeeded but for what it has left in a variable."""
    told = CallError(type(error).__name__, str(error), f"{type(error).__name__}: {error}\n")
    return CallUpdate(update.call_id, CallState.FAILED, error=told)
