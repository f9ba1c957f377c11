"""The ops that a change is told by."""

import numpy as np
import pytest

from lightgrid.errors import UnsupportedValueError
from lightgrid.state.delta import Remove, Set, Splice, apply
from lightgrid.state.diff import diff, diff_variables
from lightgrid.state.values import copy_value, same

NAN = float("nan")


def told(old, new):
    """Return the ops from old to new, having seen that they lead there."""
    ops = diff({"x": old}, {"x": new})
    state = {"x": copy_value(old)}
    apply(state, ops)
    assert same(state["x"], new)
    return ops


@pytest.mark.parametrize(
    "value",
    [1, NAN, -0.0, "a", b"a", None, [], [1, [NAN]], {"a": (1, {"b": []})}, (), (NAN,)],
)
def test_a_value_that_did_not_change_is_not_told(value):
    assert told(value, copy_value(value)) == []
    assert told(value, value) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [(1, 1.0), (0, False), (0.0, -0.0), (1, "1"), (None, []), ([1], (1,)), (1.0, NAN), ("", b"")],
)
def test_a_change_of_type_alone_is_told(old, new):
    for ops in (told(old, new), diff({"x": new}, {"x": new, "y": new})):
        assert len(ops) == 1
    [op] = told([old], [new])
    assert op.path == ("x", "0")
    assert same(op.value, new)


def test_an_append_is_told_as_one_item_inserted():
    assert told([1, 2, 3], [1, 2, 3, 4]) == [Splice(("x",), 3, 0, [4])]


def test_an_append_to_a_huge_list_is_told_as_one_item_inserted():
    assert told([*range(5000)], [*range(5001)]) == [Splice(("x",), 5000, 0, [5000])]


def test_a_sliding_window_is_told_as_what_left_and_what_came():
    assert told([1, 2, 3], [2, 3, 4]) == [Set(("x", str(i)), i + 2) for i in range(3)]
    assert told([*range(100)], [*range(1, 101)]) == [Splice(("x",), 0, 100, [*range(1, 101)])]


@pytest.mark.parametrize(
    ("old", "new", "op"),
    [
        ([1, 2, 3], [0, 1, 2, 3], Splice(("x",), 0, 0, [0])),
        ([1, 2, 3], [2, 3], Splice(("x",), 0, 1, [])),
        ([1, 2, 3], [1, 2], Splice(("x",), 2, 1, [])),
        ([1, 2, 3], [], Splice(("x",), 0, 3, [])),
        ([], [1, 2], Splice(("x",), 0, 0, [1, 2])),
        ([1, 1, 1], [1, 1], Splice(("x",), 2, 1, [])),
        ([1, 2], [1, 1, 2], Splice(("x",), 1, 0, [1])),
        ([1, True], [1, 1.0, True], Splice(("x",), 1, 0, [1.0])),
        ([{"a": 1}], [{"b": 2}, {"a": 1}], Splice(("x",), 0, 0, [{"b": 2}])),
        ([1, 2, 3, 4], [1, 9, 8, 7, 4], Splice(("x",), 1, 2, [9, 8, 7])),
    ],
)
def test_a_list_that_grew_or_shrank_is_told_as_one_splice(old, new, op):
    assert told(old, new) == [op]


def test_an_item_changed_in_place_is_told_alone():
    assert told([1, [2, {"a": 3}], 4], [1, [2, {"a": 5}], 4]) == [Set(("x", "1", "1", "a"), 5)]


def test_a_few_items_changed_are_told_one_by_one_and_many_at_once():
    old = [*range(4000)]
    new = old.copy()
    new[5] = new[3000] = -1
    assert told(old, new) == [Set(("x", "5"), -1), Set(("x", "3000"), -1)]
    new[100:2000] = [-2] * 1900
    [splice] = told(old, new)
    assert (splice.start, splice.delete_count, len(splice.insert)) == (5, 2996, 2996)


def test_one_row_changed_of_very_many_is_told_alone_and_most_of_them_as_one_value():
    old = [[n, "x"] for n in range(2000)]
    new = copy_value(old)
    new[7][0] = -1
    assert told(old, new) == [Set(("x", "7", "0"), -1)]
    new = [[-n, "y"] for n in range(2000)]
    assert told(old, new) == [Set(("x",), new)]


def test_a_long_list_made_anew_of_the_same_values_is_not_told_but_for_what_became_another():
    old = [n / 7 for n in range(5000)]
    new = [n / 7 for n in range(5000)]
    assert told(old, new) == []
    assert told([*old, 1], [*new, True]) == [Set(("x", "5000"), True)]
    old[3000] = 0.0
    new[3000] = -0.0
    [op] = told(old, new)
    assert (op.path, str(op.value)) == (("x", "3000"), "-0.0")


def test_one_item_of_a_long_tuple_replaces_it_and_an_item_inside_it_is_told_alone():
    old = (*range(1000, 4000), [1])
    assert told(old, tuple(list(old))) == []
    assert told(old, (*old[:-1], [2])) == [Set(("x", "3000", "0"), 2)]
    assert told(old, (-1, *old[1:])) == [Set(("x",), (-1, *old[1:]))]


def test_a_key_that_came_or_went_is_told_alone():
    ops = told({"a": 1, "b": 2, "d": 4}, {"a": 1, "c": 3, "d": 5})
    assert ops == [Remove(("x", "b")), Set(("x", "c"), 3), Set(("x", "d"), 5)]


def test_a_changed_order_of_keys_is_no_change():
    assert told({"a": 1, "b": 2}, {"b": 2, "a": 1}) == []
    assert told({"a": 1, "b": 2}, {"b": 3, "a": 1}) == [Set(("x", "b"), 3)]
    assert told({"a": 1, "b": 2}, {"b": 1, "a": 2}) == [Set(("x", "b"), 1), Set(("x", "a"), 2)]


def test_equal_keys_are_the_same_keys_whichever_objects_they_are():
    old, new = ({"".join(("key ", name)): name for name in "abc"} for _ in range(2))
    assert next(iter(old)) is not next(iter(new))
    assert told(old, new) == []
    new["key b"] = 1
    assert told(old, new) == [Set(("x", "key b"), 1)]


def test_a_key_in_another_ones_place_is_told_although_it_has_the_same_value():
    assert told({"a": None, "b": 1}, {"b": 1, "c": None}) == [
        Remove(("x", "a")),
        Set(("x", "c"), None),
    ]
    assert told({"a": None}, {"b": None}) == [Remove(("x", "a")), Set(("x", "b"), None)]
    assert told({"a": None}, {"a": None, "b": None}) == [Set(("x", "b"), None)]


def test_a_tuple_is_replaced_whole_but_what_is_inside_its_containers_is_told_alone():
    assert told((1, [2]), (1, [2, 3])) == [Splice(("x", "1"), 1, 0, [3])]
    assert told((1, {"a": 2}), (1, {"a": 3})) == [Set(("x", "1", "a"), 3)]
    assert told((1, [2]), (0, [2, 3])) == [Set(("x",), (0, [2, 3]))]
    assert told(((1,), 2), ((3,), 2)) == [Set(("x",), ((3,), 2))]
    assert told((1,), (1, 2)) == [Set(("x",), (1, 2))]


def test_what_was_told_does_not_change_with_the_live_value():
    live = {"x": {"l": [[1]]}, "y": [[1], [2]]}
    ops = diff({"y": []}, live)
    live["x"]["l"][0].append(2)
    live["y"][0].append(2)
    assert ops == [Set(("x",), {"l": [[1]]}), Splice(("y",), 0, 0, [[1], [2]])]


def test_a_path_given_is_where_the_ops_start():
    assert diff([1], [2], ("a", "b")) == [Set(("a", "b", "0"), 2)]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ({}, {"x": {1}}, ("x",)),
        ({"x": [1]}, {"x": [1, {1}]}, ("x", "1")),
        ({"x": {"a": 1}}, {"x": {"a": 1, 2: 3}}, ("x",)),
        ({"x": {"a": 1}}, {"x": {"a": 1, "\ud800": 3}}, ("x", "\ud800")),
        ({"x": [{"a": 1}]}, {"x": [{"a": 2**63}]}, ("x", "0", "a")),
    ],
)
def test_a_change_into_something_that_cannot_be_state_names_its_place(old, new, path):
    with pytest.raises(UnsupportedValueError) as caught:
        diff(old, new)
    assert caught.value.path == path


def test_only_the_named_variables_are_compared():
    old = {"a": 1, "b": [1], "gone": 1}
    new = {"a": 2, "b": [1, 2], "new": {"k": []}, "other": 1}
    assert diff_variables(old, new, ["b", "gone", "new", "nowhere"]) == [
        Splice(("b",), 1, 0, [2]),
        Remove(("gone",)),
        Set(("new",), {"k": []}),
    ]


class Touchy:
    """What cannot even be asked whether it equals something, as an array of several items."""

    def __eq__(self, other):
        raise ValueError("the truth value is ambiguous")

    __hash__ = None


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("how_many", [1, 3000])
def test_items_that_cannot_be_compared_are_refused_by_their_place(strict, how_many):
    old = {"x": [*range(5000)]}
    new = {"x": [*range(5000 - how_many), *(Touchy() for _ in range(how_many))]}
    with pytest.raises(UnsupportedValueError) as caught:
        diff_variables(old, new, ["x"], strict=strict)
    assert caught.value.path == ("x", str(5000 - how_many))


def glance(old, new):
    """Return what a look that is not strict tells, having seen that it leads to equal state."""
    ops = diff_variables({"x": old}, {"x": new}, ["x"], strict=False)
    state = {"x": copy_value(old)}
    apply(state, ops)
    assert state["x"] == new
    return ops


@pytest.mark.parametrize(
    "change",
    [
        lambda items: items.append(1),
        lambda items: items.insert(0, 1),
        lambda items: items.pop(1234),
        lambda items: items.clear(),
        lambda items: items.__setitem__(4567, "new"),
        lambda items: items.__setitem__(slice(1, None, 9), [None] * 556),
        lambda items: items.__setitem__(slice(None), reversed(items)),
        lambda items: items[4999].append(1),
        lambda items: items[4998].update(a=2),
        lambda items: items[4997][1].append(2),
    ],
)
def test_a_glance_tells_the_same_as_a_strict_look(change):
    old = [*map(float, range(4997)), (1, [2]), {"a": 1}, [[1]]]
    new = copy_value(old)
    assert glance(old, new) == []
    change(new)
    assert glance(old, new) == told(old, new) != []


@pytest.mark.parametrize(("before", "after"), [(1, True), (1, 1.0), (0.0, -0.0), ((1,), (True,))])
def test_what_became_an_equal_item_is_passed_over_by_a_glance_and_found_by_a_strict_look(
    before, after
):
    old, new = [*range(5000), before], [*range(5000), after]
    assert glance(old, new) == []
    assert len(told(old, new)) == 1


def test_a_glance_is_as_strict_as_any_look_about_what_is_not_in_a_list():
    old, new = {"x": {"a": 1, "b": 0.0}, "y": 1}, {"x": {"a": True, "b": -0.0}, "y": 1.0}
    assert len(diff_variables(old, new, ["x", "y"], strict=False)) == 3


def test_a_glance_does_not_believe_a_list_that_says_that_it_equals_anything():
    class Agreeable(list):
        def __eq__(self, other):
            return True

        __hash__ = None

    assert glance([1, 2], Agreeable([1, 3])) == [Set(("x", "1"), 3)]


@pytest.mark.parametrize("width", [63, 64])
@pytest.mark.parametrize("column", [0, 1])
def test_a_column_of_a_matrix_kept_row_by_row_is_told_item_by_item(width, column):
    old = [float(index) for index in range(64 * width)]
    new = list(old)
    for row in range(64):
        new[row * width + column] += 0.5
    assert len(diff(old, new, ("x",))) == 64


def test_numbers_of_numpy_are_told_as_pythons_and_told_once():
    old = [0.5, 1, True]
    new = [np.float32(0.5), np.int64(1), np.bool_(True)]
    for strict in (True, False):
        assert diff_variables({"x": old}, {"x": new}, ["x"], strict=strict) == []
        (op,) = diff_variables({"x": old}, {"x": [*new, np.float32(1.5)]}, ["x"], strict=strict)
        assert op == Splice(("x",), 3, 0, [1.5])
    (op,) = diff(old, [np.int8(1), *new[1:]])
    assert same(op.value, 1)
    assert diff(0.5, np.float32(0.5)) == []
    assert diff({"a": 0.5}, {"a": np.float32(0.5)}) == []
