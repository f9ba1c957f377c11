"""What an operator may want to know of a running app."""

from __future__ import annotations

from dataclasses import dataclass

from lightgrid.runtime.hub.statistics import HubStatistics


@dataclass(frozen=True, slots=True)
class LoopStatistics:
    """The loop at one moment; counts are from its beginning.

    Attributes:
        runs: How often the root flow's `run` was called.
        wake_ups: How often the loop woke up.
        asks: What was done between two runs because somebody asked.
        works: How many are in the tree.
        processes: How many were started and have not ended.
        timers: What is to be done at a time.
        idle_s: For how many seconds the flow has not run.
    """

    runs: int
    wake_ups: int
    asks: int
    works: int
    processes: int
    timers: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class AppStatistics:
    """A running app at one moment.

    Attributes:
        loop: What happens in the flow's thread.
        hub: What it shares with the server's.
    """

    loop: LoopStatistics
    hub: HubStatistics
