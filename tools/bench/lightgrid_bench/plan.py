"""How long and how often to measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lightgrid_bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how often to measure.

    Attributes:
        rounds: How often each of the two sides has its turn.
        is_quick: Only to see that it works: small counts, short times.
        say: Tells whoever waits what is going on.
        keep: Takes a figure into the table, before its first round.
        save: Writes what was measured so far.
    """

    rounds: int
    is_quick: bool
    say: Callable[[str], None]
    keep: Callable[[Figure], None]
    save: Callable[[], None]

    def figure(
        self,
        name: str,
        unit: str,
        rival_name: str = "",
        *,
        bar: float | None = None,
        aim: float | None = None,
        at_least: bool = False,
        inverted: bool = False,
        missing: str = "",
    ) -> Figure:
        """Return a figure of the table, see `Figure`. Its rounds are saved as they are made."""
        figure = Figure(
            name,
            unit,
            rival_name,
            bar=bar,
            aim=aim,
            at_least=at_least,
            inverted=inverted,
            missing=missing,
        )
        self.keep(figure)
        return figure

    def pick(self, full: int, quick: int) -> int:
        """Return a count, by the form."""
        return quick if self.is_quick else full

    def time_s(self, full: float, quick: float) -> float:
        """Return a duration, by the form."""
        return quick if self.is_quick else full

    def turns(self, what: str) -> Iterator[int]:
        """Return the rounds; `what` is told meanwhile, and each is saved when it is over."""
        self.say(f"{what}, {self.rounds} rounds")
        for number in range(self.rounds):
            yield number
            self.save()
