"""Where works and calls stand, written into the work at once and into the tree later."""

import pytest
from unit.runtime.flow_parts import FlowParts

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.component.status import StatusReason, WorkStage


class Worker(L.Work):
    def run(self):
        pass


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Worker()


@pytest.fixture
def parts():
    return FlowParts(Root())


def test_a_status_is_in_the_work_at_once_and_in_the_tree_when_it_goes_out(parts):
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "key", "id")
    assert w.is_pending
    assert parts.tree("works", "w", "status", "stage") == "not_started"
    assert parts.tree("works", "w", "calls") == {}
    parts.outputs.send()
    assert parts.tree("works", "w", "status", "stage") == "pending"
    assert parts.tree() == parts.root.state


def test_a_call_that_has_ended_moves_no_more(parts):
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "key", "id")
    assert parts.statuses.call_moved(node_of(w), "id", WorkStage.SUCCEEDED, result=3)
    assert not parts.statuses.call_moved(node_of(w), "id", WorkStage.FAILED, message="late")
    assert w.status.result == 3


def test_each_entry_is_newer_than_the_last_although_the_clock_goes_back():
    clock = iter([100.0, 50.0, 50.0, 200.0]).__next__
    parts = FlowParts(Root(), clock)
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "key", "id")
    parts.statuses.process_moved(node_of(w), WorkStage.STOPPED, StatusReason.STOP_REQUESTED)
    assert w.has_stopped
    parts.statuses.call_made(node_of(w), "other", "id2")
    assert w.is_pending
    assert parts.statuses.call_moved(node_of(w), "id2", WorkStage.RUNNING)
    assert w.status.time_s == 200.0


def test_all_open_calls_are_moved_and_counted(parts):
    w = parts.root.w
    for number in range(3):
        parts.statuses.call_made(node_of(w), f"key {number}", f"id {number}")
    parts.statuses.call_moved(node_of(w), "id 1", WorkStage.SUCCEEDED)
    assert parts.statuses.open_calls_moved(node_of(w), WorkStage.STOPPED, StatusReason.DELETED) == 2
    assert [str(one.status.stage) for one in node_of(w).calls.records.values()] == [
        "stopped", "succeeded", "stopped",
    ]  # fmt: skip


def test_calls_are_counted_as_the_flow_made_them_and_not_when_they_are_made_again(parts):
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "key", "id")
    parts.statuses.call_reissued(node_of(w), "id", "id2", StatusReason.RESTARTING, "it died")
    assert w.status.call_count == 1
    parts.statuses.call_moved(node_of(w), "id2", WorkStage.SUCCEEDED)
    parts.statuses.call_made(node_of(w), "key", "id3")  # the same once more: it is not cached
    assert w.status.call_count == 2
    parts.outputs.send()
    assert parts.tree("works", "w", "status", "call_count") == 2
    assert len(parts.tree("works", "w", "calls")) == 1


def test_a_work_that_is_stopped_keeps_the_result_of_its_call(parts):
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "key", "id")
    parts.statuses.call_moved(node_of(w), "id", WorkStage.SUCCEEDED, result={"best": 3})
    parts.statuses.process_moved(node_of(w), WorkStage.STOPPED, StatusReason.STOP_REQUESTED)
    assert w.has_stopped
    assert w.status.result == {"best": 3}
    parts.statuses.call_made(node_of(w), "other", "id2")
    assert w.status.result is None


def test_only_calls_that_run_are_said_to_be_unresponsive(parts):
    w = parts.root.w
    for number in range(2):
        parts.statuses.call_made(node_of(w), f"key {number}", f"id {number}")
    parts.statuses.call_moved(node_of(w), "id 0", WorkStage.RUNNING)
    parts.statuses.running_calls_said(node_of(w), StatusReason.UNRESPONSIVE, "silent")
    reasons = [str(one.status.reason) for one in node_of(w).calls.records.values()]
    assert reasons == ["unresponsive", ""]


def test_a_forgotten_call_leaves_the_tree(parts):
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "key", "id")
    parts.statuses.call_moved(node_of(w), "id", WorkStage.FAILED, message="no")
    parts.statuses.call_forgotten(node_of(w), "key")
    parts.outputs.send()
    assert parts.tree() == parts.root.state
    assert parts.tree("works", "w", "calls") == {}


def test_who_shows_it_is_told_where_the_work_stands_and_not_each_call(parts):
    w = parts.root.w
    parts.statuses.call_made(node_of(w), "one", "id1")
    parts.statuses.call_made(node_of(w), "two", "id2")
    parts.statuses.call_moved(node_of(w), "id1", WorkStage.FAILED, message="no")
    assert [stage for _, stage, _ in parts.observer.told] == ["pending", "pending", "pending"]
