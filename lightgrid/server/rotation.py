"""How long a stream may live: some minutes, each another.

The peer registers again and goes on. So the way back from a lost connection is
walked all day, and no proxy's limit is the first to try it.
"""

from __future__ import annotations

import random
from typing import Final

_SHORTEST_S: Final = 300.0
_LONGEST_S: Final = 600.0


def lifetime_s() -> float:
    """Return a random time to live, in seconds."""
    return random.uniform(_SHORTEST_S, _LONGEST_S)
