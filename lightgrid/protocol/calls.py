"""The run calls that a flow made to one work, and where each stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Final

from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run

#: Calls that the flow has ended and a work, which never says so, may still execute.
_MAX_ENDED_BY_FLOW: Final = 10_000


@dataclass(slots=True)
class Call:
    """One run call.

    Attributes:
        run: The command that makes the call, without its ops. The ops are added when it is
            sent: the flow's writes, up to `run.revision`, that the work has not seen.
        update: Where the call stands: what the work said last, or that the server ended it.
        number: Counts calls, and ends of calls by the flow, of this work, in their order. A
            stream remembers the number up to which it has sent them.
        end_number: The number of its end by the flow; 0 if the flow has not ended it.
        is_told: A stream has carried it.
        by_launch: A program was started for it, and carries it out: no stream is to.
    """

    run: Run
    update: CallUpdate
    number: int
    end_number: int = 0
    is_told: bool = False
    by_launch: bool = False

    @property
    def is_open(self) -> bool:
        """Whether its end is still to come."""
        return not self.update.state.is_end


@dataclass(slots=True, frozen=True)
class CallRecord:
    """What is kept of one call over a restart of the flow server."""

    run: Run
    update: CallUpdate
    by_launch: bool


@dataclass(slots=True, frozen=True)
class CallLogRecord:
    """What is kept of the calls of one work, and what is still to be told of them.

    Attributes:
        calls: Those without an end, and those whose end the flow has not seen.
        ended_by_flow: Those that the work may still execute.
        news: What the flow has not seen.
    """

    calls: Sequence[CallRecord]
    ended_by_flow: Sequence[Run]
    news: Sequence[CallUpdate]


class CallLog:
    """Calls without an end, in the order the flow made them.

    A call's states only move forward and the first end stands, whoever said it. A call
    that the work has ended is forgotten once `merge` told of it: the flow keeps what it
    needs. One that the flow has ended is remembered until the work says that it has,
    too, or is gone: until then it is told to cancel it.
    """

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._ended_by_flow: dict[str, Call] = {}  # and told to the work, the oldest first
        self._news: list[CallUpdate] = []
        #: That of the newest command.
        self.last_number = 0

    def add(self, run: Run, *, by_launch: bool = False) -> None:
        """Note a call the flow makes; see `Call`."""
        self.last_number += 1
        pending = CallUpdate(run.call_id, CallState.PENDING)
        call = Call(run, pending, self.last_number, by_launch=by_launch)
        self._calls[run.call_id] = call

    def open_calls(self) -> Iterator[Call]:
        """Yield the calls without an end, oldest first."""
        return (call for call in self._calls.values() if call.is_open)

    @property
    def has_news(self) -> bool:
        """Whether there is something that the flow has not seen."""
        return bool(self._news)

    def end(self, call_id: str) -> None:
        """End a call, as the flow has decided. Nothing that is said of it counts any more.

        One that has ended, or is not known, is left as it is.
        """
        call = self._calls.get(call_id)
        if call is None or not call.is_open:
            return
        del self._calls[call_id]
        if call.update.state is not CallState.PENDING:
            self._news = [update for update in self._news if update.call_id != call_id]
        call.update = CallUpdate(call_id, CallState.CANCELLED)
        if call.is_told:
            self._note_ended_by_flow(call)

    def made_after(self, number: int) -> list[Call]:
        """Return the calls to tell that were made after a command, oldest first; O(these)."""
        newest_first = takewhile(lambda call: call.number > number, reversed(self._calls.values()))
        return [call for call in newest_first if not call.by_launch][::-1]

    def ended_after(self, number: int) -> list[Call]:
        """Return the calls that the flow has ended after a command, oldest first; O(these).

        Only those that the work was told of and has not ended itself.
        """
        newest_first = takewhile(
            lambda call: call.end_number > number, reversed(self._ended_by_flow.values())
        )
        return list(newest_first)[::-1]

    def holder_gone(self) -> None:
        """Note that who was told of calls is gone: of those that ended it is to hear no more."""
        self._ended_by_flow.clear()

    def told_with(self, updates: Sequence[CallUpdate]) -> int:
        """Return the newest revision that came with the calls that a batch speaks of."""
        calls = [
            self._calls.get(update.call_id) or self._ended_by_flow.get(update.call_id)
            for update in updates
        ]
        return max((call.run.revision for call in calls if call is not None), default=0)

    def take(self, updates: Sequence[CallUpdate]) -> None:
        """Note what a batch says of calls."""
        for update in updates:
            call = self._calls.get(update.call_id)
            if call is not None and update.state > call.update.state and call.is_open:
                call.update = update
                self._news.append(update)
            elif update.state.is_end:
                self._ended_by_flow.pop(update.call_id, None)

    def holder_left(self) -> None:
        """End every call that has none, as its holder said goodbye; not one that goes on without.

        A program may leave its flow before it ends, and its exit code is still to come.
        """
        self._end(CallState.CANCELLED, None, but_by_launch=True)

    def process_gone(self, error: CallError | None, succeeded: str) -> None:
        """End every call that has none: the work's process is gone.

        Args:
            error: With which they failed; None if they are cancelled.
            succeeded: The id of the one that has succeeded by it, if any.
        """
        if succeeded:
            self.take([CallUpdate(succeeded, CallState.SUCCEEDED)])
        self._end(CallState.CANCELLED if error is None else CallState.FAILED, error)

    def _end(
        self, state: CallState, error: CallError | None, *, but_by_launch: bool = False
    ) -> None:
        self.take(
            [
                CallUpdate(call.run.call_id, state, None, error)
                for call in self.open_calls()
                if not (but_by_launch and call.by_launch)
            ]
        )

    def merge(self) -> list[CallUpdate]:
        """Return what changed since the last time, in order, and forget ended calls."""
        news, self._news = self._news, []
        for update in news:
            if update.state.is_end:
                self._calls.pop(update.call_id, None)
        return news

    def dump(self) -> CallLogRecord:
        """Return all there is to keep."""
        calls = [CallRecord(one.run, one.update, one.by_launch) for one in self._calls.values()]
        ended = [one.run for one in self._ended_by_flow.values()]
        return CallLogRecord(calls, ended, list(self._news))

    def load(self, record: CallLogRecord) -> None:
        """Go on from what was kept."""
        for one in record.calls:
            self.add(one.run, by_launch=one.by_launch)
            call = self._calls[one.run.call_id]
            call.update, call.is_told = one.update, not one.by_launch  # for all that is known here
        for run in record.ended_by_flow:
            end = CallUpdate(run.call_id, CallState.CANCELLED)
            self._note_ended_by_flow(Call(run, end, 0))
        self._news = list(record.news)

    def _note_ended_by_flow(self, call: Call) -> None:
        self.last_number = call.end_number = self.last_number + 1
        self._ended_by_flow[call.run.call_id] = call
        if len(self._ended_by_flow) > _MAX_ENDED_BY_FLOW:
            del self._ended_by_flow[next(iter(self._ended_by_flow))]
