"""What one command stream has carried, so that it carries nothing twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from lightgrid.protocol.calls import Call, CallLog
from lightgrid.protocol.messages import (
    Ack,
    CallError,
    CallErrorReason,
    CallState,
    CallUpdate,
    Cancel,
    Command,
)
from lightgrid.protocol.replica import Replica

#: Calls that are told at a time: an acknowledgement is not to wait behind thousands.
_CALLS_AT_A_TIME: Final = 64

_UNREADABLE: Final = CallError(
    "UnreadableArgumentsError",
    "an argument is a Python object, and the process that has joined reads none (it lists no "
    'feature "python-arguments"): pass None, bool, int, float, str, bytes, and lists and dicts '
    "of these",
    reason=CallErrorReason.INVALID_CALL,
)


@dataclass(slots=True)
class Told:
    """What was told to a work, on one stream.

    Attributes:
        ack: How far the server was said to be.
        revision: What the work has seen of the flow's writes.
        stop: Whether it was asked to leave.
        noted_number: Of the newest call, or end of one, that is told or waits to be.
        waiting_calls: Calls that come next.
    """

    ack: Ack | None = None
    revision: int = 0
    stop: bool = False
    noted_number: int = 0
    waiting_calls: deque[Call] = field(default_factory=deque)

    def call_commands(
        self, calls: CallLog, replica: Replica, *, cancels: bool, reads_pickles: bool
    ) -> Iterator[Command]:
        """Yield what is to be told of calls next; O(that), however many calls are open.

        Args:
            calls: Of the work; one that it cannot read fails.
            replica: Has what the flow wrote before a call.
            cancels: Whether to tell of calls that the flow has ended.
            reads_pickles: Whether the work can read Python's arguments.
        """
        self.waiting_calls.extend(calls.made_after(self.noted_number))
        ended = calls.ended_after(self.noted_number)
        self.noted_number = calls.last_number
        if cancels:
            yield from (Cancel(one.run.call_id) for one in ended)
        for _ in range(min(len(self.waiting_calls), _CALLS_AT_A_TIME)):
            call = self.waiting_calls.popleft()
            if not call.is_open:
                continue
            if call.run.python_arguments and not reads_pickles:
                end = CallUpdate(call.run.call_id, CallState.FAILED, None, _UNREADABLE)
                calls.take([end])
                continue
            call.is_told = True
            # What the work has seen by now, from its start or with an earlier call, is
            # not told again: twice appended would be twice there.
            ops, newest = replica.tell(self.revision, call.run.revision)
            self.revision = max(self.revision, newest)
            yield replace(call.run, ops=ops, revision=newest)
