"""Ops, and that applying them is all or nothing."""

import copy

import pytest

from lightgrid.errors import MisfitError, StateError, UnsupportedValueError
from lightgrid.state.delta import (
    Remove,
    Set,
    Splice,
    apply,
    apply_fitting,
    apply_parts,
    below,
    lookup,
    parse_index,
    variable_of,
)
from lightgrid.state.values import same


def root():
    return {"counter": 1, "l": [1, 2, 3], "d": {"a": {"b": [0]}}, "t": ([1], {"k": 2}), "s": "x"}


@pytest.mark.parametrize(
    ("op", "path", "value"),
    [
        (Set(("counter",), 2), ("counter",), 2),
        (Set(("new",), [1]), ("new",), [1]),
        (Set(("d", "a", "c"), None), ("d", "a"), {"b": [0], "c": None}),
        (Set(("d", ""), 1), ("d", ""), 1),
        (Set(("l", "2"), "z"), ("l",), [1, 2, "z"]),
        (Set(("t", "1", "k"), 3), ("t",), ([1], {"k": 3})),
        (Remove(("d", "a")), ("d",), {}),
        (Splice(("l",), 3, 0, [4]), ("l",), [1, 2, 3, 4]),
        (Splice(("l",), 0, 1, []), ("l",), [2, 3]),
        (Splice(("l",), 1, 1, [7, 8]), ("l",), [1, 7, 8, 3]),
        (Splice(("l",), 0, 3, []), ("l",), []),
        (Splice(("t", "0"), 1, 0, (2,)), ("t",), ([1, 2], {"k": 2})),
    ],
)
def test_an_op_changes_its_place(op, path, value):
    state = root()
    apply(state, [op])
    assert same(lookup(state, path), value)


def test_ops_apply_in_order():
    state = root()
    apply(state, [Set(("x",), []), Splice(("x",), 0, 0, [1]), Set(("x", "0"), 2), Remove(("s",))])
    assert state["x"] == [2]
    assert "s" not in state


def test_setting_the_root_replaces_its_content_and_keeps_the_object():
    state = alias = root()
    apply(state, [Set((), {"only": 1}), Set(("two",), 2)])
    assert alias == {"only": 1, "two": 2}


MISFITS = [
    (Set(("l", "3"), 0), "3 items"),
    (Set(("l", "03"), 0), "no list index"),
    (Set(("l", "-1"), 0), "no list index"),
    (Set(("l", "+1"), 0), "no list index"),
    (Set(("l", "1_0"), 0), "no list index"),
    (Set(("l", " 1"), 0), "no list index"),
    (Set(("l", "٣"), 0), "no list index"),
    (Set(("l", "²"), 0), "no list index"),
    (Set(("l", ""), 0), "no list index"),
    (Set(("l", "9" * 5000), 0), "3 items"),
    (Set(("no", "x"), 0), "no such key"),
    (Set(("s", "x"), 0), "inside a str"),
    (Set(("t", "0"), 0), "inside a tuple"),
    (Set(("s", "x", "y"), 0), "a str has nothing inside"),
    (Set((), 5), "only be set to a map"),
    (Set((), [1]), "only be set to a map"),
    (Remove(()), "only be set to a map"),
    (Remove(("no",)), "no such key"),
    (Remove(("l", "0")), "removed by a splice"),
    (Splice((), 0, 0, []), "needs a list"),
    (Splice(("t",), 0, 1, []), "needs a list"),
    (Splice(("l",), 4, 0, [1]), "3 items"),
    (Splice(("l",), 2, 2, []), "3 items"),
    (Splice(("l",), -1, 1, []), "3 items"),
    (Splice(("l",), 2, -1, []), "3 items"),
]


@pytest.mark.parametrize(("misfit", "cause"), MISFITS)
def test_a_misfit_leaves_everything_as_it_was(misfit, cause):
    state = root()
    inner = state["d"]
    before = copy.deepcopy(state)
    fitting = [
        Set(("counter",), 5),
        Set(("new",), {"a": []}),
        Set(("new", "a"), 1),
        Splice(("l",), 1, 1, [8, 9]),
        Set(("l", "0"), []),
        Splice(("l", "0"), 0, 0, [1]),
        Splice(("l",), 0, 4, [0, 1, 2]),
        Remove(("d", "a")),
        Splice(("t", "0"), 0, 1, []),
        Set(("t", "1", "k"), None),
    ]
    with pytest.raises(MisfitError, match=cause) as caught:
        apply(state, [*fitting, misfit])
    assert misfit.path[: len(caught.value.path)] == caught.value.path
    assert same(state, before)
    assert state["d"] is inner


def test_a_misfit_after_the_root_was_replaced_brings_the_old_content_back():
    state, before = root(), root()
    ops = [Set(("d", "a"), 1), Set((), {"l": []}), Splice(("l",), 0, 0, [1]), Remove(("no",))]
    with pytest.raises(MisfitError):
        apply(state, ops)
    assert same(state, before)


def test_parts_below_several_places_are_applied_together_or_not_at_all():
    state, before = root(), root()
    apply_parts(state, [(("d",), [Set(("x",), 1)]), (("d", "a"), [Remove(("b",))])])
    assert state["d"] == {"a": {}, "x": 1}
    state = root()
    with pytest.raises(MisfitError):
        apply_parts(state, [(("d",), [Set(("x",), 1)]), ((), [Remove(("no",))])])
    assert same(state, before)
    with pytest.raises(MisfitError, match="no node"):
        apply_parts(state, [((), [Set(("x",), 1)]), (("l",), [])])
    assert same(state, before)


def test_no_two_trees_share_a_container():
    op = Set(("x",), {"l": [1]})
    splice = Splice(("l",), 0, 0, [[1]])
    one, other = root(), root()
    for state in (one, other):
        apply(state, [op, splice])
    one["x"]["l"].append(2)
    one["l"][0].append(2)
    assert other["x"] == {"l": [1]}
    assert other["l"][0] == [1]
    assert op.value == {"l": [1]}
    assert splice.insert == [[1]]


@pytest.mark.parametrize("items", [[1, 2.0, "x", None], (1, [2]), [], ()], ids=repr)
def test_a_splice_takes_items_from_any_sequence_and_leaves_it_as_it_was(items):
    state, before = root(), copy.deepcopy(items)
    apply(state, [Splice(("l",), 1, 0, items)])
    assert same(state["l"], [1, *before, 2, 3])
    state["l"].clear()
    assert same(items, before)


def test_an_item_that_cannot_be_inserted_is_named_by_its_index():
    state = root()
    with pytest.raises(UnsupportedValueError) as caught:
        apply(state, [Splice(("l",), 2, 0, [0, {"k": {1}}])])
    assert caught.value.path == ("l", "3", "k")
    assert same(state, root())


def test_ops_cannot_nest_without_end():
    state = {"x": []}
    with pytest.raises(UnsupportedValueError, match="deep"):
        apply(state, [Splice(("x", *["0"] * depth), 0, 0, [[]]) for depth in range(500)])
    assert state == {"x": []}
    with pytest.raises(UnsupportedValueError, match="deep"):
        apply(state, [Set(("x",), {}), *(Set(("x", *"k" * depth), {}) for depth in range(1, 500))])
    assert state == {"x": []}


def test_a_node_whose_variables_nest_as_deep_as_they_may_can_be_put_into_the_tree():
    deepest = 0
    for _ in range(24):
        deepest = [deepest]
    node = {"vars": {"x": deepest}, "works": {}}
    tree = {"flows": {"f": {"flows": {}, "works": {}}}}
    apply(tree, [Set(("flows", "f", "works", "w"), node)])
    assert lookup(tree, ("flows", "f", "works", "w", "vars", "x")) == deepest


def test_only_fitting_ops_are_applied_and_returned():
    state = root()
    fitting = [Set(("counter",), 2), Splice(("l",), 3, 0, [4])]
    ops = [fitting[0], Remove(("no",)), fitting[1], Set(("s", "x"), 0), Set(("s",), [object()])]
    assert apply_fitting(state, ops) == fitting
    assert same(state, {**root(), "counter": 2, "l": [1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("path", "cause"),
    [(("no",), "no such key"), (("l", "7"), "no item 7"), (("s", "0"), "a str has nothing")],
)
def test_looking_up_what_is_not_there_says_why(path, cause):
    with pytest.raises(MisfitError, match=cause) as caught:
        lookup(root(), path)
    assert caught.value.path == path
    assert isinstance(caught.value, StateError)


def test_an_index_is_read_in_one_spelling_only():
    assert parse_index("0", 1, ()) == 0
    assert parse_index("10", 11, ()) == 10
    with pytest.raises(MisfitError, match="no list index"):
        parse_index("00", 1, ())


def test_ops_are_moved_below_a_prefix():
    ops = [Set(("x",), 1), Remove(("y",)), Splice(("z", "0"), 1, 2, [3])]
    assert below(ops, ("works", "w")) == [
        Set(("works", "w", "x"), 1),
        Remove(("works", "w", "y")),
        Splice(("works", "w", "z", "0"), 1, 2, [3]),
    ]
    assert [variable_of(op) for op in ops] == ["x", "y", "z"]
    assert variable_of(Set((), {})) == ""
