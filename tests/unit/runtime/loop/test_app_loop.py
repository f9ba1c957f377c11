"""When a flow runs, and what it may do, in an app without works."""

import asyncio
import signal

import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.runtime.hub import OutsideUpdate
from lightgrid.runtime.loop import runs
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Set


class Seeing(Observer):
    """Ends the app when nothing is left to do: when a run has changed nothing."""

    wants_deltas = True

    def __init__(self, runs):
        self.ran = 0
        self.commits = []
        self.stages = []
        self._runs = runs

    def committing(self, origin, place, base, ops):
        self.commits.append((origin, place, list(ops)))

    def flow_ran(self):
        self.ran += 1
        if self.ran == self._runs:
            self.loop.hub.ask(lambda root: root.stop("enough"))

    def see_loop(self, loop):
        self.loop = loop


class Root(L.Flow):
    def __init__(self, step):
        super().__init__()
        self.count = 0
        self.items = []
        self._step = step

    def run(self):
        self._step(self)


def execute(root, runs=100):
    app, observer = L.App(root), Seeing(runs)
    return app, app.execute(L.RunOptions(on_loop=observer.see_loop), observer), observer


def count_to(most):
    def step(root):
        if root.count == most:
            root.stop("counted")
        root.count += 1

    return step


def test_a_flow_that_changes_its_state_runs_again():
    app, outcome, observer = execute(Root(count_to(5)))
    assert outcome.message == "counted"
    assert observer.ran == 5
    assert app.root.count == 5


def test_what_comes_in_is_merged_although_each_run_changes_the_flow(monkeypatch):
    monkeypatch.setattr(runs, "_MAX_GAP_S", 0.0)  # as if committing took longer than a run

    def step(root):
        if root.count == 3:
            hub = node_of(root).backend._hub
            hub.outside.request(OutsideUpdate([Set(("vars", "items"), ["wished"])], "outside:me"))
        if root.items:
            root.stop("it came")
        root.count += 1

    _, outcome, _ = execute(Root(step))
    assert outcome.message == "it came"


def test_what_a_run_changed_is_committed_as_one_step():
    def step(root):
        root.count = 7
        root.items.append("x")
        root.items.append("y")

    _, _, observer = execute(Root(step), runs=1)
    own = [ops for origin, place, ops in observer.commits if (origin, place) == ("root", ("vars",))]
    assert len(own) == 1
    assert len(own[0]) == 2


def test_a_list_that_is_kept_elsewhere_and_changed_there_is_seen_too():
    def step(root):
        root._alias = getattr(root, "_alias", root.items)
        if len(root._alias) < 3:
            root._alias.append(1)

    app, _, _ = execute(Root(step), runs=4)
    assert app.root.items == [1, 1, 1]


def test_a_list_that_init_kept_elsewhere_is_seen_to_change_from_the_first_run_on():
    def step(root):
        if len(root._alias) < 3:
            root._alias.append(1)

    root = Root(step)
    root._alias = root.items
    _, _, observer = execute(root, runs=4)
    own = [ops for origin, place, ops in observer.commits if (origin, place) == ("root", ("vars",))]
    assert len(own) == 3


def test_what_was_changed_before_the_stop_counts():
    def step(root):
        root.count = 42
        root.stop()

    app, _, observer = execute(Root(step))
    assert app.state_vars["vars"]["count"] == 42
    assert any(
        op.value == 42 for _, _, ops in observer.commits for op in ops if op.path == ("count",)
    )


def test_a_flow_cannot_hide_its_end_from_the_app_by_mistake():
    def step(root):
        try:
            root.stop("ended")
        except Exception:
            root.count = 1

    _, outcome, _ = execute(Root(step))
    assert outcome.message == "ended"


def test_an_error_of_the_flow_is_told_from_the_users_first_line_on():
    def step(root):
        raise KeyError("the user's")

    app, outcome, _ = execute(Root(step))
    assert outcome.exit_code == 1
    assert isinstance(outcome.exception, KeyError)
    assert app.exception is outcome.exception
    assert 'raise KeyError("the user\'s")' in outcome.message
    assert "runtime/app_loop.py" not in outcome.message.replace(__file__, "")


class Abort(BaseException):
    """Of the user's own."""


@pytest.mark.parametrize("kind", [Abort, GeneratorExit, asyncio.CancelledError, RuntimeError])
def test_whatever_a_flow_raises_is_told_as_its_own_with_the_users_line(kind):
    def step(root):
        root.count = 3
        raise kind("the user's")

    app, outcome, _ = execute(Root(step))
    assert outcome.exit_code == 1
    assert outcome.message.startswith("the flow's run has failed:\nTraceback")
    assert 'raise kind("the user\'s")' in outcome.message
    assert isinstance(app.exception, kind)


def test_what_a_run_did_before_it_raised_is_in_the_tree():
    def step(root):
        root.count = 3
        root.items.append("x")
        raise RuntimeError("no")

    _, _, observer = execute(Root(step))
    own = [ops for origin, place, ops in observer.commits if (origin, place) == ("root", ("vars",))]
    assert [op.path for op in own[0]] == [("count",), ("items",)]


@pytest.mark.parametrize("ends", [True, False])
def test_a_component_in_a_plain_list_is_told_as_the_users_mistake_also_when_the_flow_stops(ends):
    def step(root):
        root.items.append(Root(step))
        root.count = 7
        if ends:
            root.stop("done")

    app, outcome, _ = execute(Root(step))
    assert outcome.exit_code == 1
    assert outcome.message.startswith("the flow's run has failed:")
    assert (
        "items.0: a Root is a component, which a plain list or dict cannot hold" in outcome.message
    )
    assert f"Root.run is in {__file__}" in outcome.message
    assert isinstance(app.exception, L.UnsupportedValueError)


def test_what_cannot_be_state_is_named_beside_what_the_flow_raised():
    def step(root):
        root.items.append({1})
        raise KeyError("first")

    _, outcome, _ = execute(Root(step))
    assert isinstance(outcome.exception, KeyError)
    assert "KeyError: 'first'" in outcome.message
    assert outcome.message.splitlines()[-1].startswith("Root: items.0: a value of type set")


def test_a_signal_ends_the_app_with_the_exit_code_of_the_signal():
    def step(root):
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("it was raised before")

    _, outcome, _ = execute(Root(step))
    assert (outcome.exit_code, outcome.message) == (130, "interrupted")


def test_a_new_name_in_run_is_refused_by_name():
    def step(root):
        root.surprise = 1

    _, outcome, _ = execute(Root(step))
    assert outcome.exit_code == 1
    assert "root" in outcome.message
    assert "Cannot set attributes that were not defined in __init__: surprise" in outcome.message


def test_an_app_runs_once():
    app, _, _ = execute(Root(count_to(1)))
    with pytest.raises(L.ComponentError, match="once"):
        app.execute(L.RunOptions(), Observer())


def test_the_stage_of_an_app_is_in_its_tree():
    _, _, observer = execute(Root(count_to(1)))
    stages = [
        op.value
        for _, place, ops in observer.commits
        for op in ops
        if (*place, *op.path) == ("app_state", "stage")
    ]
    assert stages == ["running", "stopping", "stopped"]
