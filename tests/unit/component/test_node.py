"""How changes are noticed: by assignment, by reading containers, and by who else holds them."""

import copy
import threading

import pytest
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component.node import node_of
from lightgrid.errors import UnsupportedValueError
from lightgrid.state.delta import Remove, Set, Splice
from lightgrid.state.diff import diff_variables


class Root(lightgrid.Flow):
    def __init__(self):
        super().__init__()
        self.x = 0
        self.items = [1, [2], {"k": [3]}]
        self.table = {"a": [1], "b": {"c": []}}
        self.pair = (1, [2])
        self.constant = (1, "two")
        self.group = []


class W(lightgrid.Work):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.losses = []

    def run(self):
        pass


def started(component):
    """The app of a component, of which everything was collected."""
    app = FakeApp(component)
    app.collect()
    app.collect()
    return app


def test_an_assignment_is_noticed_once():
    root = Root()
    app = started(root)
    root.x = 1
    root.x = 2
    assert app.collect() == {"root": ["x"]}
    assert app.collect() == {}


def test_an_assignment_after_a_collection_is_noticed_again():
    root = Root()
    app = started(root)
    for value in (1, 2, "a", "b", None):
        root.x = value
        assert app.collect() == {"root": ["x"]}


def test_reading_a_scalar_changes_nothing_and_reading_a_container_is_noticed():
    root = Root()
    app = started(root)
    assert root.x == 0
    assert app.collect() == {}
    root.items.append(4)
    assert app.collect() == {"root": ["items"]}
    assert root.state["vars"]["items"] == [1, [2], {"k": [3]}, 4]


def test_a_container_that_was_read_and_let_go_is_looked_at_once():
    root = Root()
    app = started(root)
    for name in ("items", "table", "pair", "group"):
        getattr(root, name)
    assert app.collect() == {"root": ["group", "items", "pair", "table"]}
    assert app.collect() == {}


@pytest.mark.parametrize(
    ("name", "alias"),
    [
        ("items", lambda root: root.items),
        ("items", lambda root: root.items[1]),
        ("items", lambda root: root.items[2]["k"]),
        ("items", lambda root: root.items.append),
        ("items", lambda root: iter(root.items)),
        ("table", lambda root: root.table),
        ("table", lambda root: root.table["a"]),
        ("table", lambda root: root.table["b"]["c"]),
        ("table", lambda root: root.table.values()),
        ("pair", lambda root: root.pair[1]),
        ("pair", lambda root: root.pair),
    ],
)
def test_a_container_is_looked_at_for_as_long_as_someone_holds_it_or_a_part_of_it(name, alias):
    root = Root()
    app = started(root)
    kept = [alias(root)]
    for _ in range(3):
        assert app.collect() == {"root": [name]}
    kept.clear()
    assert app.collect() == {"root": [name]}
    assert app.collect() == {}


def test_a_list_that_was_assigned_and_is_kept_is_looked_at_without_being_read():
    root = Root()
    app = started(root)
    mine = [1]
    root.items = mine
    app.collect()
    mine.append(2)
    assert app.collect() == {"root": ["items"]}
    assert root.state["vars"]["items"] == [1, 2]


def test_a_list_that_init_kept_privately_is_looked_at_from_the_start():
    class Keeper(lightgrid.Flow):
        def __init__(self):
            super().__init__()
            self._mine = []
            self.items = self._mine

    keeper = Keeper()
    app = FakeApp(keeper)
    keeper._mine.append(1)
    assert app.collect() == {"root": ["items"]}
    assert app.collect() == {"root": ["items"]}


def test_one_list_under_two_names_is_looked_at_under_both():
    root = Root()
    app = started(root)
    root.group = root.items
    app.collect()
    root.items.append(5)
    assert app.collect() == {"root": ["group", "items"]}


def test_a_tuple_of_scalars_is_let_go_whoever_else_has_it():
    root = Root()
    app = started(root)
    kept = [root.constant]
    assert app.collect() == {"root": ["constant"]}
    assert app.collect() == {}
    assert kept == [(1, "two")]


def test_a_variable_moves_between_scalar_and_container():
    root = Root()
    app = started(root)
    for value in ([1], 2, {"a": 1}, None, (1,), "x", [2]):
        root.x = value
        assert root.x == value
        assert root.state["vars"]["x"] == value
        assert app.collect() == {"root": ["x"]}
        app.collect()


def test_a_missing_attribute_and_a_failing_property_say_what_they_would_say_otherwise():
    class Odd(lightgrid.Flow):
        @property
        def broken(self):
            return self._missing_inside

    odd = Odd()
    started(odd)
    with pytest.raises(AttributeError, match="'Odd' object has no attribute 'nothing'"):
        _ = odd.nothing
    with pytest.raises(AttributeError, match="_missing_inside"):
        _ = odd.broken
    assert not hasattr(odd, "other")


def test_a_component_in_a_plain_list_is_refused_when_collected_with_what_to_do():
    root = Root()
    app = started(root)
    mirror = copy.deepcopy(root.state["vars"])
    root.group.append(W())
    node = node_of(root)
    (names,) = app.collect().values()
    with pytest.raises(UnsupportedValueError) as found:
        diff_variables(mirror, node.variables(), names)
    explained = node.explain(found.value)
    assert str(explained).endswith(
        "group.0: a W is a component, which a plain list or dict cannot hold: "
        "set self.group = L.structures.List() in __init__, or L.structures.Dict()"
    )


def test_an_int_that_outgrows_64_bits_is_refused_when_collected():
    root = Root()
    app = started(root)
    mirror = copy.deepcopy(root.state["vars"])
    root.x = 1
    root.x = 2**63
    (names,) = app.collect().values()
    with pytest.raises(UnsupportedValueError, match=r"x: .* outside the range of 64-bit integers"):
        diff_variables(mirror, node_of(root).variables(), names)


class TestReceiving:
    def received(self, *ops):
        work = W()
        app = started(work)
        node_of(work).receive(list(ops))
        assert app.collect() == {}  # what a work sent is no change of the flow's
        return work

    def test_scalars_and_containers_are_taken_in(self):
        work = self.received(
            Set(("count",), 3), Splice(("losses",), 0, 0, [1, {"a": 2}]), Set(("losses", "0"), 7)
        )
        assert (work.count, work.losses) == (3, [7, {"a": 2}])

    def test_a_variable_changes_its_kind(self):
        work = self.received(Set(("count",), [1]), Set(("losses",), 2))
        assert (work.count, work.losses) == ([1], 2)
        assert work.state["vars"] == {"count": [1], "losses": 2}
        work.count = 4
        assert work.state["vars"] == {"count": 4, "losses": 2}

    def test_a_container_that_comes_after_an_assignment_does_not_hide_the_next_one(self):
        work = W()
        started(work)
        work.count = 1
        node_of(work).receive([Set(("count",), [1])])
        work.count = 2
        assert work.count == 2
        assert work.state["vars"]["count"] == 2

    def test_what_was_received_is_no_part_of_the_op(self):
        value = [1, [2]]
        work = self.received(Set(("losses",), value))
        work.losses[1].append(3)
        assert value == [1, [2]]

    def test_a_key_can_be_removed(self):
        work = self.received(Set(("losses",), {"a": 1, "b": 2}), Remove(("losses", "a")))
        assert work.losses == {"b": 2}


def test_no_assignment_is_missed_by_a_collector_in_another_thread():
    work = W()
    node = node_of(work)
    node.take_changed_names()
    seen, done = [], threading.Event()

    def collect():
        while not done.is_set() or node.dirty:
            seen.extend(map(node.read, node.take_changed_names()))

    collector = threading.Thread(target=collect)
    collector.start()
    for value in range(1, 50_001):
        work.count = value
    done.set()
    collector.join()
    assert seen[-1] == 50_000
    assert seen == sorted(seen)


def test_a_component_that_begins_anew_has_nothing_to_look_at_but_what_is_kept_elsewhere():
    root = Root()
    started(root)
    node = node_of(root)
    mine = [1]
    root.x = 1
    root.items = mine
    root.table = {"a": [2]}
    node.forget_changes()
    assert node.take_changed_names() == ["items"]
    root.x = 2
    assert node.take_changed_names() == ["items", "x"]


def test_all_state_is_read_in_the_order_in_which_it_was_set_wherever_it_is_kept():
    root = Root()
    before = root.state["vars"]
    started(root)
    assert list(root.state["vars"].items()) == list(before.items())
