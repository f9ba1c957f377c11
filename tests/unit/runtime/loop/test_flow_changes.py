"""What the flow's code did to variables, and in which order it goes out."""

import functools
import threading

import pytest
from unit.runtime.flow_parts import FlowParts

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import Run
from lightgrid.runtime.loop.flow_changes import FlowChanges
from lightgrid.state.delta import Set


class Worker(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.x = 0
        self.items = []

    def run(self):
        pass


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.items = []
        self.w = Worker()
        self.v = Worker()


class Changes(FlowParts):
    def __init__(self):
        super().__init__(Root())
        self.changes = FlowChanges(self.hub, self.outputs)
        for node in node_of(self.root).walk():
            node.held.lent = self.changes.lent
            node.notify = functools.partial(self.changes.note, node)

    def call(self, work, call_id):
        """As the backend makes a call to a process that is there."""
        self.changes.capture(node_of(work))
        self.outputs.step(lambda: self.hub.call(work.name, Run(call_id)))


@pytest.fixture
def parts():
    return Changes()


def written(run):
    return {op.path[0]: op.value for op in run.ops if type(op) is Set}


def test_nothing_changes_when_nothing_was_touched(parts):
    revision, _ = parts.hub.read(())
    assert parts.changes.send() == (False, [])
    assert parts.hub.read(())[0] == revision


def test_all_that_a_run_changed_is_one_step_of_the_tree(parts):
    revision, _ = parts.hub.read(())
    parts.root.count = 1
    parts.root.items.append("a")
    parts.root.w.x = 2
    assert parts.changes.send() == (True, [])
    assert parts.hub.read(())[0] == revision + 1
    assert parts.tree() == parts.root.state


def test_what_was_read_and_not_changed_is_no_change(parts):
    assert parts.root.items == []
    assert parts.changes.send() == (False, [])


def test_each_call_brings_what_was_written_before_it(parts):
    w = parts.root.w
    w.x = 1
    parts.call(w, "first")
    w.x = 2
    w.items.append("b")
    parts.call(w, "second")
    w.x = 3
    assert parts.tree("works", "w", "vars", "x") == 0  # nothing is out
    parts.changes.send()
    first, second = (one for one in parts.commands_of(w) if type(one) is Run)
    assert written(first) == {"x": 1}
    assert written(second)["x"] == 2
    assert {op.path[0] for op in second.ops} == {"x", "items"}
    assert parts.tree("works", "w", "vars") == {"x": 3, "items": ["b"]}


def test_a_container_that_goes_on_changing_behind_a_call_is_copied_at_the_call(parts):
    w = parts.root.w
    items = w.items
    items.append(1)
    parts.call(w, "first")
    items.append(2)
    parts.call(w, "second")
    items.append(3)
    parts.changes.send()
    runs = [one for one in parts.commands_of(w) if type(one) is Run]
    assert [[item for op in run.ops for item in op.insert] for run in runs] == [[1], [2]]
    assert parts.tree("works", "w", "vars", "items") == [1, 2, 3]


def test_nobody_gets_in_between_what_belongs_to_one_run(parts):
    could_get_in = []

    def try_to_get_in():
        thread = threading.Thread(
            target=lambda: could_get_in.append(parts.hub._shared._lock.acquire(blocking=False))
        )
        thread.start()
        thread.join()

    parts.root.w.x = 1
    parts.call(parts.root.w, "first")
    parts.outputs.step(try_to_get_in)
    parts.root.w.x = 2
    parts.root.count = 5
    parts.changes.send()
    try_to_get_in()
    assert could_get_in == [False, True]


def test_a_component_that_came_and_was_written_to_in_one_run_is_told_whole(parts):
    root = parts.root
    late = Worker()
    root.late = late
    parts.changes.add_component(node_of(late))
    node = node_of(late)
    node.hold_containers(parts.changes.lent)
    node.notify = functools.partial(parts.changes.note, node)
    node.forget_changes()
    parts.outputs.step(
        lambda: parts.hub.add_work(
            "root.late", node.vars_place, {"x": 0, "items": []}, receives_updates=False
        )
    )
    late.x = 1
    parts.call(late, "first")
    late.x = 2
    assert parts.changes.send() == (True, [])
    assert parts.tree() == root.state


def test_a_value_that_is_no_state_is_refused_at_the_call_and_found_again(parts):
    w = parts.root.w
    w.items.append({1})
    w.x = 7
    for _ in range(2):
        with pytest.raises(UnsupportedValueError, match=r"items\.0: a value of type set"):
            parts.changes.capture(node_of(w))
    w.items.pop()
    parts.changes.capture(node_of(w))
    assert parts.changes.send() == (True, [])
    assert parts.tree("works", "w", "vars", "x") == 7


def test_a_value_that_is_no_state_keeps_no_other_component_from_being_told(parts):
    root = parts.root
    root.w.items.append({1})
    root.v.items.append({2})
    root.count = 4
    has_changes, errors = parts.changes.send()
    assert has_changes
    assert sorted(str(error).partition(":")[0] for error in errors) == ["v", "w"]
    assert parts.tree("vars", "count") == 4
    assert parts.tree("works", "w", "vars", "items") == []
