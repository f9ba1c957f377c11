"""When each work is told how far the flow server is.

An acknowledgement costs as much as a batch, and told at once it would keep the
flow from what was just taken. So it waits until there are 16 batches, or for a
second; a work that wants one at once sends a heartbeat behind its batch, and gets
it when all that it sent is applied. Where a journal is kept, batches count here once
they are in it.
"""

from __future__ import annotations

from itertools import takewhile
from typing import Final

_BATCHES_PER_ACK: Final = 16
_ACK_DELAY_S: Final = 1.0


class Acks:
    """Counts what was taken of each work, by its name, and says when to tell it.

    Attributes:
        taken_count: How many batches were taken for good, of all works.
        told_count: How many acknowledgements were told.
    """

    def __init__(self) -> None:
        self.taken_count = 0
        self.told_count = 0
        self._counts: dict[str, int] = {}  # batches taken since one was told
        self._due_s: dict[str, float] = {}  # when to tell one at the latest, in that order
        self._asked: set[str] = set()  # wants one as soon as all is applied

    @property
    def next_s(self) -> float | None:
        """When the next one is due; None when none is."""
        return next(iter(self._due_s.values()), None)

    def taken(self, work: str, now_s: float, count: int = 1) -> bool:
        """Note that batches were taken; return whether to tell at once."""
        self.taken_count += count
        count = self._counts[work] = self._counts.get(work, 0) + count
        self._due_s.setdefault(work, now_s + _ACK_DELAY_S)
        return count >= _BATCHES_PER_ACK

    def asked(self, work: str, *, all_applied: bool) -> bool:
        """Note that a work wants one; return whether to tell at once."""
        if not all_applied:
            self._asked.add(work)
        return all_applied

    def applied(self, work: str) -> bool:
        """Note that all was applied that was taken; return whether to tell that at once.

        What was told as taken is told as applied now, unless it will be soon anyway.
        """
        return work in self._asked or work not in self._due_s

    def due(self, now_s: float) -> list[str]:
        """Return the works that have waited long enough, and wait for them no more."""
        works = [work for work, _ in takewhile(lambda due: due[1] <= now_s, self._due_s.items())]
        for work in works:
            del self._due_s[work]
        return works

    def told(self, work: str, *, of_all: bool = True) -> None:
        """Note that one is told now; who asked waits on if it is not of all that it sent."""
        self.told_count += 1
        self._counts[work] = 0
        if of_all:
            self._asked.discard(work)

    def forget(self, work: str) -> None:
        """Keep nothing of a work that is served no longer."""
        self._counts.pop(work, None)
        self._due_s.pop(work, None)
        self._asked.discard(work)
