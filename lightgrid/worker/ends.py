"""The calls that a work's process has been given, and what an end is made of."""

from __future__ import annotations

from collections import deque
from typing import Final

from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run

#: Ended calls whose ids are remembered: a command stream that was opened while they ran
#: may still bring them.
_MAX_KEPT_ENDS: Final = 10_000


class KnownCalls:
    """Knows calls by their ids: the server tells each again whenever a stream is new.

    Attributes:
        current: The call that runs.
    """

    def __init__(self) -> None:
        self.current: str | None = None
        self._known: set[str] = set()  # ids of calls that wait, run, or have ended
        self._ended: deque[str] = deque()  # of these
        self._cancelled: set[str] = set()

    def is_new(self, run: Run) -> bool:
        """Tell whether a call is given for the first time, and remember it."""
        if run.call_id in self._known:
            return False
        self._known.add(run.call_id)
        return True

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
        self._ended.append(end.call_id)
        if len(self._ended) > _MAX_KEPT_ENDS:
            self._known.discard(self._ended.popleft())


def spoilt(update: CallUpdate, error: UnsupportedValueError) -> CallUpdate:
    """Return the end of a call that succeeded but for what it has left in a variable."""
    told = CallError(type(error).__name__, str(error), f"{type(error).__name__}: {error}\n")
    return CallUpdate(update.call_id, CallState.FAILED, error=told)
