"""The state tree: revisions, and what watchers can ask it."""

import pytest

from lightgrid.errors import MisfitError
from lightgrid.state import tree as tree_module
from lightgrid.state.delta import Assignments, Remove, Set, Splice
from lightgrid.state.tree import StateTree


def make_tree():
    return StateTree("t1", {"vars": {"x": 0, "l": [1, 2]}, "works": {"w": {"vars": {"c": 0}}}})


W = ("works", "w", "vars")


def test_every_commit_is_one_revision():
    tree = make_tree()
    parts = [(W, [Set(("c",), 1)]), (("vars",), [Set(("x",), 2)])]
    change = tree.commit("w", parts, 12.5)
    assert (tree.revision, change.revision, change.time_s, change.origin) == (1, 1, 12.5, "w")
    assert change.parts is parts
    assert tree.root == {"vars": {"x": 2, "l": [1, 2]}, "works": {"w": {"vars": {"c": 1}}}}


@pytest.mark.parametrize(
    "misfit",
    [(("vars",), [Remove(("no",))]), (("nowhere",), []), (("vars", "l"), []), ((), [Set((), 1)])],
)
def test_a_commit_that_does_not_fit_leaves_no_trace(misfit):
    tree = make_tree()
    with pytest.raises(MisfitError):
        tree.commit("w", [(W, [Set(("c",), 1)]), misfit], 0.0)
    assert tree.root == make_tree().root
    assert tree.revision == 0
    assert tree.changes_since(0) == []


def test_a_watcher_goes_on_from_where_it_was():
    tree = make_tree()
    changes = [tree.commit("w", [(W, [Set(("c",), n)])], 0.0) for n in range(1, 6)]
    assert tree.changes_since(5) == []
    assert tree.changes_since(3) == changes[3:]
    assert tree.changes_since(0) == changes
    assert tree.changes_since(6) is None
    assert tree.changes_since(-1) is None


def test_old_changes_are_forgotten_and_the_watcher_is_told_so(monkeypatch):
    monkeypatch.setattr(tree_module, "_MAX_KEPT_CHANGES", 3)
    tree = make_tree()
    changes = [tree.commit("w", [(W, [Set(("c",), n)])], 0.0) for n in range(5)]
    assert tree.changes_since(2) == changes[2:]
    assert tree.changes_since(1) is None


def test_large_changes_are_forgotten_sooner(monkeypatch):
    monkeypatch.setattr(tree_module, "_MAX_KEPT_OPS", 10)
    tree = make_tree()
    tree.commit("w", [(W, [Set(("c",), n) for n in range(6)])], 0.0)
    second = tree.commit("w", [(W, [Set(("c",), n) for n in range(6)])], 0.0)
    assert tree.changes_since(1) == [second]
    assert tree.changes_since(0) is None
    huge = tree.commit("w", [(W, [Set(("c",), n) for n in range(11)])], 0.0)
    assert tree.changes_since(2) == [huge]  # the newest is kept, whatever its size
    fourth = tree.commit("w", [(W, [Set(("c",), 0)])], 0.0)
    assert tree.changes_since(3) == [fourth]
    assert tree.changes_since(2) is None


@pytest.mark.parametrize(
    "op",
    [
        Set(("c",), "x" * 400),
        Set(("c",), b"x" * 400),
        Set(("c",), ["x" * 100, ["y" * 300]]),
        Set(("c",), {"k": "x" * 300}),
        Set(("c",), [0.5] * 10),
        Splice(("l",), 0, 0, ["x" * 400]),
    ],
)
def test_changes_that_bring_much_are_forgotten_sooner_whatever_it_is_in(monkeypatch, op):
    monkeypatch.setattr(tree_module, "_MAX_KEPT_BYTES", 1300)
    tree = StateTree("t1", {"c": 0, "l": []})
    for _ in range(10):
        tree.commit("w", [((), [op])], 0.0)
    assert tree.changes_since(8) is not None
    assert tree.changes_since(5) is None


def test_small_texts_that_are_assigned_count_by_their_length(monkeypatch):
    monkeypatch.setattr(tree_module, "_MAX_KEPT_BYTES", 1000)
    tree = StateTree("t1", {"c": ""})
    for _ in range(10):
        tree.commit("w", [((), Assignments({"c": "x" * 400}))], 0.0)
    assert len(tree.changes_since(8)) == 2
    assert tree.changes_since(7) is None


def test_a_change_that_alone_is_too_large_is_kept_as_long_as_it_is_the_newest(monkeypatch):
    monkeypatch.setattr(tree_module, "_MAX_KEPT_BYTES", 100)
    tree = make_tree()
    huge = tree.commit("w", [(W, [Set(("c",), "x" * 1000)])], 0.0)
    assert tree.changes_since(0) == [huge]
    small = tree.commit("w", [(W, [Set(("c",), 1)])], 0.0)
    assert tree.changes_since(1) == [small]
    assert tree.changes_since(0) is None
    more = [tree.commit("w", [(W, [Set(("c",), number)])], 0.0) for number in range(5)]
    assert tree.changes_since(1) == [small, *more]


def test_a_place_changed_when_something_at_above_or_below_it_did():
    tree = make_tree()
    tree.commit("w", [(("vars",), [Splice(("l",), 0, 0, [0])])], 0.0)
    assert tree.changed_since(("vars", "l"), 0)
    assert tree.changed_since(("vars", "l", "1"), 0)
    assert tree.changed_since(("vars",), 0)
    assert tree.changed_since((), 0)
    assert not tree.changed_since(("vars", "x"), 0)
    assert not tree.changed_since(W, 0)
    assert not tree.changed_since(("vars", "l"), 1)


def test_a_place_may_have_changed_when_the_changes_are_forgotten(monkeypatch):
    monkeypatch.setattr(tree_module, "_MAX_KEPT_CHANGES", 1)
    tree = make_tree()
    tree.commit("w", [(W, [Set(("c",), 1)])], 0.0)
    tree.commit("w", [(W, [Set(("c",), 2)])], 0.0)
    assert tree.changed_since(("vars", "x"), 0)
    assert not tree.changed_since(("vars", "x"), 1)


def test_a_tree_begins_empty_unless_it_is_given_content():
    assert StateTree("t2").root == {}
