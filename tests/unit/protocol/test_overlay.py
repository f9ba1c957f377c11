"""What is kept of a flow's writes that a work has not seen; the rest is a property."""

from weakref import WeakSet

from lightgrid.protocol.overlay import FlowWrite, Overlay
from lightgrid.state.delta import Set


class Held(list):
    """A value that tells whether anybody has it still."""

    __hash__ = object.__hash__


def test_what_the_work_has_seen_is_forgotten_when_it_is_the_greater_part_at_the_latest():
    overlay, held = Overlay(), WeakSet()
    for revision in range(1, 101):
        value = Held()
        held.add(value)
        overlay.add(FlowWrite(revision, Set(("x",), value)))
    del value
    for revision in range(1, 101):
        overlay.take(revision)
        assert len(held) <= 2 * len(overlay)
