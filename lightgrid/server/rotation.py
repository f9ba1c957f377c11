"""How long a stream may live: some minutes, each another.

The peer registers again and goes on. So the way back from a lost connection is
walked all day, and no proxy's limit is the first to try it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rotation:
    """Between which times the server ends a stream, in seconds."""

    shortest_s: float
    longest_s: float

    def lifetime_s(self) -> float:
        """Return a random time for one stream to live."""
        return random.uniform(self.shortest_s, self.longest_s)
