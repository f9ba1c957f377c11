"""What a row of the bench is held to, and what was measured."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Verdict(StrEnum):
    """How a figure stands to its bar."""

    AIM = "aim"
    MET = "met"
    MISSED = "missed"
    NO_BAR = ""
    NOT_MEASURED = "not measured"


@dataclass(slots=True)
class Figure:
    """One figure: rounds of ours and of what it is compared with, and their quotients.

    Attributes:
        name: What it is, within its row.
        unit: Of `ours` and `rival`.
        rival_name: What is compared with; empty where `ours` itself is held to the bar.
        bar: The most that the value may be; with `at_least`, the least.
        aim: What it should be.
        at_least: Larger is better.
        ours: One per round.
        rival: One per round, the one measured beside it.
        inverted: The value is the rival's over ours.
        note: What a reader should know.
        missing: Why the rival was not measured.
    """

    name: str
    unit: str
    rival_name: str = ""
    bar: float | None = None
    aim: float | None = None
    at_least: bool = False
    ours: list[float] = field(default_factory=list)
    rival: list[float] = field(default_factory=list)
    inverted: bool = False
    note: str = ""
    missing: str = ""

    def add(self, ours: float, rival: float | None = None) -> None:
        """Add a round."""
        self.ours.append(ours)
        if rival is not None:
            self.rival.append(rival)

    @property
    def values(self) -> list[float]:
        """What is held to the bar, by round."""
        if not self.rival_name:
            return self.ours
        if self.missing:
            return []  # there is nothing to compare ours with
        pairs = zip(self.ours, self.rival, strict=True)
        return [b / a if self.inverted else a / b for a, b in pairs if a and b]

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values) if self.values else math.nan

    @property
    def verdict(self) -> Verdict:
        """How it stands to its bar."""
        if self.missing or not self.values:
            return Verdict.NOT_MEASURED
        if self.bar is None:
            return Verdict.NO_BAR
        if self.aim is not None and self._reaches(self.aim):
            return Verdict.AIM
        return Verdict.MET if self._reaches(self.bar) else Verdict.MISSED

    def _reaches(self, bar: float) -> bool:
        return self.value >= bar if self.at_least else self.value <= bar


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of all values lies; NaN of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan
