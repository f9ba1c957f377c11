"""One work, as the hub keeps it: where it is in the tree, and who serves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightgrid.protocol.stream import Wake
from lightgrid.runtime.hub.bell import Bells
from lightgrid.state.delta import Path


@dataclass(slots=True)
class Port:
    """One work, as the hub keeps it.

    Attributes:
        place: The path of its variables in the tree.
        bells: Of the coroutines that serve it, by what they wait for.
    """

    place: Path
    bells: dict[Wake, Bells] = field(default_factory=lambda: {who: Bells() for who in Wake})
