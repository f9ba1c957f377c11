"""The run calls that a work knows of: told, begun, cancelled, ended.

The work's side of what `CallLog` is for the flow. Calls are known by their id, so
that one that is told again on a new stream is not executed again. A new stream tells
all that holds, with what goes with it: what an older one has told and what has not
begun does not count any more. What was said of an ended one is not kept here: its end
is the outbox's to tell, until the server has taken it.
"""

from __future__ import annotations

from typing import Final

from lightgrid.protocol.messages import CallState, CallUpdate, Run

#: Ended calls whose ids are remembered: a command stream that was opened while they ran
#: may still bring them.
_MAX_KEPT_ENDS: Final = 10_000


class KnownCalls:
    """What became of every call that a work was told of. The first end stands.

    Attributes:
        current: The call that runs now, if one does.
    """

    def __init__(self) -> None:
        self.current: str | None = None
        self._open: dict[str, Run] = {}  # told, and without an end
        self._cancelled: set[str] = set()  # of these, what is to end
        self._ended: dict[str, None] = {}  # the oldest first

    def forget_what_waits(self) -> None:
        """Note that a new stream begins: calls that have not begun are told anew, or ended."""
        current = self.current
        self._open = {call_id: run for call_id, run in self._open.items() if call_id == current}
        self._cancelled.intersection_update(self._open)

    def hear(self, run: Run) -> bool:
        """Note a call that the server tells; return whether it is a new one, to be executed."""
        is_new = run.call_id not in self._open and run.call_id not in self._ended
        if is_new:
            self._open[run.call_id] = run
        return is_new

    def cancel(self, call_id: str) -> bool:
        """Note that a call is to end; return whether it runs, and is to be interrupted now.

        A call that has ended keeps its end.
        """
        if call_id not in self._open or call_id in self._cancelled:
            return False
        self._cancelled.add(call_id)
        return call_id == self.current

    def begin(self, run: Run) -> CallUpdate | None:
        """Begin a call; return what to tell: RUNNING, or CANCELLED when it is not to run.

        None for one that a stream has told that is over: nothing of it counts.
        """
        call_id = run.call_id
        if self._open.get(call_id) is not run:
            return None
        if call_id in self._cancelled:
            return CallUpdate(call_id, CallState.CANCELLED)
        self.current = call_id
        return CallUpdate(call_id, CallState.RUNNING)

    def end(self, call_id: str) -> bool:
        """Note a call's end; return whether it is the first one, to be told."""
        if call_id in self._ended:
            return False
        self._open.pop(call_id, None)
        self._cancelled.discard(call_id)
        if self.current == call_id:
            self.current = None
        self._ended[call_id] = None
        if len(self._ended) > _MAX_KEPT_ENDS:
            del self._ended[next(iter(self._ended))]
        return True
