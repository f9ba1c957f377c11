"""When a work that ended is started again, and how long that waits."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from lightgrid.component.options import OptionChecker

#: To the power of any number of failures that counts, it still is a float.
_MAX_FACTOR: Final = 1000.0


class RestartWhen(StrEnum):
    """What has to happen for a work to be started again."""

    NEVER = "never"
    ON_FAILURE = "on_failure"
    ALWAYS = "always"


#: A `RestartWhen`, or its word.
RestartWord: TypeAlias = RestartWhen | Literal["never", "on_failure", "always"]


@dataclass(frozen=True, slots=True)
class Restart:
    """A restart policy: a new process, and the calls that had no end made again.

    The delay grows with each failure in a row and is capped; all of it is
    random, so that works that failed together do not come back together.

    Attributes:
        when: "never", "on_failure" (the process died, `run` raised or took too
            long), or "always" (also when `run` has returned).
        max_attempts: Failures in a row after which the work has failed; None for no bound.
        first_delay_s: The longest delay after the first failure.
        factor: By which it grows.
        max_delay_s: Its cap.
        healthy_after_s: A process that lived this long counts as the first one again.

    Raises:
        OptionError: One of these has a value that it cannot have.
    """

    when: RestartWord = RestartWhen.NEVER
    max_attempts: int | None = None
    first_delay_s: float = 0.5
    factor: float = 2.0
    max_delay_s: float = 30.0
    healthy_after_s: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what is no policy, now and not at the first failure."""
        given = OptionChecker("Restart")
        put = object.__setattr__  # it is frozen
        put(self, "when", given.word("when", self.when, RestartWhen))
        put(self, "max_attempts", given.count_or_none("max_attempts", self.max_attempts, "no end"))
        put(self, "factor", given.number("factor", self.factor, 1, _MAX_FACTOR))
        for name in ("first_delay_s", "max_delay_s", "healthy_after_s"):
            put(self, name, given.seconds(name, getattr(self, name)))

    def allows(self, failure_count: int, *, failed: bool) -> bool:
        """Tell whether to start again after an end that was the n-th failure in a row, or none."""
        if self.when == RestartWhen.NEVER or (not failed and self.when != RestartWhen.ALWAYS):
            return False
        return self.max_attempts is None or failure_count < self.max_attempts

    def delay_s(self, failure_count: int) -> float:
        """Return how long to wait after so many failures in a row."""
        if failure_count == 0:
            return 0.0
        longest_s = self.first_delay_s * self.factor ** min(failure_count - 1, 64)
        return random.uniform(0.5, 1.0) * min(self.max_delay_s, longest_s)
