"""What the work said and what the flow wrote, rule by rule."""

import pytest

from lightgrid.errors import MisfitError, Reason, RefusedError
from lightgrid.protocol import replica as replica_module
from lightgrid.protocol.messages import Batch
from lightgrid.protocol.replica import MAX_PENDING_BATCHES, MAX_PENDING_BYTES, Replica
from lightgrid.state.delta import Assignments, Remove, Set, Splice, apply, apply_fitting
from lightgrid.state.values import copy_value


class Flow:
    """A replica and the flow's view of it."""

    def __init__(self, variables, **options):
        self.replica = Replica(variables, **options)
        self.view = {name: value for name, value in variables.items()}
        self.revision = 0
        self.seq = 0

    def write(self, *ops):
        self.revision += 1
        apply(self.view, ops)
        self.replica.write(ops, self.revision, self.view)

    def take(self, *ops, **options):
        self.seq += 1
        self.replica.take(Batch(self.seq, list(ops), **options))

    def merge(self):
        apply(self.view, self.replica.merge(self.view))
        return self.view


@pytest.mark.parametrize("receives_updates", [False, True])
def test_the_flows_value_stands_over_another_variables_change(receives_updates):
    flow = Flow({"x": 0, "y": 0}, receives_updates=receives_updates)
    flow.write(Set(("x",), 5))
    flow.take(Set(("y",), 1))
    assert flow.merge() == {"x": 5, "y": 1}


def test_of_a_work_that_is_not_told_its_own_change_ends_what_the_flow_wrote():
    flow = Flow({"x": 0})
    flow.write(Set(("x",), 5))
    flow.take(Set(("x",), 1))
    assert flow.merge() == {"x": 1}
    assert not flow.replica.overlay


def test_a_snapshot_that_repeats_the_old_value_is_no_change():
    flow = Flow({"x": 0})
    flow.write(Set(("x",), 5))
    flow.take(Set((), {"x": 0}), snapshot=True)
    assert flow.merge() == {"x": 5}


def test_batches_and_a_snapshot_behind_them_are_merged_as_one():
    flow = Flow({"x": 0, "y": [], "z": [1]})
    flow.take(Set(("x",), 1), Splice(("y",), 0, 0, [7]), Splice(("z",), 1, 0, [2]))
    flow.take(Set((), {"x": 1, "y": [8]}), snapshot=True)
    flow.take(Splice(("y",), 1, 0, [9]), Splice(("z",), 2, 0, [3]))
    assert flow.merge() == flow.replica.published == {"x": 1, "y": [8, 9], "z": [1, 2, 3]}


def test_what_goes_with_a_call_stands_until_the_work_has_seen_it():
    flow = Flow({"x": 0})
    flow.write(Set(("x",), 5))
    flow.replica.tell(0)
    flow.take(Set(("x",), 1))
    assert flow.merge() == {"x": 5}
    flow.take(seen_revision=1)
    assert flow.merge() == {"x": 5}
    assert flow.replica.published == {"x": 5}


def test_what_the_work_has_seen_is_moved_before_its_own_ops_apply():
    flow = Flow({"x": [1]}, receives_updates=True)
    flow.write(Splice(("x",), 1, 0, [2]))
    flow.write(Splice(("x",), 2, 0, [3]))
    flow.take(Splice(("x",), 2, 0, [9]), seen_revision=1)
    assert flow.replica.published == {"x": [1, 2, 9]}
    assert flow.merge() == {"x": [1, 2, 3, 9]}


def test_a_write_that_no_longer_fits_is_dropped_and_those_behind_it_are_not():
    flow = Flow({"x": {"a": 1}, "y": 0}, receives_updates=True)
    flow.write(Remove(("x", "a")), Set(("y",), 7))
    flow.take(Remove(("x", "a")))
    flow.take(seen_revision=1)
    assert flow.merge() == {"x": {}, "y": 7}


def test_a_write_after_a_batch_was_taken_stays_on_top_of_it():
    flow = Flow({"x": [1]}, receives_updates=True)
    flow.take(Splice(("x",), 1, 0, [2]))
    flow.write(Set(("x",), []))
    assert flow.merge() == {"x": []}


def test_a_write_over_a_batch_that_was_not_merged_stays_on_top_when_the_work_has_seen_it():
    flow = Flow({"x": []}, receives_updates=True)
    flow.take(Splice(("x",), 0, 0, [1]))
    flow.write(Set(("x",), [5]))
    flow.take(seen_revision=1)
    assert flow.merge() == flow.replica.published == {"x": [5]}


def test_a_write_to_an_item_that_a_splice_has_moved_is_kept():
    flow = Flow({"x": [1, 2]})
    flow.write(Set(("x", "0"), "a"))
    flow.write(Splice(("x",), 0, 0, ["n"]))
    flow.write(Set(("x", "0"), "b"))
    flow.take(seen_revision=flow.revision)
    assert flow.merge() == {"x": ["b", "a", 2]}


@pytest.mark.parametrize("between", [[], [Splice(("y",), 0, 0, [1])], [Set(("x",), [7])]], ids=str)
def test_a_write_that_a_later_one_replaces_is_forgotten_whatever_else_was_written(between):
    flow = Flow({"x": [1, 2], "y": []}, receives_updates=True)
    flow.write(*between, Set(("x", "0"), "a"))
    flow.write(Set(("x", "0"), "b"))
    assert [write.op for write in flow.replica.overlay] == [*between, Set(("x", "0"), "b")]


def test_what_was_told_is_kept_although_a_later_write_replaces_it():
    flow = Flow({"x": 0}, receives_updates=True)
    flow.write(Set(("x",), 1))
    flow.replica.tell(0)
    flow.write(Set(("x",), 2))
    assert [write.op.value for write in flow.replica.overlay] == [1, 2]


def test_many_writes_are_bounded_by_the_state():
    flow = Flow({"x": [], "y": 0})
    for number in range(1000):
        flow.write(Splice(("x",), 0, 0, [number]), Set(("y",), number))
    assert len(flow.replica.overlay) < 80
    flow.take(seen_revision=flow.revision)
    assert flow.replica.published == flow.view


def test_many_writes_told_to_a_work_that_never_says_what_it_has_seen_are_bounded_too(monkeypatch):
    monkeypatch.setattr(replica_module, "_MAX_TOLD_WRITES", 100)
    flow = Flow({"x": [], "y": 0}, receives_updates=True)
    told_revision = 0
    for number in range(1000):
        flow.write(Splice(("x",), 0, 0, [number]), Set(("y",), number))
        _, told_revision = flow.replica.tell(told_revision)
    assert len(flow.replica.overlay) < 250
    assert flow.merge() == {"x": list(range(999, -1, -1)), "y": 999}
    flow.take(seen_revision=flow.revision)
    assert flow.replica.published == flow.view


def test_a_misfit_leaves_nothing_of_its_batch():
    flow = Flow({"x": 0, "y": []})
    with pytest.raises(MisfitError):
        flow.take(Set(("x",), 1), Splice(("y",), 3, 0, [1]))
    assert flow.merge() == {"x": 0, "y": []}


def test_a_variable_that_is_not_declared_is_refused_by_name():
    with pytest.raises(RefusedError, match="no variable 'z'") as refused:
        Flow({"x": 0}).take(Set(("z",), 1))
    assert refused.value.reason is Reason.BAD_OP


def test_the_limit_on_nodes_counts_what_the_flow_wrote_too():
    flow = Flow({"x": [], "y": []}, receives_updates=True, max_nodes=10)
    flow.write(Set(("x",), [0] * 5))
    with pytest.raises(RefusedError) as refused:
        flow.take(Set(("y",), [0] * 5), seen_revision=1)
    assert refused.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("items", [[0] * 8, (0,) * 8, [[0] * 6, 0]], ids=repr)
def test_each_item_that_a_splice_inserts_counts_for_the_limit_on_nodes(items):
    flow = Flow({"x": []}, max_nodes=10)
    flow.take(Splice(("x",), 0, 0, items))
    with pytest.raises(RefusedError) as refused:
        flow.take(Splice(("x",), 0, 0, [0]))
    assert refused.value.facts == {"limit": "max_nodes", "value": "10"}


def test_there_is_room_for_eight_batches_or_four_mebibytes():
    assert (MAX_PENDING_BATCHES, MAX_PENDING_BYTES) == (8, 4 * 2**20)
    flow = Flow({"x": 0})
    for number in range(8):
        assert flow.replica.has_room
        flow.take(Set(("x",), number))
    assert not flow.replica.has_room
    flow.merge()
    assert flow.replica.has_room
    flow.take(Set(("x",), 1), size_bytes=MAX_PENDING_BYTES)
    assert not flow.replica.has_room


# --- batches that assign scalars alone ---------------------------------------------


def assign(flow, **values):
    flow.seq += 1
    flow.replica.take(Batch(flow.seq, Assignments(values)))


def test_batches_of_scalars_are_merged_as_one_and_once():
    flow = Flow({"x": 0, "y": 0})
    assign(flow, x=1)
    assign(flow, x=2, y=3)
    assert flow.replica.pending_ops == 3
    assert flow.replica.merge(flow.view) == [Set(("x",), 2), Set(("y",), 3)]
    assert flow.replica.pending_ops == 0
    assert list(flow.replica.merge(flow.view)) == []
    assign(flow, x=4)
    assert flow.replica.merge(flow.view) == [Set(("x",), 4)]


def test_what_the_flow_wrote_stands_over_a_batch_of_scalars():
    flow = Flow({"x": 0, "y": 0}, receives_updates=True)
    flow.write(Set(("x",), 5))
    assign(flow, x=1, y=1)
    assert flow.merge() == {"x": 5, "y": 1}


def reason_of(flow, ops, **options):
    flow.seq += 1
    with pytest.raises(RefusedError) as refused:
        flow.replica.take(Batch(flow.seq, ops, **options))
    return refused.value.reason


# --- what is refused ---------------------------------------------------------------


@pytest.mark.parametrize(
    "ops",
    [[], [Set(("x",), 1)], [Set(("x",), {})], Assignments({"x": 1}), [Set((), 5)],
     [Splice((), 0, 0, [])], [Remove(())], [Set((), {}), Set((), {"x": 1})], [Set((), {"z": 1})],
     [Set((), {}), Set(("z",), 1)]],
    ids=str,
)  # fmt: skip
def test_a_snapshot_sets_the_empty_path_at_first_and_declared_variables_alone(ops):
    flow = Flow({"x": 0})
    assert reason_of(flow, ops, snapshot=True) is Reason.BAD_OP
    assert flow.replica.published == {"x": 0}


@pytest.mark.parametrize(
    "ops",
    [[Set((), {"x": 1})], [Remove(("x",))], [Set(("z",), 1)], Assignments({"x": 1, "z": 1})],
    ids=str,
)
def test_a_change_is_one_of_declared_variables_and_removes_none(ops):
    flow = Flow({"x": 0})
    assert reason_of(flow, ops) is Reason.BAD_OP
    assert flow.replica.published == {"x": 0}
    assert flow.replica.pending_ops == 0


def test_a_snapshot_over_the_limit_is_refused():
    flow = Flow({"x": []}, max_nodes=5)
    assert reason_of(flow, [Set((), {"x": [1] * 9})], snapshot=True) is Reason.LIMIT_EXCEEDED
    assert flow.replica.published == {"x": []}


def test_the_limit_counts_what_was_kept_over_a_restart():
    flow = Flow({"x": [], "y": []}, max_nodes=12)
    flow.take(Set(("x",), [1] * 8))
    again = Flow({"x": [], "y": []}, max_nodes=12)
    again.replica.load(flow.replica.dump())
    assert reason_of(again, [Set(("y",), [1] * 8)]) is Reason.LIMIT_EXCEEDED


def test_what_goes_with_a_call_stands_over_a_restart_too():
    flow = Flow({"x": 0})
    flow.write(Set(("x",), 5))
    flow.replica.tell(0)
    again = Flow({"x": 0})
    again.replica.load(flow.replica.dump())
    again.take(Set(("x",), 1))
    assert again.merge() == {"x": 5}


# --- bounds -------------------------------------------------------------------------


def assert_the_flow_sees_what_it_wrote(flow):
    expected = copy_value(flow.replica.published)
    apply_fitting(expected, [write.op for write in flow.replica.overlay])
    assert expected == flow.view


def test_nothing_of_many_writes_is_lost_at_any_moment(monkeypatch):
    monkeypatch.setattr(replica_module, "_MAX_TOLD_WRITES", 10)
    monkeypatch.setattr(replica_module, "_MAX_WRITES_PER_VARIABLE", 4)
    flow = Flow({"x": [], "y": 0}, receives_updates=True)
    told_revision = 0
    for number in range(100):
        flow.write(Splice(("x",), 0, 0, [number]))
        _, told_revision = flow.replica.tell(told_revision)
        assert_the_flow_sees_what_it_wrote(flow)


def test_what_was_told_with_a_call_is_kept_however_much_it_is(monkeypatch):
    monkeypatch.setattr(replica_module, "_MAX_TOLD_WRITES", 4)
    monkeypatch.setattr(replica_module, "_MAX_WRITES_PER_VARIABLE", 2)
    flow = Flow({"x": []})
    for number in range(12):
        flow.write(Splice(("x",), 0, 0, [number]))
        flow.replica.tell(0)
    assert [write.revision for write in flow.replica.overlay] == list(range(1, 13))
