"""The streams of works, as the flow server keeps them, and who serves them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from lightgrid.protocol.roster import Member
from lightgrid.protocol.told import Told


@dataclass(slots=True, eq=False)
class Stream:
    """One stream of a session, live until a newer one of its kind took over.

    Attributes:
        kind: "deltas" or "commands".
        number: Under which the session knows it.
        told: What a command stream has carried.
    """

    member: Member
    kind: str
    number: int
    told: Told = field(default_factory=Told)


class Wake(Enum):
    """Who is to look again, of those who serve one work."""

    COMMANDS = "commands"  # its command stream: there is something to tell
    ROOM = "room"  # its delta stream: it may be read on
    STREAMS = "streams"  # its streams: one may not count any more
