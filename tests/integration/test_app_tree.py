"""Trees of components in an app: nested flows, structures, works made while it runs."""

import os

import pytest

import lightgrid as L
from lightgrid.testing import stepping


class Doubler(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.value = 0
        self.pid = 0

    def run(self, value):
        self.pid = os.getpid()
        self.value = 2 * value


class Leaf(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Doubler()
        self.seen = 0

    def run(self, value):
        self.w.run(value)
        self.seen = self.w.value
        return self.w.has_succeeded


class Branch(L.Flow):
    def __init__(self):
        super().__init__()
        self.leaf = Leaf()
        self.both = L.Dict(a=Leaf(), b=L.List(Doubler()))

    def run(self):
        self.both["b"][0].run(30)
        return self.leaf.run(10) and self.both["a"].run(20)


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.branch = Branch()
        self.late = None
        self.pool = L.List()
        self.grown = False

    def run(self):
        if self.branch.run() and not self.grown:
            self.grown = True
            self.late = Doubler()
            self.late.run(40)
            self.pool.append(Doubler())
            self.pool[0].run(50)


@pytest.fixture(scope="module")
def app():
    root = Root()
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: root.grown and all(work.has_succeeded for work in app.app.works))
        yield app


def test_works_of_nested_flows_and_structures_run_each_in_a_process_of_its_own(app):
    values = {name: work.value for name, work in app.app.named_works}
    assert values == {
        "root.branch.leaf.w": 20,
        "root.branch.both.a.w": 40,
        "root.branch.both.b.0": 60,
        "root.late": 80,
        "root.pool.0": 100,
    }
    pids = {work.pid for work in app.app.works}
    assert len(pids) == 5
    assert os.getpid() not in pids


def test_flows_below_the_root_have_state_of_their_own(app):
    assert app.app.root.branch.leaf.seen == 20
    assert app.app.root.branch.both["a"].seen == 40


def test_the_state_tree_has_every_component_in_its_place(app):
    tree = app.tree
    works = tree["flows"]["branch"]["structures"]["both"]["structures"]["b"]["works"]
    assert works["0"]["vars"]["value"] == 60
    assert tree["works"]["late"]["vars"]["value"] == 80
    assert "late" not in tree["vars"]
    assert tree["structures"]["pool"]["works"]["0"]["status"]["stage"] == "succeeded"
    assert tree["app_state"] == {"stage": "running"}


def test_a_member_that_is_removed_is_stopped_and_leaves_the_tree_and_others_keep_their_names(app):
    root = app.app.root
    for value in (60, 70):
        root.pool.append(Doubler())
        root.pool[-1].run(value)
    app.run_until(lambda: all(work.has_succeeded for work in root.pool))
    removed = root.pool[1]
    pid = app.pid_of(removed)
    del root.pool[1]
    app.run_until(lambda: app.is_gone(pid))
    assert [work.name for work in root.pool] == ["root.pool.0", "root.pool.2"]
    members = app.tree["structures"]["pool"]["works"]
    assert list(members) == ["0", "2"]
    root.pool[1].run(80)
    app.run_until(lambda: root.pool[1].has_succeeded)
    assert root.pool[1].value == 160


def test_an_idle_app_runs_its_flow_once_and_does_not_wake():
    class Idle(L.Flow):
        def __init__(self):
            super().__init__()
            self._runs = 0

        def run(self):
            self._runs += 1

    root = Idle()
    with stepping(root) as app:
        app.run_for(1.0)
        assert app.statistics().loop.runs == root._runs == 1
        assert app.statistics().loop.wake_ups <= 2


def test_a_flow_that_changes_itself_runs_again_until_it_is_quiet():
    class Settling(L.Flow):
        def __init__(self):
            super().__init__()
            self.steps = []

        def run(self):
            if len(self.steps) < 5:
                self.steps.append(len(self.steps))

    root = Settling()
    with stepping(root, see=lambda: list(root.steps)) as app:
        app.run_until(lambda: len(root.steps) == 5)
        app.run_for(0.3)  # one that is never quiet runs some thousand times
        assert app.statistics().loop.runs < 10
    assert app.seen[:6] == [list(range(count)) for count in (1, 2, 3, 4, 5, 5)]
