"""Containers that the user's code shares: within a process one object, across processes values."""

import pickle

import pytest
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component.node import node_of
from lightgrid.state.delta import Remove, Set, Splice
from lightgrid.state.values import same

DEFAULT = []


class W(lightgrid.Work):
    def __init__(self, losses=DEFAULT):
        super().__init__(parallel=True)
        self.losses = losses
        self.first = self.second = []
        self.rows = [[]] * 3
        self.table = {"a": self.first}
        self.pair = ([],)
        self._losses = self.losses
        self._inner = self.pair[0]
        self.count = 0

    def run(self):
        pass


class Root(lightgrid.Flow):
    def __init__(self):
        super().__init__()
        self.a = W()
        self.b = W()
        self.best = []
        self.history = []
        self.left = self.right = []
        self.grid = [[]] * 2

    def run(self):
        pass


class App(FakeApp):
    """An app of two works; what its tree would have is `tree`."""

    def __init__(self):
        super().__init__(Root())

    def attached(self, node):
        super().attached(node)
        self.root = node.component if isinstance(node.component, Root) else self.root

    def receive(self, work, *ops):
        """Merge what a work has told, between two runs."""
        node_of(work).receive(ops)

    def written_into(self, work):
        """Which variables of a work the flow is taken to have changed."""
        return self.collect().get(work.name, [])


@pytest.fixture
def app():
    DEFAULT.clear()
    app = App()
    app.collect()
    return app


def variables_of(component):
    return node_of(component).variables()


def process_of(work):
    """The work as it is in its process."""
    return pickle.loads(pickle.dumps(work))


# --- what a work sends -------------------------------------------------------------------------


def test_what_a_work_appends_to_a_default_that_works_share_is_in_no_other_work(app):
    app.receive(app.root.a, Splice(("losses",), 0, 0, [10]))
    app.receive(app.root.b, Splice(("losses",), 0, 0, [20]))
    assert app.root.a.losses == [10]
    assert app.root.b.losses == [20]


def test_a_work_made_later_begins_with_the_default_as_it_is_written(app):
    app.receive(app.root.a, Splice(("losses",), 0, 0, [10]))
    app.root.late = W()
    assert DEFAULT == app.root.late.losses == []
    app.receive(app.root.late, Splice(("losses",), 0, 0, [30]))
    assert app.root.a.losses == [10]


def test_what_a_work_tells_of_two_variables_that_are_one_list_is_applied_once_to_each(app):
    work = app.root.a
    for path in (("first",), ("second",), ("table", "a"), ("rows", "0"), ("rows", "1"),
                 ("rows", "2"), ("pair", "0")):  # fmt: skip
        app.receive(work, Splice(path, 0, 0, [1]))
    assert work.first == work.second == [1]
    assert work.table == {"a": [1]}
    assert work.rows == [[1], [1], [1]]
    assert work.pair == ([1],)


def test_what_a_work_sends_is_never_taken_for_something_that_the_flow_wrote(app):
    app.receive(app.root.a, Splice(("rows", "0"), 0, 0, [1]), Splice(("losses",), 0, 0, [1]))
    for _ in range(3):
        assert app.collect().keys() <= {"root"}  # its own aliases are looked at, as ever


def test_a_work_whose_containers_nobody_shares_is_not_copied():
    class Alone(lightgrid.Work):
        def __init__(self):
            super().__init__()
            self.big = [[1], {"a": [2]}]

        def run(self):
            pass

    class Around(lightgrid.Flow):
        def __init__(self):
            super().__init__()
            self.w = Alone()

    root = Around()
    identities = [id(root.w.big), id(root.w.big[0]), id(root.w.big[1]["a"])]
    app = FakeApp(root)
    node = node_of(root.w)
    node.receive([Splice(("big", "0"), 1, 0, [3])])
    assert root.w.big == [[1, 3], {"a": [2]}]
    app.collect()
    node.receive([Set(("big", "1", "a", "0"), 4)])
    assert [id(root.w.big), id(root.w.big[0]), id(root.w.big[1]["a"])] == identities
    assert not node.held.made


# --- what the flow writes ----------------------------------------------------------------------


def test_one_list_assigned_to_two_works_is_a_value_in_each(app):
    batch = ["x", ["y"]]
    app.root.a.losses = app.root.b.losses = batch
    app.root.a.losses[1].append("z")
    batch.append("w")
    assert app.root.a.losses == ["x", ["y", "z"]]
    assert app.root.b.losses == ["x", ["y"]]
    app.receive(app.root.a, Splice(("losses",), 0, 2, []))
    assert (app.root.a.losses, batch) == ([], ["x", ["y"], "w"])


def test_a_work_assigned_from_a_variable_of_the_flow_has_a_copy_of_that_moment(app):
    app.root.history = [1]
    app.root.a.losses = app.root.history
    app.root.history.append(2)
    assert app.root.a.losses == [1]


def test_a_work_assigned_from_another_work_has_a_copy_of_that_moment(app):
    app.root.a.losses = app.root.b.losses
    app.root.b.losses.append(1)
    assert app.root.a.losses == []


# --- what the flow keeps of a work -------------------------------------------------------------


def test_a_works_variable_that_is_assigned_to_the_flows_is_a_copy_of_that_moment(app):
    root = app.root
    app.receive(root.a, Set(("losses",), [1, [2]]))
    root.best = root.a.losses
    root.best[1].append("mine")
    root.a.losses.append("its")
    assert root.best == [1, [2, "mine"]]
    assert root.a.losses == [1, [2], "its"]
    app.collect()
    app.receive(root.a, Splice(("losses",), 0, 3, [7]))
    assert root.best == [1, [2, "mine"]]


def test_a_work_that_is_read_under_another_name_first_is_copied_as_well(app):
    root = app.root
    mine = root.a.first
    root.best = mine
    mine.append(1)
    assert (root.best, root.a.first) == ([], [1])


def test_a_list_of_the_flows_that_is_assigned_stays_the_users_own(app):
    root = app.root
    _ = root.a.losses, root.b.first
    mine = [1]
    root.best = mine
    mine.append(2)
    assert root.best == [1, 2]
    app.collect()
    mine.append(3)
    assert "best" in app.collect()["root"]
    assert root.best == [1, 2, 3]


def test_a_list_of_the_flows_stays_the_users_own_also_where_a_works_was_in_memory_before(app):
    root = app.root
    others = []
    place = id(root.a.losses)
    root.a.losses = None
    while id(mine := []) != place:
        others.append(mine)
        assert len(others) < 100_000
    root.best = mine
    mine.append(1)
    assert root.best == [1]


@pytest.mark.parametrize(
    "keep",
    [
        lambda root, value: root.history.append(value),
        lambda root, value: setattr(root, "best", {"deep": [value]}),
        lambda root, value: setattr(root, "_kept", value),
    ],
)
@pytest.mark.parametrize(
    ("read", "op"),
    [
        (lambda work: work.losses, Splice(("losses",), 0, 0, ["more"])),
        (lambda work: work.rows[0], Splice(("rows", "0"), 0, 0, ["more"])),
        (lambda work: work.table["a"], Splice(("table", "a"), 0, 0, ["more"])),
        (lambda work: work.table, Remove(("table", "a"))),
    ],
)
def test_whatever_a_run_keeps_of_a_work_is_as_it_was_when_the_run_ended(app, keep, read, op):
    root = app.root
    value = read(root.a)
    keep(root, value)
    app.collect()
    before = repr(value)
    app.receive(root.a, op)
    assert repr(value) == before
    assert repr(read(root.a)) != before


def test_what_the_flow_does_later_to_what_it_kept_of_a_work_is_not_written_into_the_work(app):
    root = app.root
    root.history.append(root.a.losses)
    app.collect()
    root.history[0].append("mine")
    assert app.written_into(root.a) == []
    assert root.a.losses == []
    assert root.history == [["mine"]]


def test_within_a_run_a_work_is_changed_under_any_name_also_when_a_call_comes_between(app):
    root = app.root
    losses = root.a.losses
    losses.append(1)
    node_of(root.a).take_changed_names()  # as a call has them looked at
    losses.append(2)
    assert app.written_into(root.a) == ["losses"]
    assert root.a.losses == [1, 2]


# --- the flow's own ----------------------------------------------------------------------------


def test_two_variables_of_a_flow_that_are_one_list_stay_one_list(app):
    root = app.root
    root.left.append(1)
    assert app.collect()["root"] == ["grid", "left", "right"]
    assert root.right == [1]


def test_a_change_from_outside_of_what_variables_of_a_flow_share_is_made_and_looked_at(app):
    root = app.root
    root.left.append(1)
    app.collect()
    node = node_of(root)
    node.receive([Splice(("left",), 0, 1, [])])
    node.receive([Splice(("right",), 0, 1, [])])  # there is nothing left to remove
    assert root.left == root.right == []
    assert {"left", "right"} <= set(app.collect()["root"])


# --- the work's process ------------------------------------------------------------------------


def test_in_its_process_a_work_shares_what_its_init_shared(app):
    work = process_of(app.root.a)
    assert work._losses is work.losses
    assert work.first is work.second is work.table["a"]
    assert work.rows[0] is work.rows[1] is work.rows[2]
    assert work._inner is work.pair[0]


def test_a_process_that_starts_again_shares_it_too_with_what_has_become_of_it(app):
    root = app.root
    for path in (("first",), ("second",), ("table", "a"), ("losses",), ("pair", "0"),
                 ("rows", "0"), ("rows", "1"), ("rows", "2")):  # fmt: skip
        app.receive(root.a, Splice(path, 0, 0, [1]))
    work = process_of(root.a)
    assert same(variables_of(work), variables_of(root.a))
    work._losses.append(2)
    work.first.append(3)
    assert work.losses == [1, 2]
    assert work.second == work.table["a"] == [1, 3]
    assert work.rows[0] is work.rows[1] is work.rows[2]
    assert work._inner is work.pair[0]
    assert DEFAULT == []


def test_a_process_gets_the_values_also_where_what_was_shared_has_come_to_differ(app):
    root = app.root
    app.receive(root.a, Splice(("first",), 0, 0, [1]), Splice(("second",), 0, 0, [2]))
    root.a.rows[1].append(3)
    root.a.table = {"a": 4}
    work = process_of(root.a)
    assert same(variables_of(work), variables_of(root.a))
    assert (work.first, work.second, work.rows, work.table) == ([1], [2], [[], [3], []], {"a": 4})


def test_a_list_that_the_flow_assigned_is_not_the_one_that_init_kept(app):
    app.root.a.losses = [1]
    work = process_of(app.root.a)
    assert (work.losses, work._losses) == ([1], [])


def test_a_work_that_leaves_its_app_and_comes_back_shares_nothing(app):
    class Pool(lightgrid.Flow):
        def __init__(self):
            super().__init__()
            self.pool = lightgrid.List()

    root = Pool()
    FakeApp(root)
    work = W()
    root.pool.append(work)
    root.pool.pop()
    mine = work.losses
    mine.append(1)
    root.pool.append(work)
    mine.append(2)
    assert work.losses == [1]


# --- results and states ------------------------------------------------------------------------


def test_a_result_that_is_read_twice_is_two_values(app):
    root = app.root
    root.a.run()
    app.moved(root.a, lightgrid.WorkStage.SUCCEEDED, result=[1, [2]])
    root.best, root.history = root.a.status.result, root.a.status.result
    root.best[1].append(3)
    root.a.state["calls"].popitem()[1]["statuses"][-1]["result"].append(4)
    assert root.history == root.a.status.result == [1, [2]]


def test_a_state_that_is_loaded_into_two_works_is_a_value_in_each(app):
    root = app.root
    root.a.run()
    app.moved(root.a, lightgrid.WorkStage.SUCCEEDED, result=[1])
    state = root.a.state_dict()
    (record,) = state["calls"].values()
    root.a.load_state_dict(state, {})
    root.b.load_state_dict(state, {})
    state["vars"]["first"].append(1)
    record["statuses"][-1]["result"].append(2)
    assert root.a.first == root.b.first == []
    assert root.a.status.result == root.b.status.result == [1]
