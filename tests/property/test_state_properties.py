"""What holds for every state: diff and apply, DeepDiff as the oracle, paths."""

import copy

import deepdiff
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightgrid.errors import MisfitError, PathSyntaxError
from lightgrid.state.deepdiff_form import from_deepdiff, to_deepdiff
from lightgrid.state.delta import Remove, Set, Splice, apply
from lightgrid.state.diff import diff, diff_variables
from lightgrid.state.paths import parse_path, resolve, show_path
from lightgrid.state.values import check_value, copy_value, same

#: With these DeepDiff reports what changed and nothing else.
FLAGS = {
    "zip_ordered_iterables": True,
    "threshold_to_diff_deeper": 0,
    "ignore_private_variables": False,
    "ignore_nan_inequality": True,
}

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
#: Few keys and few leaves, so that two values often have much in common.
KEYS = st.sampled_from(["a", "b", "it's", "0", "1", "", "k.k", "__x"]) | TEXT
LEAVES = st.sampled_from(
    [None, True, False, 0, 1, 2, 0.0, -0.0, 1.0, float("nan"), "", "1", b"", b"a"]
)
#: DeepDiff takes 0.0 for -0.0, cannot remove a NaN from a list, as it searches
#: for an item that equals it, and reads some keys as others.
PLAIN_KEYS = st.sampled_from(["a", "b", "it's", "0", "", "k.k", 'q"q', "é", "back\\slash", "l\nl"])
PLAIN_LEAVES = st.sampled_from([None, True, False, 0, 1, 2, 0.5, 1.0, "", "1", "two\nlines", b"a"])


def containers(keys, items):
    return (
        st.lists(items, max_size=5)
        | st.lists(items, max_size=3).map(tuple)
        | st.dictionaries(keys, items, max_size=4)
    )


def values(keys, leaves):
    return st.recursive(leaves, lambda items: containers(keys, items), max_leaves=8)


VALUES = values(KEYS, LEAVES)
STATES = st.dictionaries(KEYS, VALUES, max_size=4)
PLAIN_VALUES = values(PLAIN_KEYS, PLAIN_LEAVES)
PLAIN_STATES = st.dictionaries(PLAIN_KEYS, PLAIN_VALUES, max_size=4)


def places(value, path=()):
    """Give every path below a value, with what is there."""
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from places(item, (*path, str(index)))


@st.composite
def histories(draw, states, keys, values, with_root=True):
    """Draw a state and ops that fit it, one after the other, and where they lead."""
    base = draw(states)
    now = copy_value(base)
    ops = []
    for _ in range(draw(st.integers(1, 5))):
        path, here = draw(st.sampled_from(list(places(now))))
        choices = []
        if isinstance(here, dict):
            choices.append(Set((*path, draw(keys)), draw(values)))
            if here:
                choices.append(Remove((*path, draw(st.sampled_from(sorted(here))))))
        elif isinstance(here, list):
            start = draw(st.integers(0, len(here)))
            count = draw(st.integers(0, len(here) - start))
            insert = draw(st.lists(values, max_size=2))
            choices.append(Splice(path, start, count, insert))
            if here:
                choices.append(Set((*path, str(draw(st.integers(0, len(here) - 1)))), draw(values)))
        if with_root and not path:
            choices.append(Set((), draw(states)))
        if choices:
            op = draw(st.sampled_from(choices))
            apply(now, [op])
            ops.append(op)
    return base, ops, now


@st.composite
def edited(draw, states, keys, values):
    """Draw two states that have much in common."""
    base, _, now = draw(histories(states, keys, values, with_root=False))
    return base, now


PAIRS = edited(STATES, KEYS, VALUES) | st.tuples(STATES, STATES)
PLAIN_PAIRS = edited(PLAIN_STATES, PLAIN_KEYS, PLAIN_VALUES) | st.tuples(PLAIN_STATES, PLAIN_STATES)


@given(PAIRS)
@settings(max_examples=120)
def test_applying_the_difference_leads_to_the_other_state(pair):
    old, new = pair
    before = copy.deepcopy(pair)
    state = copy_value(old)
    ops = diff(old, new)
    apply(state, ops)
    assert same(state, new)
    assert diff(state, new) == []
    assert same([old, new], list(before))
    assert deepdiff.DeepDiff(state, new, **FLAGS) == {}


@given(PAIRS)
@settings(max_examples=120)
def test_what_a_glance_passes_over_equals_what_is_there_and_a_strict_look_finds_it(pair):
    old, new = pair
    state = copy_value(old)
    apply(state, diff_variables(state, new, {**old, **new}, strict=False))
    assert state == new
    apply(state, diff_variables(state, new, {**old, **new}))
    assert same(state, new)


@given(PLAIN_PAIRS)
@settings(max_examples=60)
def test_a_difference_is_found_when_and_only_when_deepdiff_finds_one(pair):
    old, new = pair
    assert bool(diff(old, new)) == bool(deepdiff.DeepDiff(old, new, **FLAGS))


@given(STATES)
@settings(max_examples=100)
def test_a_copy_is_the_same_and_equal_to_itself_alone(state):
    check_value(state)
    assert same(copy_value(state), state)
    assert diff(copy_value(state), state) == []
    assert deepdiff.DeepDiff(copy_value(state), state, **FLAGS) == {}


@given(STATES, STATES)
@settings(max_examples=100)
def test_values_are_the_same_when_and_only_when_no_op_lies_between_them(one, other):
    assert same(one, other) == same(other, one) == (not diff(one, other))


@given(histories(STATES, KEYS, VALUES), st.sampled_from(["set", "remove", "splice", "root"]))
@settings(max_examples=80)
def test_a_misfit_takes_everything_back(history, kind):
    base, ops, _ = history
    misfit = {
        "set": Set(("no such key", "x"), 1),
        "remove": Remove(("no such key",)),
        "splice": Splice((), 0, 0, []),
        "root": Set((), 1),
    }[kind]
    state = copy_value(base)
    with pytest.raises(MisfitError):
        apply(state, [*ops, misfit])
    assert same(state, base)


@given(histories(STATES, KEYS, VALUES))
@settings(max_examples=100)
def test_what_is_told_in_deepdiffs_form_is_read_back(history):
    base, ops, now = history
    before = copy_value(base)
    prefix = ("works", "it's", "vars")
    delta = to_deepdiff(base, ops, prefix)
    assert same(base, before)
    state = copy_value(base)
    apply(state, from_deepdiff(delta, base, prefix))
    assert same(state, now)
    assert bool(delta) == (not same(base, now))


@given(histories(PLAIN_STATES, PLAIN_KEYS, PLAIN_VALUES))
@settings(max_examples=100)
def test_what_is_told_in_deepdiffs_form_means_the_same_to_deepdiff(history):
    base, ops, now = history
    delta = deepdiff.Delta(to_deepdiff(base, ops), raise_errors=True)
    assert same(copy.deepcopy(base) + delta, now)


@given(PLAIN_PAIRS)
@settings(max_examples=80)
def test_what_deepdiff_finds_leads_to_the_other_state(pair):
    # DeepDiff looks inside tuples, of which a path may not change an item.
    old, new = map(untupled, pair)
    ops = from_deepdiff(deepdiff.DeepDiff(old, new, **FLAGS), old)
    state = copy_value(old)
    apply(state, ops)
    assert same(state, new)


def untupled(value):
    if isinstance(value, dict):
        return {key: untupled(item) for key, item in value.items()}
    return [untupled(item) for item in value] if isinstance(value, list | tuple) else value


@given(st.lists(st.text(max_size=6) | st.sampled_from(["'\"", "\"']['", "\\'\n\""]), max_size=4))
@settings(max_examples=100)
def test_every_path_that_is_shown_is_read_back(path):
    path = tuple(path)
    tree = {}
    here = tree
    for key in path:
        here[key] = {}
        here = here[key]
    for shown in (show_path(path), show_path(path, tree)):
        assert resolve(tree, shown) == path


@given(STATES)
@settings(max_examples=100)
def test_every_place_of_a_state_is_read_back_as_it_is_shown(state):
    for path, _ in places(state):
        assert resolve(state, show_path(path, state)) == path
        assert resolve(state, show_path(path)) == path


@given(st.lists(st.sampled_from("root.w[]'\"\\ 0x-1*\n"), max_size=12).map("".join))
@settings(max_examples=120)
def test_any_text_is_read_or_refused_within_itself(text):
    try:
        positions = [step.position for step in parse_path(text).steps]
    except PathSyntaxError as error:
        positions = [error.position]
    assert all(0 <= position <= len(text) for position in positions)
