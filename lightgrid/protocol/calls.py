"""The run calls that a flow made to one work, and where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run


@dataclass(slots=True)
class Call:
    """One run call.

    Attributes:
        run: The command that makes the call, without its ops. The ops are added when it is
            sent: the flow's writes, up to `run.revision`, that the work has not seen.
        update: Where the call stands: what the work said last, or that the server ended it.
        number: Counts calls and cancels of this work, in their order. A stream remembers
            the number up to which it has sent them.
        cancel_number: The number of the cancel; 0 if the call is not cancelled.
    """

    run: Run
    update: CallUpdate
    number: int
    cancel_number: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its end is still to come."""
        return not self.update.state.is_end


@dataclass(slots=True, frozen=True)
class CallRecord:
    """What is kept of one call over a restart of the flow server."""

    run: Run
    update: CallUpdate
    cancelled: bool


@dataclass(slots=True, frozen=True)
class CallLogRecord:
    """What is kept of the calls of one work, and what is still to be told of them."""

    calls: Sequence[CallRecord]
    news: Sequence[CallUpdate]


class CallLog:
    """Calls without an end, in the order the flow made them.

    A call's states only move forward and the first end stands. A call that has
    ended is forgotten once `merge` told of it: the flow keeps what it needs.
    """

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._cancelled: dict[str, Call] = {}
        self._news: list[CallUpdate] = []
        #: That of the newest command.
        self.last_number = 0

    def add(self, run: Run) -> None:
        """Note a call the flow makes."""
        self.last_number += 1
        pending = CallUpdate(run.call_id, CallState.PENDING)
        self._calls[run.call_id] = Call(run, pending, self.last_number)

    def open_calls(self) -> Iterator[Call]:
        """Yield the calls without an end, oldest first."""
        return (call for call in self._calls.values() if call.is_open)

    def cancel(self, call_id: str) -> None:
        """Ask for a call's end."""
        call = self._calls.get(call_id)
        if call is not None and not call.cancel_number:
            self.last_number = call.cancel_number = self.last_number + 1
            self._cancelled[call_id] = call

    def made_after(self, number: int) -> list[Call]:
        """Return the open calls that were made after a command, oldest first; O(these)."""
        newest_first = takewhile(lambda call: call.number > number, reversed(self._calls.values()))
        return [call for call in newest_first if call.is_open][::-1]

    def cancelled_after(self, number: int) -> list[Call]:
        """Return the open calls that were cancelled after a command, oldest first."""
        newest_first = takewhile(
            lambda call: call.cancel_number > number, reversed(self._cancelled.values())
        )
        return [call for call in newest_first if call.is_open][::-1]

    def told_with(self, updates: Sequence[CallUpdate]) -> int:
        """Return the newest revision that came with the calls that a batch speaks of."""
        calls = [self._calls.get(update.call_id) for update in updates]
        return max((call.run.revision for call in calls if call is not None), default=0)

    def take(self, updates: Sequence[CallUpdate]) -> None:
        """Note what a batch says of calls."""
        for update in updates:
            call = self._calls.get(update.call_id)
            if call is not None and update.state > call.update.state and call.is_open:
                call.update = update
                self._news.append(update)

    def end_open(self, state: CallState, error: CallError | None) -> None:
        """End every call that has none: the work's process will not do it."""
        updates = [CallUpdate(call.run.call_id, state, None, error) for call in self.open_calls()]
        self.take(updates)

    def merge(self) -> list[CallUpdate]:
        """Return what changed since the last time, in order, and forget ended calls."""
        news, self._news = self._news, []
        for update in news:
            if update.state.is_end:
                self._calls.pop(update.call_id, None)
                self._cancelled.pop(update.call_id, None)
        return news

    def dump(self) -> CallLogRecord:
        """Return all there is to keep."""
        calls = [
            CallRecord(one.run, one.update, bool(one.cancel_number)) for one in self._calls.values()
        ]
        return CallLogRecord(calls, list(self._news))

    def load(self, record: CallLogRecord) -> None:
        """Go on from what was kept."""
        for one in record.calls:
            self.add(one.run)
            self._calls[one.run.call_id].update = one.update
        for one in record.calls:
            if one.cancelled:
                self.cancel(one.run.call_id)
        self._news = list(record.news)
