"""What the flow's thread is told by other threads, between two runs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from lightgrid.protocol.events import PeerEvent
from lightgrid.state.delta import Op


@dataclass(frozen=True, slots=True)
class Exited:
    """A launcher saw the process of a work end; `code` is as `OnExit` tells it."""

    work: str
    launch_id: str
    code: int | None


@dataclass(slots=True)
class OutsideUpdate:
    """A change from outside, to be made between two runs."""

    ops: Sequence[Op]
    origin: str
    expected_revision: int | None
    answer: Future[int]


Event = PeerEvent | Exited | OutsideUpdate
