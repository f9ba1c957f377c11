"""How often to look into containers that user code may change in place.

Nothing tells of such a change, so each container is compared with what was last told of
it. Each has an interval of its own, which follows from what a look into it costs: a huge
container does not slow the small ones down, and all of them together take a bounded part
of a core.

A look is strict or a glance (see `diff`); each kind has a share of the core. For a list of
a million items a glance takes 2 ms, or 17 to 38 ms where it finds changes, and a strict
look 35 to 57 ms. From the shares follows that a change in it is found after 0.5 to 1 s, and
a change that a glance passes over (1 into True) after 4 to 6 s. Shorter lists take less in
proportion; lists of less than some thousand items are always looked into strictly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The shortest interval; also the least time between two batches.
MIN_INTERVAL_S: Final = 0.005
#: The longest interval of a container that does not change, as long as its cost allows it.
MAX_INTERVAL_S: Final = 0.25
#: The same while no call runs: only a thread of the user's could change anything.
MAX_IDLE_INTERVAL_S: Final = 1.0
#: The part of a core that one container may take by glances and by strict looks, and that
#: all containers together may.
_SHARE: Final = 0.035
_STRICT_SHARE: Final = 0.01
_SHARE_OF_ALL: Final = 0.05


@dataclass(slots=True)
class _Pace:
    cost_s: float = 0.0  # of the last glance
    strict_cost_s: float = 0.0
    growth: float = 1.0
    looked_at_s: float = float("-inf")
    strictly_at_s: float = float("-inf")

    @property
    def base_s(self) -> float:
        return max(MIN_INTERVAL_S, self.cost_s / _SHARE)

    @property
    def strict_base_s(self) -> float:
        return max(MIN_INTERVAL_S, self.strict_cost_s / _STRICT_SHARE)

    @property
    def load(self) -> float:
        return self.cost_s / self.base_s + self.strict_cost_s / self.strict_base_s


class Paces:
    """The intervals of a work's containers, by variable. All times are given from outside."""

    def __init__(self) -> None:
        self._paces: dict[str, _Pace] = {}
        self._grown: set[str] = set()
        self._load = 0.0  # the part of a core, with every container at its base intervals
        self.max_interval_s = MAX_IDLE_INTERVAL_S

    def note(self, name: str, *, is_container: bool) -> None:
        """Note whether a variable holds a container now."""
        if is_container:
            if name not in self._paces:
                self._paces[name] = _Pace()
        elif name in self._paces:
            self._change_load(-self._paces.pop(name).load)
            self._grown.discard(name)

    def due(self, now_s: float) -> list[str]:
        """Return the variables to look at now."""
        return [
            name
            for name, pace in self._paces.items()
            if pace.looked_at_s + self._interval_s(pace) <= now_s
        ]

    def next_due_s(self) -> float:
        """Return when the next one is due; infinity without containers."""
        return min(
            (pace.looked_at_s + self._interval_s(pace) for pace in self._paces.values()),
            default=float("inf"),
        )

    def wants_strict(self, name: str, now_s: float) -> bool:
        """Tell whether a look at a variable that is due is to be a strict one."""
        pace = self._paces[name]
        return pace.strictly_at_s + pace.strict_base_s * self._stretch() <= now_s

    def looked(
        self, name: str, cost_s: float, now_s: float, *, changed: bool, strict: bool
    ) -> None:
        """Note a look at a variable: what it cost, and whether it found anything."""
        pace = self._paces.get(name)
        if pace is None:
            return
        load = pace.load
        pace.looked_at_s = now_s
        if strict:
            pace.strict_cost_s, pace.strictly_at_s = cost_s, now_s
        else:
            pace.cost_s = cost_s
        self._change_load(pace.load - load)
        if changed:
            pace.growth = 1.0
            self._grown.discard(name)
        else:
            pace.growth = min(2 * pace.growth, MAX_IDLE_INTERVAL_S / MIN_INTERVAL_S)
            self._grown.add(name)

    def wake(self) -> None:
        """Note that user code is at work: nothing is to be looked at less often for now."""
        for name in self._grown:
            self._paces[name].growth = 1.0
        self._grown.clear()

    def _interval_s(self, pace: _Pace) -> float:
        base_s = pace.base_s * self._stretch()
        return max(base_s, min(base_s * pace.growth, self.max_interval_s))

    def _stretch(self) -> float:
        return max(1.0, self._load / _SHARE_OF_ALL)

    def _change_load(self, by: float) -> None:
        self._load = max(0.0, self._load + by)
