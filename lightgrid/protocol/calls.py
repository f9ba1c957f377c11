"""The run calls that a flow made to one work, and where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run


@dataclass(slots=True)
class Call:
    """One run call.

    Attributes:
        run: The command that makes it, without ops; `revision` is the newest of
            the flow's writes that it brings to a work that has not seen them.
        update: The newest word of the work about it, or of who ended it in its stead.
        cancelled: The flow wants it to end.
    """

    run: Run
    update: CallUpdate
    cancelled: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its end is still to come."""
        return not self.update.state.is_end


class CallLog:
    """Calls without an end, in the order the flow made them.

    A call's states only move forward and the first end stands. A call that has
    ended is forgotten once `merge` told of it: the flow keeps what it needs.
    """

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._news: list[CallUpdate] = []
        #: Updates of calls that nobody made, or that ended long ago.
        self.unknown_count = 0

    def add(self, run: Run) -> None:
        """Note a call the flow makes."""
        self._calls[run.call_id] = Call(run, CallUpdate(run.call_id, CallState.PENDING))

    def open_calls(self) -> Iterator[Call]:
        """Yield the calls without an end, oldest first."""
        return (call for call in self._calls.values() if call.is_open)

    def cancel(self, call_id: str) -> None:
        """Ask for a call's end."""
        if call_id in self._calls:
            self._calls[call_id].cancelled = True

    def take(self, updates: Sequence[CallUpdate]) -> None:
        """Note what a batch says of calls."""
        for update in updates:
            call = self._calls.get(update.call_id)
            if call is None:
                self.unknown_count += 1
            elif update.state > call.update.state and call.is_open:
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
        return news
