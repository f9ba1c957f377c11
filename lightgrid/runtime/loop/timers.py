"""What is due at a time, for a thread that sleeps until something happens."""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable


class Timers:
    """Callbacks in order of their time. Not thread-safe.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def after(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Have something called, once, after a time."""
        heapq.heappush(self._heap, (self._clock() + delay_s, next(self._count), callback))

    def pause_s(self) -> float | None:
        """Return the seconds until the next one is due; None when there is none."""
        return max(0.0, self._heap[0][0] - self._clock()) if self._heap else None

    def run_due(self) -> None:
        """Call what is due."""
        while self._heap and self._heap[0][0] <= self._clock():
            heapq.heappop(self._heap)[2]()
