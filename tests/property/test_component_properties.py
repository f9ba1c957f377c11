"""What holds for all arguments of calls, and for all edits of a list of components."""

from hypothesis import given
from hypothesis import strategies as st

import lightgrid
from lightgrid.component.call_key import call_key
from lightgrid.state.values import same

LEAVES = (
    st.none()
    | st.booleans()
    | st.sampled_from([0, 1, -1, 2**63, 0.0, -0.0, 1.0, float("nan"), float("inf")])
    | st.sampled_from(["", "1", "a", "ab", "b", "N", "s1:a"])
    | st.sampled_from([b"", b"1", b"a", b"s1:a"])
)


def values(leaves):
    return st.recursive(
        leaves,
        lambda items: (
            st.lists(items, max_size=3)
            | st.lists(items, max_size=3).map(tuple)
            | st.dictionaries(st.sampled_from(["", "a", "b", "1"]), items, max_size=3)
        ),
        max_leaves=6,
    )


ARGUMENTS = st.tuples(
    st.lists(values(LEAVES), max_size=3),
    st.dictionaries(st.sampled_from(["a", "b", "k"]), values(LEAVES), max_size=2),
)


def reordered(value):
    """The same value, each dict's keys the other way round."""
    if isinstance(value, dict):
        return {key: reordered(item) for key, item in reversed(value.items())}
    if isinstance(value, list | tuple):
        return type(value)(map(reordered, value))
    return value


@given(ARGUMENTS, ARGUMENTS)
def test_two_calls_have_the_same_key_if_and_only_if_their_arguments_are_the_same(one, other):
    keys = [call_key(*arguments) for arguments in (one, other)]
    assert (keys[0] == keys[1]) == same(list(one), list(other))


@given(ARGUMENTS)
def test_a_key_does_not_depend_on_the_order_of_dict_keys_nor_on_identity(arguments):
    args, kwargs = arguments
    assert call_key(args, kwargs) == call_key(reordered(args), reordered(kwargs))


class W(lightgrid.Work):
    def run(self):
        pass


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(-5, 5)),
        st.tuples(st.sampled_from(["pop", "replace", "delete"]), st.integers(0, 4)),
        st.tuples(st.sampled_from(["reverse", "clear"]), st.just(0)),
    ),
    max_size=12,
)


@given(EDITS)
def test_members_of_a_list_keep_their_names_whatever_happens_to_their_neighbours(edits):
    members, plain, named = lightgrid.List(), [], {}
    for edit, index in edits:
        if edit == "insert":
            plain.insert(index, W())
            members.insert(index, _newest(plain, named))
        elif edit == "reverse":
            plain.reverse()
            members.reverse()
        elif edit == "clear":
            plain.clear()
            members.clear()
        elif index < len(plain):
            if edit == "pop":
                assert members.pop(index) is plain.pop(index)
            elif edit == "delete":
                plain.pop(index).delete()
            else:
                members[index] = plain[index] = W()
        for work in plain:
            assert named.setdefault(work, work.name) == work.name
        assert list(members) == plain == members.works
    assert len(set(named.values())) == len(named)


def _newest(plain, named):
    return next(work for work in plain if work not in named)
