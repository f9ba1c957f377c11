"""What an operator may want to know of the flow's end of one work."""

from __future__ import annotations

from dataclasses import dataclass

from lightgrid.protocol.link import WorkLink


@dataclass(frozen=True, slots=True)
class LinkStatistics:
    """The flow's end of one work, at one moment.

    Attributes:
        is_held: A process has joined as the work and has not left.
        last_seq: The number of the last batch that was taken of it.
        pending_ops: What it sent that waits for the flow's next merge, counted in ops.
        open_calls: How many of its calls have no end.
    """

    is_held: bool
    last_seq: int
    pending_ops: int
    open_calls: int


def statistics_of(link: WorkLink) -> LinkStatistics:
    """Return what there is to know of a link; costs as much as it has open calls."""
    return LinkStatistics(
        is_held=link.is_held,
        last_seq=link.intake.taken_seq,
        pending_ops=link.replica.pending_ops,
        open_calls=sum(1 for _ in link.calls.open_calls()),
    )
