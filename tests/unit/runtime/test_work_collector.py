import pytest

from lightgrid.component.work import Work
from lightgrid.protocol.messages import CallState, CallUpdate, Update
from lightgrid.runtime.work_collector import Collector
from lightgrid.state.delta import Set, Splice


class Sample(Work):
    def __init__(self):
        super().__init__()
        self.a = 0
        self.b = 0
        self.items = [1]
        self._private = object()

    def run(self):
        pass


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def work():
    work = Sample()
    work._lightgrid_node.key = "w"
    return work


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def collector(work, clock):
    collector = Collector(work, 5, clock, lambda: 0.0)
    collector.collect(everything=True)
    return collector


def ops_of(collector):
    batch = collector.outbox.next()
    return None if batch is None else list(batch.ops)


def test_what_was_not_changed_is_not_told(collector):
    collector.collect(everything=True)
    assert ops_of(collector) is None


def test_assignments_are_coalesced_and_told_once(work, collector):
    work.a = 1
    work.a = 2
    work.b = 3
    assert collector.has_marks
    collector.collect()
    assert ops_of(collector) == [Set(("a",), 2), Set(("b",), 3)]
    assert not collector.has_marks


def test_containers_are_compared_when_they_are_due(work, collector, clock):
    work.items.append(2)
    collector.collect()
    assert ops_of(collector) is None
    clock.now_s = collector.next_due_s()
    collector.collect()
    assert ops_of(collector) == [Splice(("items",), 1, 0, [2])]


def test_a_name_marked_between_names_and_values_is_taken_along(work, collector):
    """User code assigns b, then a, after the mark of a was taken."""
    work.a = 1
    node = work._lightgrid_node

    take = node.take_changed_names
    calls = []

    class Node:
        def __getattr__(self, name):
            return getattr(node, name)

        def take_changed_names(self):
            names = take()
            if not calls:
                work.b = 7
                work.a = 8
            calls.append(names)
            return names

    collector._node = Node()
    collector.collect()
    assert ops_of(collector) == [Set(("a",), 8), Set(("b",), 7)]
    assert calls == [["a"], ["a", "b"]]


def test_a_value_that_cannot_be_state_is_told_by_place_and_the_rest_is_sent(work, collector):
    work.items.append({"x": object()})
    work.a = 4
    end = CallUpdate("id", CallState.FAILED)
    seen = []

    def calls_after(errors):
        seen.extend(errors)
        return [end]

    (error,) = collector.collect(calls_after, everything=True)
    assert seen == [error]
    assert str(error).startswith("w: items.1.x: ")
    batch = collector.outbox.next()
    assert (batch.ops, batch.calls) == ([Set(("a",), 4)], [end])


def test_what_no_message_can_carry_is_refused(work, collector):
    collector.max_leaf_bytes = 100
    work.items = [1, ["x" * 101]]
    work.a = 1
    (error,) = collector.collect()
    assert error.path[0] == "items"
    assert "101 bytes" in str(error)
    assert ops_of(collector) == [Set(("a",), 1)]
    work.items = ["\u00e9" * 51]
    (error,) = collector.collect()
    assert "102 bytes" in str(error)


def test_the_flows_writes_are_live_and_not_told_back(work, collector):
    work.a = 9
    collector.receive(Update(6, [Set(("b",), 5), Set(("nothing",), 1), Set(("items",), [7])]))
    assert (work.a, work.b, work.items) == (9, 5, [7])
    assert not hasattr(work, "nothing")
    first = collector.outbox.next()
    assert (list(first.ops), first.seen_revision) == ([Set(("a",), 9)], 5)
    collector.collect(everything=True)
    second = collector.outbox.next()
    assert (list(second.ops), second.seen_revision) == ([], 6)
    work.items.append(8)
    collector.collect(everything=True)
    assert ops_of(collector) == [Splice(("items",), 1, 0, [8])]
