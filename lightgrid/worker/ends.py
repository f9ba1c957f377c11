"""The calls that a work's process has been given, and how they ended."""

from __future__ import annotations

from typing import Final

from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run

#: Ends that are remembered, in case the server asks for them again.
_MAX_KEPT_ENDS: Final = 1000


class KnownCalls:
    """Knows calls by their ids: the server tells each again whenever a stream is new.

    Attributes:
        current: The call that runs.
    """

    def __init__(self) -> None:
        self.current: str | None = None
        self._ends: dict[str, CallUpdate | None] = {}  # the end, once there is one
        self._cancelled: set[str] = set()

    def is_new(self, run: Run) -> bool:
        """Tell whether a call is given for the first time, and remember it."""
        if run.call_id in self._ends:
            return False
        self._ends[run.call_id] = None
        return True

    def end_of(self, run: Run) -> CallUpdate | None:
        """Return how a call ended, if it has."""
        return self._ends.get(run.call_id)

    def cancel(self, call_id: str) -> bool:
        """Note that a call is to end; tell whether it is the one that runs."""
        if call_id == self.current:
            return True
        self._cancelled.add(call_id)
        return False

    def begin(self, run: Run) -> bool:
        """Note that a call runs; not if it was cancelled before."""
        if run.call_id in self._cancelled:
            return False
        self.current = run.call_id
        return True

    def end(self, end: CallUpdate) -> None:
        """Note how a call ended."""
        self.current = None
        self._cancelled.discard(end.call_id)
        self._ends[end.call_id] = end
        if len(self._ends) > _MAX_KEPT_ENDS:
            oldest = next(key for key, value in self._ends.items() if value is not None)
            del self._ends[oldest]


def spoilt(update: CallUpdate, error: UnsupportedValueError) -> CallUpdate:
    """Return the end of a call that succeeded but for what it has left in a variable."""
    told = CallError(type(error).__name__, str(error), f"{type(error).__name__}: {error}\n")
    return CallUpdate(update.call_id, CallState.FAILED, error=told)
