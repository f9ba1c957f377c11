"""When a flow wants to run again by the clock."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cronsim import CronSim, CronSimError

from lightgrid.errors import ComponentError
from lightgrid.state.values import Value

_ALIASES: Final = {
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "midnight": "0 0 * * *",
    "weekly": "0 0 * * 0",
    "monthly": "0 0 1 * *",
    "yearly": "0 0 1 1 *",
    "annually": "0 0 1 1 *",
}


@dataclass(slots=True)
class Schedule:
    """One place in a flow's code that wants to be reached by the clock.

    Attributes:
        cron: The expression as the user wrote it.
        next_s: When it is due next, in seconds since the epoch.
        fired_in: The run of the root flow in which it is true.
    """

    cron: str
    next_s: float
    fired_in: int = 0

    def is_true(self, now_s: float, run_count: int) -> bool:
        """Tell whether it is due: in exactly one run after each event."""
        if self.fired_in == run_count:
            return True
        if now_s < self.next_s:
            return False
        self.next_s = next_event(self.cron, now_s)
        self.fired_in = run_count
        return True

    def to_value(self) -> dict[str, Value]:
        """Return it as it stands in the state tree."""
        return {"cron": self.cron, "next_s": self.next_s}

    @classmethod
    def from_value(cls, value: dict[str, Value]) -> Schedule:
        """Return what stands in a state tree: an event that was missed is due at once."""
        return cls(value["cron"], value["next_s"])


def next_event(cron: str, after_s: float) -> float:
    """Return when a cron expression is due next, by local time.

    Args:
        cron: Five fields, or six with the seconds last; or "hourly", "daily",
            "midnight", "weekly", "monthly", "yearly", "annually", with or without @.
        after_s: Seconds since the epoch.

    Raises:
        ComponentError: It is no cron expression.
    """
    after = datetime.fromtimestamp(after_s).astimezone()
    try:
        event: datetime = next(CronSim(_fields(cron), after))
    except (CronSimError, StopIteration) as error:
        raise ComponentError(f"{cron!r} is no cron expression: {error}") from None
    return event.timestamp()


@functools.lru_cache
def _fields(cron: str) -> str:
    cron = _ALIASES.get(cron.strip().removeprefix("@"), cron)
    fields = cron.split()
    # The seconds come last here, as users of the predecessor write them, and first there.
    return " ".join([fields[5], *fields[:5]] if len(fields) == 6 else fields)
