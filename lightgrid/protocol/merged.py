"""What a merge brings to the flow, between two of its runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lightgrid.protocol.messages import CallUpdate
from lightgrid.state.delta import Op


@dataclass(slots=True)
class Merged:
    """What was taken of one work since the last merge.

    Attributes:
        ops: What changes for the flow.
        calls: Progress of calls.
        told_ops: How many ops that were in the batches it merges.
        lost: Variables of which a write of the flow is lost, see `Replica.take_lost`.
    """

    ops: Sequence[Op]
    calls: list[CallUpdate]
    told_ops: int
    lost: Sequence[str] = ()
