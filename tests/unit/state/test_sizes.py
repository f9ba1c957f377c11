import pytest

from lightgrid.errors import UnsupportedValueError
from lightgrid.state import sizes
from lightgrid.state.delta import Remove, Set, Splice
from lightgrid.state.sizes import Budget, Size, check_op, check_variable, size_of
from lightgrid.state.values import Numbers, count_nodes

PIECE, KEY = sizes.MAX_PIECE_BYTES, sizes.MAX_KEY_BYTES


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("x" * (PIECE + 1), "v"),
        ("\u00e9" * (PIECE // 2 + 1), "v"),
        (b"x" * (PIECE + 1), "v"),
        ([["a", "x" * (PIECE + 1)]], "v.0.1"),
        ({"a": {"b": b"x" * (PIECE + 1)}}, "v.a.b"),
        (tuple(range(PIECE // 16 + 1)), "v"),
        ((1, ("x" * (PIECE // 2), "x" * (PIECE // 2))), "v.1"),
        ([("x" * (PIECE + 1),)], "v.0.0"),
        ({"k" * (KEY + 1): 1}, "v"),
        (({"k" * (KEY + 1): 1},), "v.0"),
    ],
)
def test_what_no_message_can_carry_is_refused_with_its_place(value, where):
    for refuse in (
        lambda: check_variable(value, ("v",), of_work=False),
        lambda: check_op(Set(("v",), value)),
    ):
        with pytest.raises(UnsupportedValueError, match="bytes") as refused:
            refuse()
        assert ".".join(refused.value.path) == where


@pytest.mark.parametrize(
    "value",
    [
        "x" * PIECE,
        ["x" * PIECE] * 3,
        {"k" * KEY: "x" * PIECE},
        tuple(range(PIECE // 16 - 1)),
        (["x" * PIECE], ["x" * PIECE]),
        list(range(900_000)),
    ],
)
def test_what_can_be_cut_is_taken(value):
    check_variable(value, ("v",), of_work=True)
    check_op(Set(("v",), value))


def test_an_item_of_a_splice_is_named_by_its_place_in_the_list():
    with pytest.raises(UnsupportedValueError) as refused:
        check_op(Splice(("v",), 7, 0, ["a", "x" * (PIECE + 1)]))
    assert refused.value.path == ("v", "8")


def test_keys_on_the_way_to_an_op_are_looked_at_too():
    with pytest.raises(UnsupportedValueError, match="key"):
        check_op(Remove(("v", "k" * (KEY + 1))))


def test_more_values_than_a_work_may_have_are_refused_where_they_are_assigned():
    with pytest.raises(UnsupportedValueError, match="max_nodes"):
        check_variable([0] * sizes.MAX_NODES, ("v",), of_work=True)
    check_variable([0] * sizes.MAX_NODES, ("v",), of_work=False)


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.5,
        "abc",
        b"\0",
        [],
        [1, 2],
        Numbers([1, 2]),
        ["a", "b"],
        ["a", 1, ("x", {})],
        {"a": [1]},
    ],
)
def test_each_leaf_and_container_counts(value):
    assert size_of(value).nodes == count_nodes(value)


def test_a_budget_counts_the_whole_only_when_its_bound_reaches_the_limit():
    counted = []

    def whole():
        counted.append(1)
        return Size(6, 0)

    budget = Budget(Size(5, 0), max_nodes=10)
    assert [budget.grow(Size(2, 0), whole) for _ in range(4)] == [None] * 4
    assert len(counted) == 1  # at 5, 7, 9, then 6, then 8


def test_a_budget_names_the_limit_that_is_exceeded():
    budget = Budget(Size(0, 0), max_nodes=10, max_bytes=100)
    excess = budget.grow(Size(1, 101), lambda: Size(1, 101))
    assert str(excess) == "the work's state has 101 bytes, the limit max_batch_bytes is 100"
    excess = budget.grow(Size(11, 0), lambda: Size(11, 0))
    assert str(excess) == "the work's state has 11 values, the limit max_nodes is 10"


@pytest.mark.parametrize(
    ("max_nodes", "max_bytes", "blamed"), [(10, 1000, "many"), (99, 50, "long")]
)
def test_the_variable_is_blamed_that_adds_most_of_what_is_too_much(max_nodes, max_bytes, blamed):
    budget = Budget(Size(0, 0), max_nodes=max_nodes, max_bytes=max_bytes)
    added = {"few": Size(2, 2), "many": Size(9, 20), "long": Size(1, 40)}
    with pytest.raises(UnsupportedValueError) as caught:
        budget.take(added, lambda: Size(12, 62))
    assert caught.value.path == (blamed,)
