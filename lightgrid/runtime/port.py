"""One work, as the hub keeps it: its link, its place, and who serves it."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightgrid.protocol.link import WorkLink
from lightgrid.runtime.bell import Bell, ring
from lightgrid.state.delta import Path


@dataclass(slots=True)
class Port:
    """One work, as the hub keeps it.

    Attributes:
        link: The protocol's state machine.
        place: The path of its variables in the tree.
        generation: How many works have had this name.
        command_bells: Rung when there is something to tell the work.
        room_bells: Rung when its delta stream may be read on.
        end_bells: Rung when a delta stream may not count any more.
        unacked_count: Batches taken since an acknowledgement was told.
        ack_scheduled: One will be told in a while.
        ack_asked: The work wants one as soon as all is applied.
        ack_due: It is to be told now.
    """

    link: WorkLink
    place: Path
    generation: int
    command_bells: list[Bell] = field(default_factory=list)
    room_bells: list[Bell] = field(default_factory=list)
    end_bells: list[Bell] = field(default_factory=list)
    unacked_count: int = 0
    ack_scheduled: bool = False
    ack_asked: bool = False
    ack_due: bool = True

    def tell_ack(self) -> None:
        """Have the command stream tell how far the server is."""
        self.unacked_count = 0
        self.ack_asked = False
        self.ack_due = True
        ring(self.command_bells)

    def ring_all(self) -> None:
        """Have everything that serves this work look again."""
        for bells in (self.command_bells, self.room_bells, self.end_bells):
            ring(bells)
