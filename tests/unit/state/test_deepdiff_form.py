"""Deltas as DeepDiff says them, in both directions."""

import copy
import pickle
from collections import OrderedDict

import deepdiff
import pytest

from lightgrid.errors import MisfitError, PathSyntaxError, StateError, UnsupportedValueError
from lightgrid.state.deepdiff_form import Delta, from_deepdiff, to_deepdiff
from lightgrid.state.delta import Remove, Set, Splice, apply
from lightgrid.state.diff import diff
from lightgrid.state.values import copy_value, same

NAN = float("nan")
NoneType = type(None)


def told(old, new):
    """Tell of a variable named x that changes, from the component's node."""
    ops = diff({"x": old}, {"x": new})
    return to_deepdiff({"x": old}, ops, ("vars",))


def test_the_seeds_counter_is_told_exactly_so():
    delta = Delta(("works", "w", "vars"), (Set(("counter",), 425),))
    assert delta.to_deepdiff({"counter": 424}) == {
        "values_changed": {"root['works']['w']['vars']['counter']": {"new_value": 425}}
    }


X = "root['vars']['x']"


def type_change(old, new, value, at=X):
    return {"type_changes": {at: {"old_type": old, "new_type": new, "new_value": value}}}


@pytest.mark.parametrize(
    ("old", "new", "delta"),
    [
        (0, 5, {"values_changed": {X: {"new_value": 5}}}),
        (False, True, {"values_changed": {X: {"new_value": True}}}),
        (0, 0.0, type_change(int, float, 0.0)),
        (0, False, type_change(int, bool, False)),
        (5, "5", type_change(int, str, "5")),
        ("s", None, type_change(str, NoneType, None)),
        (None, "hi", type_change(NoneType, str, "hi")),
        (None, {"k": 1}, type_change(NoneType, dict, {"k": 1})),
        (None, [1, 2], type_change(NoneType, list, [1, 2])),
        ((1, 2), [1, 2], type_change(tuple, list, [1, 2])),
        ([1, 2, 3], [1, 2, 3, 4], {"iterable_item_added": {f"{X}[3]": 4}}),
        ([1, 2, 3], [0, 1, 2, 3], {"iterable_item_added": {f"{X}[0]": 0}}),
        ([1, 2, 3], [2, 3], {"iterable_item_removed": {f"{X}[0]": 1}}),
        ([1, 2, 3], [1, 2], {"iterable_item_removed": {f"{X}[2]": 3}}),
        ([1, 2, 3], [], {"iterable_item_removed": {f"{X}[{i}]": i + 1 for i in range(3)}}),
        (
            [1, 2, 3],
            [3, 2, 1],
            {"values_changed": {f"{X}[0]": {"new_value": 3}, f"{X}[2]": {"new_value": 1}}},
        ),
        ([1, 2, 3], [1, 9, 3], {"values_changed": {f"{X}[1]": {"new_value": 9}}}),
        ([1, 2, 3], [1, "2", 3], type_change(int, str, "2", f"{X}[1]")),
        ({"a": 1}, {"a": 1, "z": 7}, {"dictionary_item_added": {f"{X}['z']": 7}}),
        (
            {"a": 1, "b": {"c": [1, 2]}},
            {"a": 1},
            {"dictionary_item_removed": {f"{X}['b']": {"c": [1, 2]}}},
        ),
        (
            {"b": {"c": [1, 2]}},
            {"b": {"c": [9, 2]}},
            {"values_changed": {f"{X}['b']['c'][0]": {"new_value": 9}}},
        ),
        (
            {"b": {"c": [1, 2]}},
            {"b": {"c": [1, 2, 3]}},
            {"iterable_item_added": {f"{X}['b']['c'][2]": 3}},
        ),
        ({}, {"it's": 1}, {"dictionary_item_added": {f'{X}["it\'s"]': 1}}),
        (
            [{"n": i} for i in range(4)],
            [{"n": 9}, *({"n": i} for i in range(4))],
            {"iterable_item_added": {f"{X}[0]": {"n": 9}}},
        ),
        (1.0, 1.0 + 1e-12, {"values_changed": {X: {"new_value": 1.0 + 1e-12}}}),
    ],
)
def test_each_change_the_predecessor_told_of_is_told_in_its_form(old, new, delta):
    assert told(old, new) == delta
    rebuilt = {"x": copy_value(old)}
    apply(rebuilt, from_deepdiff(delta, rebuilt, ("vars",)))
    assert same(rebuilt, {"x": new})


def test_a_new_nan_is_told_and_an_old_one_is_not():
    [(at, detail)] = told(1.0, NAN)["values_changed"].items()
    assert at == X
    assert same(detail, {"new_value": NAN})
    assert told(NAN, float("nan")) == {}


def test_a_negative_zero_is_told_although_it_equals_zero():
    assert same(told(0.0, -0.0), {"values_changed": {X: {"new_value": -0.0}}})


def test_an_append_is_told_as_one_item_added():
    base = {"l": [1, 2]}
    assert to_deepdiff(base, [Splice(("l",), 2, 0, [3])]) == {
        "iterable_item_added": {"root['l'][2]": 3}
    }


def test_a_splice_of_as_many_items_is_told_as_changes_of_these():
    base = {"l": [1, 2, 3]}
    assert to_deepdiff(base, [Splice(("l",), 0, 3, [1, 5, "3"])]) == {
        "values_changed": {"root['l'][1]": {"new_value": 5}},
        "type_changes": {"root['l'][2]": {"old_type": int, "new_type": str, "new_value": "3"}},
    }


def test_a_splice_of_other_length_is_told_as_items_removed_and_added():
    base = {"l": [1, 2, 3]}
    assert to_deepdiff(base, [Splice(("l",), 1, 2, [7])]) == {
        "iterable_item_removed": {"root['l'][1]": 2, "root['l'][2]": 3},
        "iterable_item_added": {"root['l'][1]": 7},
    }


def test_several_ops_are_told_as_what_they_come_to():
    base = {"a": 1, "l": [{"k": 0}, {"k": 1}], "d": {"gone": 1}}
    ops = [
        Set(("a",), 2),
        Set(("a",), 3),
        Set(("new",), {"l": []}),
        Splice(("new", "l"), 0, 0, [1]),
        Set(("brief",), 1),
        Remove(("brief",)),
        Remove(("d", "gone")),
        Set(("d", "gone"), 1.0),
        Splice(("l",), 0, 0, [{"k": 9}, {"k": 8}]),
        Set(("l", "1", "k"), 7),
        Set(("l", "2", "k"), 5),
        Set(("l", "3", "z"), 6),
        Splice(("l",), 0, 1, []),
    ]
    delta = to_deepdiff(base, ops)
    assert delta == {
        "values_changed": {
            "root['a']": {"new_value": 3},
            "root['l'][0]['k']": {"new_value": 5},  # where the item was
        },
        "type_changes": {
            "root['d']['gone']": {"old_type": int, "new_type": float, "new_value": 1.0}
        },
        "iterable_item_added": {"root['l'][0]": {"k": 7}},
        "dictionary_item_added": {
            "root['new']": {"l": [1]},
            "root['l'][2]['z']": 6,  # where the item is
        },
    }
    after = copy.deepcopy(base)
    apply(after, ops)
    assert base + deepdiff.Delta(delta) == after


def test_items_inside_items_that_moved_are_removed_where_they_were_and_added_where_they_are():
    base = {"l": [["out"], [1, 2], [3]]}
    ops = [Splice(("l",), 0, 1, []), Splice(("l", "0"), 0, 1, []), Splice(("l", "1"), 0, 0, [9])]
    delta = to_deepdiff(base, ops)
    assert delta == {
        "iterable_item_removed": {"root['l'][0]": ["out"], "root['l'][1][0]": 1},
        "iterable_item_added": {"root['l'][1][0]": 9},
    }
    assert base + deepdiff.Delta(delta) == {"l": [[2], [9, 3]]}
    assert read(delta, base)[1] == {"l": [[2], [9, 3]]}


def test_a_list_that_was_replaced_and_then_changed_is_told_whole():
    ops = [Set(("l",), [7, 8]), Splice(("l",), 2, 0, [9]), Set(("l", "0"), 6)]
    assert to_deepdiff({"l": [1]}, ops) == {
        "values_changed": {"root['l']": {"new_value": [6, 8, 9]}}
    }


def test_what_ends_as_it_began_is_not_told():
    ops = [Set(("a",), 1), Set(("a",), 0), Splice(("l",), 0, 0, [1]), Splice(("l",), 0, 1, [])]
    assert to_deepdiff({"a": 0, "l": []}, ops) == {}


def test_a_replaced_root_is_told_as_its_new_value():
    assert to_deepdiff({"a": 1}, [Set((), {"b": 1}), Set(("b",), 2)], ("vars",)) == {
        "values_changed": {"root['vars']": {"new_value": {"b": 2}}}
    }


def test_telling_changes_neither_base_nor_ops_and_shares_nothing_with_them():
    base = {"d": {"l": [[1]]}, "gone": [[1]]}
    ops = [Set(("n",), {"l": [[2]]}), Set(("n", "l", "0"), [3]), Remove(("gone",))]
    before = copy.deepcopy((base, ops))
    delta = to_deepdiff(base, ops)
    delta["dictionary_item_added"]["root['n']"]["l"].append(1)
    delta["dictionary_item_removed"]["root['gone']"][0].append(1)
    assert (base, ops) == before


class Unreadable(dict):
    """A part of the state that must not be looked at."""

    def __iter__(self):
        raise AssertionError("all of the state was walked")

    keys = values = items = copy = __iter__


def test_the_cost_is_that_of_the_ops_and_not_of_the_state():
    base = Unreadable(x=1, l=[1, 2], huge=Unreadable(a=[1]))
    ops = [Set(("x",), 2), Splice(("l",), 2, 0, [3]), Set(("huge", "b"), 1)]
    delta = to_deepdiff(base, ops)
    assert set(delta) == {"values_changed", "iterable_item_added", "dictionary_item_added"}
    assert from_deepdiff(delta, base) == [ops[0], ops[1], ops[2]]


@pytest.mark.parametrize(
    "op",
    [
        Set(("l", "2"), 0),
        Set(("l", "x"), 0),
        Set(("no", "x"), 0),
        Set(("a", "x"), 0),
        Set(("t", "0"), 0),
        Remove(()),
        Remove(("no",)),
        Remove(("l", "0")),
        Splice(("a",), 0, 0, []),
        Splice(("d",), 0, 0, []),
        Splice(("t",), 0, 0, []),
        Splice(("l",), 3, 0, []),
        Splice(("l",), 0, 3, []),
        Splice(("l",), 0, -1, [0]),
    ],
)
def test_ops_that_do_not_fit_the_base_cannot_be_told(op):
    with pytest.raises(MisfitError):
        to_deepdiff({"a": 1, "l": [1, 2], "t": (1, 2), "d": {}}, [op])


def test_a_change_inside_a_tuple_is_told_where_it_is():
    base = {"t": (1, {"k": 2}, [3])}
    ops = [Set(("t", "1", "k"), 5), Splice(("t", "2"), 1, 0, [4])]
    assert to_deepdiff(base, ops) == {
        "values_changed": {"root['t'][1]['k']": {"new_value": 5}},
        "iterable_item_added": {"root['t'][2][1]": 4},
    }


# --- reading ------------------------------------------------------------------


def read(delta, base):
    state = copy_value(base)
    ops = from_deepdiff(delta, base)
    apply(state, ops)
    return ops, state


def test_a_delta_is_read_in_deepdiffs_order_whatever_its_own():
    delta = {
        "dictionary_item_added": {"root['l'][0]['z']": 1},
        "iterable_item_added": {"root['l'][10]": 10, "root['l'][2]": 22, "root['l'][1]": 11},
        "iterable_item_removed": {"root['l'][2]": 2, "root['l'][10]": 10, "root['l'][1]": 1},
        "values_changed": {"root['l'][3]": {"new_value": 33, "old_value": 3}},
    }
    base = {"l": [{}, *range(1, 11)]}
    ops, state = read(delta, base)
    assert ops == [
        Set(("l", "3"), 33),
        Splice(("l",), 10, 1, []),
        Splice(("l",), 1, 2, []),
        Splice(("l",), 1, 0, [11, 22]),
        Splice(("l",), 10, 0, [10]),
        Set(("l", "0", "z"), 1),
    ]
    assert state == base + deepdiff.Delta(delta)
    assert base == {"l": [{}, *range(1, 11)]}


def test_a_delta_object_made_here_is_read():
    a, b = {"l": [1, 2], "x": 1, "gone": 0}, {"l": [1, 2, 3], "x": "1", "new": [0]}
    found = deepdiff.DeepDiff(a, b)
    assert read(found, a)[1] == b
    assert read(deepdiff.Delta(found, always_include_values=True), a)[1] == b


def test_opcodes_of_a_delta_are_read_as_splices_from_the_end():
    a, b = {"l": [1, 2, 3, 4, 5, 6]}, {"l": [1, 3, 5]}
    found = deepdiff.DeepDiff(a, b)
    assert "_iterable_opcodes" in deepdiff.Delta(found).to_dict()
    ops, state = read(found, a)
    assert state == b
    assert ops == [Splice(("l",), start, 1, []) for start in (5, 3, 1)]
    with pytest.raises(MisfitError, match="a list of 6 items, not 3"):
        from_deepdiff(found, {"l": [10, 20, 30]})


def test_a_delta_that_came_as_bytes_or_text_is_refused():
    found = deepdiff.Delta(deepdiff.DeepDiff({"a": 1}, {"a": 2}))
    for serialised in (found.dumps(), bytearray(found.dumps()), "{}", pickle.dumps({})):
        with pytest.raises(TypeError, match="serialised"):
            from_deepdiff(serialised, {"a": 1})
    with pytest.raises(TypeError, match="no delta"):
        from_deepdiff([], {"a": 1})


@pytest.mark.parametrize(
    "name",
    [
        "attribute_added",
        "attribute_removed",
        "set_item_added",
        "set_item_removed",
        "iterable_item_moved",
        "iterable_items_added_at_indexes",
        "iterable_items_removed_at_indexes",
        "_iterable_compare_func_was_used",
        "made_up",
        7,
    ],
)
def test_a_report_that_state_has_no_word_for_is_refused_by_name(name):
    with pytest.raises(MisfitError, match=str(name)):
        from_deepdiff({name: {"root['a']": 1}}, {"a": 1})


BASE = {"a": 1, "l": [1, 2], "t": (1,), "d": {"0": 1}}


@pytest.mark.parametrize(
    "path",
    [
        "root.a",
        "root.__class__",
        "root['a'].__class__",
        "root['a'].__class__.__init__.__globals__['x']",
        "root['l'].append",
        "a",
        "",
        "xxxx['a']",
        "root['a",
        "root[a]",
        "root[*]",
        "root['no']['x']",
        "root['a']['x']",
        "root['l']['0']",
        "root['l'][00]",
        "root['l'][-1]",
        "root['l'][2]",
        "root['l'][" + "9" * 5000 + "]",
        "root['d'][0]",
        "root['t'][0]",
        "root[0]",
        "root['no']",
        ("root", "a"),
        None,
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(path):
    before = copy.deepcopy(BASE)
    with pytest.raises(StateError):
        from_deepdiff({"values_changed": {path: {"new_value": 0}}}, BASE)
    with pytest.raises(StateError):
        from_deepdiff({"iterable_item_removed": {path: 1}}, BASE)
    with pytest.raises(StateError):
        from_deepdiff({"dictionary_item_removed": {path: 1}}, BASE)
    assert before == BASE


def test_an_attribute_in_a_path_is_refused_as_what_it_is():
    with pytest.raises(PathSyntaxError, match="no attributes"):
        from_deepdiff({"values_changed": {"root['a'].x": {"new_value": 0}}}, BASE)


def test_a_type_change_without_its_value_is_refused_with_the_way_out():
    delta = deepdiff.Delta(deepdiff.DeepDiff({"a": 1}, {"a": "1"}))
    with pytest.raises(MisfitError, match="always_include_values=True"):
        from_deepdiff(delta, {"a": 1})


@pytest.mark.parametrize(
    ("delta", "cause"),
    [
        ({"values_changed": {"root['a']": {"new_value": 2, "old_value": 7}}}, "tells of"),
        ({"values_changed": {"root['a']": {"new_value": 2, "old_value": 1.0}}}, "tells of"),
        ({"values_changed": {"root['a']": {"new_value": 2, "evil": 1}}}, "no other key"),
        ({"values_changed": {"root['a']": 2}}, "needs a mapping"),
        ({"values_changed": ["root['a']"]}, "has to map paths"),
        ({"values_changed": {"root['l'][0]": {}}}, "no new_value"),
        (type_change(str, int, 2, "root['a']"), "old_type is not"),
        (type_change(int, str, 2, "root['a']"), "new_type is not"),
        ({"dictionary_item_removed": {"root['a']": 2}}, "tells of"),
        ({"dictionary_item_removed": {"root['l'][0]": 1}}, "needs a key of a dict"),
        ({"dictionary_item_removed": {"root": {}}}, "needs a key of a dict"),
        ({"dictionary_item_added": {"root['l']['x']": 1}}, "an index has to be here"),
        ({"iterable_item_removed": {"root['l'][0]": 2}}, "tells of"),
        ({"iterable_item_removed": {"root['l'][0]": True}}, "tells of"),
        ({"dictionary_item_removed": {"root['no']": 1}}, "tells of"),
        ({"iterable_item_removed": {"root['t'][0]": 1}}, "needs a list"),
        ({"iterable_item_removed": {"root": 1}}, "needs an item of a list"),
        ({"iterable_item_added": {"root['d']['k']": 1}}, "needs an item of a list"),
        ({"iterable_item_added": {"root['l'][3]": 1}}, "there is no item 3"),
        ({"_iterable_opcodes": {"root['l']": ["equal"]}}, "opcodes"),
        ({"_iterable_opcodes": {"root['l']": 5}}, "opcodes"),
        ({"_iterable_opcodes": {"root['d']": []}}, "needs a list"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(delta, cause):
    with pytest.raises(MisfitError, match=cause):
        from_deepdiff(delta, BASE)


@pytest.mark.parametrize("value", [{1, 2}, object(), {1: 2}, 2**70, "\ud800", [[set()]]])
def test_a_new_value_that_cannot_be_state_is_refused(value):
    for delta in (
        {"values_changed": {"root['a']": {"new_value": value}}},
        {"dictionary_item_added": {"root['n']": value}},
        {"iterable_item_added": {"root['l'][2]": value}},
    ):
        with pytest.raises(UnsupportedValueError):
            from_deepdiff(delta, BASE)


def test_a_change_to_a_subclass_is_read_as_one_to_the_type_it_travels_as():
    found = deepdiff.DeepDiff({"a": 1}, {"a": OrderedDict(b=1)})
    [op] = from_deepdiff(found, {"a": 1})
    assert op == Set(("a",), {"b": 1})
    assert type(op.value) is dict


def test_a_key_that_cannot_be_state_is_refused():
    with pytest.raises(UnsupportedValueError):
        from_deepdiff({"dictionary_item_added": {"root['\ud800']": 1}}, BASE)


def test_many_added_items_become_one_splice():
    delta = {"iterable_item_added": {f"root['l'][{i}]": i for i in reversed(range(2, 2000))}}
    assert from_deepdiff(delta, BASE) == [Splice(("l",), 2, 0, [*range(2, 2000)])]
    delta = {"iterable_item_removed": {f"root['l'][{i}]": i for i in range(2000)}}
    assert from_deepdiff(delta, {"l": [*range(2000)]}) == [Splice(("l",), 0, 2000, [])]


def test_a_delta_reads_only_what_is_below_its_prefix():
    mapping = {"values_changed": {"root['works']['w']['vars']['a']": {"new_value": 2}}}
    prefix = ("works", "w", "vars")
    delta = Delta.from_deepdiff(mapping, BASE, prefix)
    assert delta == Delta(prefix, (Set(("a",), 2),))
    assert delta.to_deepdiff(BASE) == mapping
    with pytest.raises(MisfitError, match="is not below"):
        Delta.from_deepdiff(mapping, BASE, ("works", "v", "vars"))
