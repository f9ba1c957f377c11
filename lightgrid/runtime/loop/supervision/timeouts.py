"""Calls that take too long."""

from __future__ import annotations

import time
from collections.abc import Callable

from lightgrid.component.status import StatusReason
from lightgrid.runtime.loop.supervision.seat import Seat
from lightgrid.runtime.loop.timers import Timers

#: Told of a call that took too long: of which work, which call, why, and what to say.
TimedOut = Callable[[Seat, str, StatusReason, str], None]


class CallWatch:
    """Has calls end that run for too long, or during which nothing changes.

    Args:
        timers: Where to wait.
        timed_out: Called for each timeout, also when the call has ended meanwhile.
    """

    def __init__(self, timers: Timers, timed_out: TimedOut) -> None:
        self._timers = timers
        self._timed_out = timed_out

    def begin(self, seat: Seat, call_id: str) -> None:
        """Watch a call that runs from now on, unless it has ended already."""
        options = seat.work.options
        if call_id not in seat.given:
            return
        seat.changed_s = begin_s = time.monotonic()
        run_timeout_s, stall_timeout_s = options.run_timeout_s, options.stall_timeout_s
        if run_timeout_s is not None:
            what = f"it ran for {run_timeout_s:g} s"
            self._timers.after(
                run_timeout_s,
                lambda: self._timed_out(seat, call_id, StatusReason.TIMEOUT, what),
            )
        if stall_timeout_s is not None:
            self._watch_stall(seat, call_id, stall_timeout_s, begin_s)

    def _watch_stall(self, seat: Seat, call_id: str, timeout_s: float, since_s: float) -> None:
        def look() -> None:
            if call_id not in seat.given:
                return
            if seat.changed_s > since_s:
                self._watch_stall(seat, call_id, timeout_s, seat.changed_s)
            else:
                what = f"no state changed for {timeout_s:g} s"
                self._timed_out(seat, call_id, StatusReason.STALLED, what)

        self._timers.after(max(0.0, since_s + timeout_s - time.monotonic()), look)
