"""When the flow's `run` is called, how often it was, and what that takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from lightgrid.component.passes import Passes

#: What comes within this time of a run is taken in together.
_GATHER_S: Final = 0.002
_MAX_GAP_S: Final = 0.010
_QUIET_S: Final = 0.001
#: Runs that take this long on average, over so many, are worth a warning.
_SLOW_RUN_S: Final = 1.0
_SLOW_RUNS: Final = 5


class Runs:
    """The pace of an app's runs.

    After a quiet time a change runs the flow at once; what comes within 2 ms of a run is
    taken in together. Under a flood the runs keep a gap of what the last one took, at
    most 10 ms, so that a flow that is always busy leaves time to the server's thread.

    Args:
        wait: Returns at the latest after some seconds; True as soon as something happened.

    Attributes:
        is_due: Something has changed since the last run.
        passes: Counts them.
        wake_count: How often the loop woke up.
    """

    def __init__(self, wait: Callable[[float | None], bool]) -> None:
        self._wait = wait
        self._last_end_s = 0.0
        self._last_cost_s = 0.0
        self._recent_costs_s: deque[float] = deque(maxlen=_SLOW_RUNS)
        self.is_due = True
        self.passes = Passes()
        self.wake_count = 0

    def ask_for_one(self) -> None:
        """Have the flow run again."""
        self.is_due = True

    @property
    def idle_s(self) -> float:
        """For how many seconds the flow has not run."""
        return time.perf_counter() - self._last_end_s

    def ended(self, begin_s: float) -> None:
        """Note a run that is over; `begin_s` by the performance counter."""
        self._last_end_s = time.perf_counter()
        self._last_cost_s = self._last_end_s - begin_s

    def slow_s(self) -> float | None:
        """Return how long runs take on average, if that is worth a warning; once."""
        self._recent_costs_s.append(self._last_cost_s)
        costs_s = self._recent_costs_s
        if not 0 < len(costs_s) == costs_s.maxlen or sum(costs_s) <= _SLOW_RUN_S * len(costs_s):
            return None
        self._recent_costs_s = deque(maxlen=0)  # not again
        return sum(costs_s) / len(costs_s)

    def sleep(self, timeout_s: float | None) -> None:
        """Wait until something happened, and let more come soon after a run.

        Under a flood each run then takes in several batches. A sleep and not a wait, as
        waking for each of them is most of what they cost.
        """
        self.wake_count += 1
        if self._wait(timeout_s):
            left_s = self._last_end_s + _GATHER_S - time.perf_counter()
            if left_s > 0:
                time.sleep(left_s)

    def keep_gap(self) -> bool:
        """Leave time between two runs while changes keep coming; go on at once when they stop.

        Returns:
            Whether any time was left, in which something may have come.
        """
        has_waited = False
        due_s = self._last_end_s + min(self._last_cost_s, _MAX_GAP_S)
        while (left_s := due_s - time.perf_counter()) > 0:
            has_waited = True
            if not self._wait(min(left_s, _QUIET_S)):
                break
        return has_waited
