"""What the flow's thread is told by other threads, between two runs."""

from __future__ import annotations

from dataclasses import dataclass

from lightgrid.protocol.events import PeerEvent


@dataclass(frozen=True, slots=True)
class Exited:
    """A launcher saw the process of a work end; `code` is as `OnExit` tells it."""

    work: str
    launch_id: str
    code: int | None


Event = PeerEvent | Exited
