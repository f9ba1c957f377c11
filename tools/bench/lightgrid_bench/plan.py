"""How long and how often to measure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often to measure.

    Attributes:
        rounds: How often each of the two sides has its turn.
        is_quick: Only to see that it works: small counts, short times.
        say: Tells whoever waits what is going on.
    """

    rounds: int
    is_quick: bool
    say: Callable[[str], None]

    def pick(self, full: int, quick: int) -> int:
        """Return a count, by the form."""
        return quick if self.is_quick else full

    def time_s(self, full: float, quick: float) -> float:
        """Return a duration, by the form."""
        return quick if self.is_quick else full

    def turns(self, what: str) -> range:
        """Return the rounds; `what` is told meanwhile."""
        self.say(f"{what}, {self.rounds} rounds")
        return range(self.rounds)
