import pytest

from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.protocol.messages import CallState, CallUpdate, Update
from lightgrid.state.delta import Set, Splice
from lightgrid.state.sizes import MAX_PIECE_BYTES
from lightgrid.worker import collector as collector_module
from lightgrid.worker.collector import Collector


class Sample(Work):
    def __init__(self):
        super().__init__()
        self.a = 0
        self.b = 0
        self.items = [1]
        self._private = object()

    def run(self):
        pass


class ChangedMeanwhile:
    """A node whose component user code changes just after its marks were first taken."""

    def __init__(self, node, change):
        self._node = node
        self._change = change
        self.taken = []

    def __getattr__(self, name):
        return getattr(self._node, name)

    def take_changed_names(self):
        names = self._node.take_changed_names()
        if not self.taken:
            self._change()
        self.taken.append(names)
        return names


class Clock:
    now_s = 0.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def work():
    work = Sample()
    node_of(work).key = "w"
    return work


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def collector(work, clock):
    collector = Collector(work, 5, clock, lambda: 0.0)
    collector.collect(everything=True)
    return collector


@pytest.fixture
def compared(monkeypatch):
    """The variables that were compared, look by look."""
    looks, find = [], collector_module.diff_variables

    def noted(old, new, names, *, strict=True):
        looks.extend([*names])
        return find(old, new, names, strict=strict)

    monkeypatch.setattr(collector_module, "diff_variables", noted)
    return looks


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

    def assign():
        work.b = 7
        work.a = 8

    collector._node = node = ChangedMeanwhile(node_of(work), assign)
    collector.collect()
    assert ops_of(collector) == [Set(("a",), 8), Set(("b",), 7)]
    assert node.taken == [["a"], ["a", "b"]]


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
    work.items = [1, ["x" * (MAX_PIECE_BYTES + 1)]]
    work.a = 1
    (error,) = collector.collect()
    assert error.path == ("items", "1", "0")
    assert f"{MAX_PIECE_BYTES + 1:,} bytes" in str(error)
    assert ops_of(collector) == [Set(("a",), 1)]
    work.items = ["\u00e9" * (MAX_PIECE_BYTES // 2 + 1)]
    (error,) = collector.collect()
    assert f"{MAX_PIECE_BYTES + 2:,} bytes" in str(error)


@pytest.mark.parametrize(
    ("limit", "value"), [("max_nodes", list(range(100))), ("max_batch_bytes", ["x" * 2000] * 3)]
)
def test_the_variable_that_makes_the_state_too_large_is_refused_and_all_others_arrive(
    work, collector, limit, value
):
    collector.budget.max_nodes, collector.budget.max_bytes = 50, 5000
    work.a, work.items = 7, value
    (error,) = collector.collect()
    assert error.path == ("items",)
    assert limit in str(error)
    assert ops_of(collector) == [Set(("a",), 7)]


def test_a_large_value_may_take_the_place_of_another_again_and_again(work, collector):
    collector.budget.max_nodes = 50
    for first in range(5):
        work.items = list(range(first, first + 40))
        assert collector.collect() == []


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


def test_everything_is_the_containers_and_what_was_assigned(work, collector, compared):
    work.b = 1
    collector.collect(everything=True)
    assert sorted(compared) == ["b", "items"]
    compared.clear()
    collector.collect(everything=True)
    assert compared == ["items"]


def test_what_was_stored_when_an_interrupt_came_before_its_mark_is_told_with_everything(
    work, collector
):
    node_of(work).store("a", 5)
    assert not collector.has_marks
    collector.collect(everything=True)
    assert ops_of(collector) == [Set(("a",), 5)]


def test_what_is_assigned_while_everything_is_collected_is_told_as_one_state(work, collector):
    def assign():
        work.items.append(2)
        work.b = 7
        work.a = 8

    collector._node = ChangedMeanwhile(node_of(work), assign)
    collector.collect(everything=True)
    assert ops_of(collector) == [Set(("a",), 8), Set(("b",), 7), Splice(("items",), 1, 0, [2])]


@pytest.mark.parametrize("everything", [True, False])
def test_a_variable_that_becomes_a_container_and_a_scalar_again_is_followed(
    work, collector, clock, everything
):
    for value, inner_list in [
        ([1], lambda: work.a),
        (2, None),
        ({"k": [1]}, lambda: work.a["k"]),
        (None, None),
        ((3, [1]), lambda: work.a[1]),
        ("x", None),
    ]:
        work.a = value
        collector.collect(everything=everything)
        assert ops_of(collector) == [Set(("a",), value)]
        if inner_list is not None:
            inner_list().append(9)
            clock.now_s = collector.next_due_s()
            collector.collect(everything=everything)
            (op,) = ops_of(collector)
            assert (op.path[0], op.insert) == ("a", [9])


def test_a_scalar_that_cannot_be_state_where_a_container_was_is_not_looked_into(work, collector):
    work.items = 5
    work.items = 2**70
    assert len(collector.collect()) == 1
    assert collector.next_due_s() == float("inf")


def test_what_the_flow_made_a_container_is_looked_into(work, collector, clock):
    collector.receive(Update(6, [Set(("a",), [1])]))
    collector.collect()
    ops_of(collector)
    work.a.append(2)
    clock.now_s = collector.next_due_s() + 100.0
    collector.collect()
    assert ops_of(collector) == [Splice(("a",), 1, 0, [2])]


def test_the_whole_of_the_flows_state_is_taken_after_what_was_made_before(work, collector):
    work.a = 1
    work.items.append(2)
    collector.receive(Update(6, [Set((), {"a": 3, "b": 4, "items": [5]})], snapshot=True))
    assert (work.a, work.b, work.items) == (3, 4, [5])


class Costly:
    """The computing time of a thread that takes a tenth of a second for anything."""

    now_s = 0.0

    def __call__(self):
        self.now_s += 0.1
        return self.now_s


def test_an_item_of_a_large_list_that_becomes_an_equal_one_is_seen_later_but_is_seen(work, clock):
    work.items = [*range(5000)]
    collector = Collector(work, 5, clock, Costly())
    collector.pace_for_call(0.25)
    collector.collect()
    found_s = {}
    for how, item in (("other", -1), ("equal", True)):
        changed_s = clock.now_s
        work.items[1] = item
        while (ops := ops_of(collector)) is None:
            clock.now_s = collector.next_due_s()
            collector.collect()
        assert ops == [Set(("items", "1"), item)]
        found_s[how] = clock.now_s - changed_s
        work.items[1] = 1
        collector.collect(everything=True)
        ops_of(collector)
    assert found_s["other"] < found_s["equal"] < 20.0


@pytest.mark.parametrize("assigns", [True, False])
def test_an_item_that_becomes_an_equal_one_is_told_with_everything_and_when_it_is_assigned(
    work, clock, assigns
):
    work.items = [*range(5000)]
    collector = Collector(work, 5, clock, Costly())
    collector.collect()
    work.items[1] = True
    if assigns:
        work.items = work.items
    collector.collect(everything=not assigns)
    assert ops_of(collector) == [Set(("items", "1"), True)]
