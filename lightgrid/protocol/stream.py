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


class Wakes:
    """Those who are to look again, by the work's name."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, Wake], None] = {}

    def add(self, work: str, who: Wake) -> None:
        """Have one of those look again who serve a work."""
        self._waiting[work, who] = None

    def add_all(self, *works: str) -> None:
        """Have everybody look again who serves these works."""
        for work in works:
            for who in Wake:
                self.add(work, who)

    def take(self) -> list[tuple[str, Wake]]:
        """Return who is to look again since the last time."""
        if not self._waiting:  # nearly always
            return []
        waiting, self._waiting = self._waiting, {}
        return list(waiting)
