"""What can be state, and when two values are the same."""

import datetime
from array import array
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePath

import numpy as np
import pytest

from lightgrid.errors import UnsupportedValueError
from lightgrid.state.values import (
    MAX_DEPTH,
    MAX_INT,
    MIN_INT,
    Numbers,
    check_value,
    copy_for_op,
    copy_of_op,
    copy_value,
    count_nodes,
    kind_of,
    memory_of,
    same,
)

NAN = float("nan")
Point = namedtuple("Point", "x y")


class Color(IntEnum):
    RED = 1


def nested(depth):
    value = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        MIN_INT,
        MAX_INT,
        -0.0,
        NAN,
        float("inf"),
        "",
        "héllo \0 \n",
        b"\xff",
        [],
        (),
        {},
        {"": {"a.b": [1, (2, {"c": b""})]}},
        Color.RED,
        np.float64(0.5),
        Point(1, [2]),
        Counter("aab"),
        [1, "two", 3.0, None],
    ],
)
def test_a_plain_value_can_be_state_and_its_copy_is_the_same(value):
    check_value(value, ("x",))
    assert same(copy_value(value, ("x",)), value)


@pytest.mark.parametrize(
    ("value", "path", "what"),
    [
        ({1, 2}, "x", "type set"),
        ([0, {"a": object()}], "x.1.a", "type object"),
        ({"p": PurePath("a")}, "x.p", "PurePosixPath"),
        (np.complex64(3), "x", "numpy.complex64"),
        (np.zeros(2), "x", "numpy.ndarray"),
        (np.array(2.0), "x", "numpy.ndarray"),
        (np.uint64(2**63), "x", "64-bit"),
        (MAX_INT + 1, "x", "64-bit"),
        ([1, 2, MIN_INT - 1], "x.2", "64-bit"),
        ([10**5000], "x.0", "bits"),
        ("\ud800", "x", "UTF-8"),
        (["ok", "é", "\udfff"], "x.2", "UTF-8"),
        ({1: "a"}, "x", "Use str(1)"),
        ({None: "a"}, "x", "Use str(None)"),
        ({"a": {("b",): 1}}, "x.a", "is no str"),
        ({"\ud800": 1}, "x.\ud800", "UTF-8"),
        ([{"\ud800": 1}], "x.0.\ud800", "UTF-8"),
    ],
)
@pytest.mark.parametrize("refuse", [check_value, copy_value])
def test_what_cannot_be_state_is_refused_with_its_place(refuse, value, path, what):
    with pytest.raises(UnsupportedValueError) as caught:
        refuse(value, ("x",))
    assert ".".join(caught.value.path) == path
    assert what in str(caught.value)
    assert isinstance(caught.value, AttributeError)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("refuse", [check_value, copy_value])
def test_a_variable_nests_twenty_four_deep_and_no_deeper(refuse):
    refuse(nested(MAX_DEPTH), ("x",))
    with pytest.raises(UnsupportedValueError, match="more than 24 deep"):
        refuse(nested(MAX_DEPTH + 1), ("x",))


@pytest.mark.parametrize("refuse", [check_value, copy_value])
def test_a_list_that_holds_itself_is_refused_and_does_not_hang(refuse):
    loop = []
    loop.append(loop)
    with pytest.raises(UnsupportedValueError, match="deep"):
        refuse(loop)


def test_the_error_can_be_told_from_its_component():
    error = UnsupportedValueError(("x", "1"), "no").inside("root.w", "vars")
    assert str(error) == "w: vars.x.1: no"


@dataclass
class Plan:
    name: str


class Mood(Enum):
    GOOD = 1


class Tensor:
    """As one of torch's, which is not imported here."""

    tolist = item = None


class Frame:
    __module__ = "pandas.core.frame"
    __qualname__ = "DataFrame"


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ({1, 2}, "make it a list by list(...), or sorted(...)"),
        (frozenset("ab"), "make it a list by list(...), or sorted(...)"),
        ({}.keys(), "make it a list by list(...)"),
        (deque([1]), "make it a list by list(...)"),
        ((n for n in ()), "make it a list by list(...)"),
        (bytearray(b"a"), "make it bytes by bytes(...)"),
        (memoryview(b"a"), "make it bytes by bytes(...)"),
        (1j, "take its .real and .imag"),
        (datetime.datetime(2026, 1, 1), "take its .isoformat() or .timestamp()"),
        (datetime.date(2026, 1, 1), "take its .isoformat()"),
        (datetime.timedelta(1), "take its .total_seconds()"),
        (Decimal(1), "make it a str by str(...), which is exact, or a float by float(...)"),
        (PurePath("a"), "make it a str by str(...)"),
        (Mood.GOOD, "take its .value or .name"),
        (Plan("a"), "make it a dict by dataclasses.asdict(...)"),
        (np.zeros(2), "take its .item() if it is one number, else its .tolist()"),
        (np.array(2.0), "take its .item() if it is one number, else its .tolist()"),
        (Tensor(), "take its .item() if it is one number, else its .tolist()"),
        (array("d"), "take its .tolist()"),
        (Frame(), 'take its .to_dict("list")'),
        (np.datetime64("2026-01-01"), "make it a str by str(...)"),
        (np.longdouble(1), "make it a float by float(...)"),
        (np.complex64(1), "take its .real and .imag"),
    ],
)
def test_what_is_refused_says_what_to_do_with_a_value_of_its_type(value, advice):
    with pytest.raises(UnsupportedValueError) as caught:
        check_value([value], ("x",))
    assert f"cannot be state: {advice}" in str(caught.value)


def test_of_a_type_that_nobody_knows_it_is_said_what_state_is():
    with pytest.raises(UnsupportedValueError, match=r"type object cannot be state\. State is None"):
        check_value(object())


@pytest.mark.parametrize(
    ("scalar", "number"),
    [
        (np.float32(0.1), 0.10000000149011612),
        (np.float16(-0.0), -0.0),
        (np.float32("nan"), NAN),
        (np.int64(MIN_INT), MIN_INT),
        (np.uint8(255), 255),
        (np.bool_(True), True),
    ],
)
def test_a_number_of_numpy_is_the_number_of_pythons_that_it_stands_for(scalar, number):
    for value, plain in [(scalar, number), ([1, {"a": (scalar,)}], [1, {"a": (number,)}])]:
        check_value(value, ("x",))
        assert same(copy_value(value), plain)
        assert same(copy_for_op(value, ("x",)), plain)
        assert same(plain, value)


def test_a_copy_shares_leaves_and_no_container():
    leaf = "a long text that is one object"
    value = {"l": [leaf, {"t": ([leaf],)}]}
    copied = copy_value(value)
    assert copied["l"][0] is leaf
    value["l"][1]["t"][0].append(1)
    value["l"].append(2)
    assert same(copied, {"l": [leaf, {"t": ([leaf],)}]})


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (OrderedDict(a=1), dict),
        (defaultdict(list, a=[1]), dict),
        (Counter("a"), dict),
        (Point(1, 2), tuple),
    ],
)
def test_a_copied_container_is_of_the_plain_type(value, plain):
    assert type(copy_value(value)) is plain


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.0),
        (1, True),
        (0.0, -0.0),
        (0, False),
        (1.0, True),
        ("1", 1),
        ("a", b"a"),
        (None, 0),
        ([1], (1,)),
        ([1], [True]),
        ({"a": 1}, {"a": 1.0}),
        ({"a": None}, {"b": None}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ([1], [1, 1]),
        (NAN, 1.0),
        ([0.0], [-0.0]),
    ],
)
def test_values_that_python_or_json_would_mix_up_are_told_apart(one, other):
    assert not same(one, other)
    assert not same(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NAN, float("nan")),
        ([NAN], [-float("nan")]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (np.float64(0.5), 0.5),
        (Color.RED, 1),
        (Point(1, 2), (1, 2)),
        (OrderedDict(a=1), {"a": 1}),
    ],
)
def test_values_that_travel_alike_are_the_same(one, other):
    assert same(one, other)
    assert same(other, one)


def test_comparing_survives_a_key_that_another_thread_takes_away():
    class Shrinking(dict):
        """Loses its keys at the worst moment: when it was just asked for one."""

        def __contains__(self, key):
            there = super().__contains__(key)
            self.clear()
            return there

    assert same({"k": 1}, Shrinking(k=1)) in (True, False)


def test_a_subclass_is_of_the_kind_of_its_base():
    assert kind_of(np.float64(1)) is float
    assert kind_of(Color.RED) is int
    assert kind_of(True) is bool
    assert kind_of(Point(1, 2)) is tuple
    assert kind_of(object()) is object


def test_leaves_and_containers_are_counted():
    assert count_nodes(1) == 1
    assert count_nodes({"a": [1, 2, (3,)], "b": {}}) == 7


@pytest.mark.parametrize("items", [[1.5, -0.0], [1, 2**63 - 1]])
def test_a_list_of_numbers_is_known_as_such_in_an_op_and_plain_where_it_goes(items):
    for_op = copy_for_op(items, ("x",))
    assert type(for_op) is Numbers
    assert same(for_op, items)
    assert count_nodes(for_op) == count_nodes(items)
    assert type(copy_of_op(for_op, ("x",))) is list
    assert type(copy_value(for_op)) is list
    assert same(copy_of_op(for_op, ("x",)), items)


@pytest.mark.parametrize("items", [[], [1, 2.0], [1.0, True], [1.0, [2.0]], ["1"], (1.0, 2.0)])
def test_other_lists_are_plain_in_an_op_too(items):
    for_op = copy_for_op(items, ("x",))
    assert type(for_op) is type(items)
    assert same(for_op, items)


def test_a_number_that_cannot_be_state_is_refused_in_a_list_of_an_op_as_well():
    with pytest.raises(UnsupportedValueError, match=r"x\.1: .* 64-bit"):
        copy_for_op([1, 2**63], ("x",))


@pytest.mark.parametrize(
    ("value", "least"),
    [
        (1, 0),
        ("x" * 1000, 1000),
        (b"x" * 1000, 1000),
        (["x" * 500, 1, ["y" * 500]], 1000),
        (("x" * 500, ("y" * 500,)), 1000),
        ({"k" * 500: ["x" * 500]}, 1000),
        ([1.0] * 100, 800),
        (Numbers([1.0] * 100), 800),
        ([[1.0] * 50, [2] * 50], 800),
    ],
)
def test_what_a_value_takes_is_estimated_within_a_small_factor(value, least):
    assert least <= memory_of(value) <= 8 * least + 100
