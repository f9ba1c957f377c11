"""When two calls of a work are the same call."""

import array
import dataclasses
import datetime
import decimal
import enum
import math
import pathlib
import struct

import numpy as np
import pytest

from lightgrid.component.call_key import NO_ARGUMENTS, call_key
from lightgrid.errors import ComponentError


def key(*args, **kwargs):
    return call_key(args, kwargs)


@dataclasses.dataclass
class Job:
    name: str
    size: int = 1


@dataclasses.dataclass
class OtherJob:
    name: str
    size: int = 1


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Model:
    def __init__(self, version):
        self.version = version

    def __call_key__(self):
        return {"version": self.version}


class Opaque:
    pass


DIFFERENT = {
    "order": [(1, 2), (2, 1)],
    "repetition": [(1,), (1, 1)],
    "types of one number": [(1,), (1.0,), (True,), ("1",), (b"1",)],
    "nothing and its likes": [(), (None,), ("",), ((),), ([],), ({},), (0,), (False,), (b"",)],
    "list and tuple": [([1, 2],), ((1, 2),), (1, 2), ([1], [2]), ([[1, 2]],)],
    "where strings end": [("ab", "c"), ("a", "bc"), ("abc",), ("a", "b", "c")],
    "nesting": [([1, [2]],), ([[1], 2],), ([1, 2],), ([[1, 2]],), ([[], 1, 2],)],
    "key and value": [({"a": "b"},), ({"b": "a"},), ({"a": {"b": None}},)],
    "int and str keys": [({1: 0},), ({"1": 0},), ({1.0: 0},), ({True: 0},)],
    "zeros": [(0.0,), (-0.0,), (0,)],
    "numbers not to be told apart by ==": [(2**53,), (float(2**53),)],
    "not a number": [(math.nan,), (struct.unpack("<d", b"nan-nan-")[0],), ("nan",), (math.inf,)],
    "huge": [(2**20000,), (2**20000 + 1,), (-(2**20000),)],
    "arrays by type": [(np.zeros(2, "i4"),), (np.zeros(2, "f4"),), (np.zeros(1, "i8"),)],
    "arrays by shape": [(np.zeros((2, 3)),), (np.zeros((3, 2)),), (np.zeros(6),)],
    "arrays by content": [(np.arange(3),), (np.arange(3)[::-1],)],
    "arrays by unit": [
        (np.array([1], "M8[s]"),), (np.array([1], "M8[D]"),), (np.array([1], "m8[D]"),),
    ],
    "fields of records": [(np.zeros(1, [("a", "i4")]),), (np.zeros(1, [("b", "i4")]),)],
    "masked": [
        (np.ma.array([1, 2], mask=[True, False]),), (np.ma.array([1, 2], mask=[False, False]),),
    ],
    "an array and what is in it": [(np.array([1]),), ([1],), (np.array([1]).tobytes(),)],
    "buffers": [(bytearray(b"ab"),), (b"ab",), (array.array("b", b"ab"),)],
    "dataclasses": [
        (Job("a"),), (Job("a", 2),), (Job("b"),), (OtherJob("a"),), ({"name": "a", "size": 1},),
    ],
    "enums": [(Colour.RED,), (Colour.BLUE,), (1,), ("RED",)],
    "sets": [({1, 2},), (frozenset({1, 2}),), ({1},), ({1, "2"},), ([1, 2],)],
    "paths": [(pathlib.PurePosixPath("a"),), (pathlib.PurePosixPath("b"),), ("a",)],
    "own keys": [(Model(1),), (Model(2),), ({"version": 1},)],
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_calls_with_different_arguments_are_different_calls(name):
    keys = [key(*args) for args in DIFFERENT[name]]
    assert len(set(keys)) == len(keys)


def test_a_positional_argument_is_no_keyword_argument():
    assert len({key(1), key(a=1), key("a", 1), key(b=1), key({"a": 1})}) == 5


def test_the_order_of_keyword_arguments_and_of_dict_keys_does_not_count():
    assert key(a=1, b=2) == key(b=2, a=1)
    assert key({"a": 1, 2: {"x": 1, "y": 2}}) == key({2: {"y": 2, "x": 1}, "a": 1})


def test_dict_keys_that_look_alike_do_not_make_their_order_count():
    class Name(str):
        __slots__ = ()

        def __str__(self):
            return "name"

    one, two = Name("one"), Name("two")
    assert key({one: 1, two: 2}) == key({two: 2, one: 1})


def test_nan_is_the_same_argument_as_any_other_nan():
    other = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))[0]
    assert math.isnan(other)
    assert key(math.nan) == key(other) == key(-math.nan) == key(np.float64("nan"))


def test_subclasses_of_values_are_the_value_that_they_travel_as():
    class Level(enum.IntEnum):
        LOW = 1

    assert key(np.float64(1.5)) == key(np.float32(1.5)) == key(1.5)
    assert key(np.int8(3)) == key(3) != key(np.float32(3))
    assert key(Level.LOW) == key(1)


def test_an_array_is_the_same_however_it_lies_in_memory():
    whole = np.arange(12).reshape(3, 4)
    assert key(whole[:, ::2]) == key(whole[:, ::2].copy())
    assert key(np.asfortranarray(whole)) == key(whole)
    assert key(memoryview(b"abcd")[::2]) == key(memoryview(b"ac"))


def test_equal_objects_of_a_dataclass_make_one_call():
    assert key(Job("a", 2)) == key(Job("a", 2))
    assert key([Job("a")], job=Job("b")) == key([Job("a")], job=Job("b"))


def test_sets_are_the_same_in_any_order():
    assert key({"a", "b", 1, 2.5}) == key({2.5, 1, "b", "a"})


def test_an_object_can_say_what_its_key_is():
    assert key(Model({"a": 1})) == key(Model({"a": 1}))


@pytest.mark.parametrize(
    ("argument", "named"),
    [
        (Opaque(), "test_call_key.Opaque"),
        (Opaque, "builtins.type"),
        (Job, "builtins.type"),
        (print, "builtins.builtin_function_or_method"),
    ],
)
def test_an_argument_without_a_key_is_refused_with_what_to_do(argument, named):
    with pytest.raises(ComponentError) as refused:
        key(1, {"deep": [argument]})
    message = str(refused.value)
    assert message.startswith("argument 2: a ")
    assert named in message
    assert "__call_key__()" in message


@pytest.mark.parametrize(
    ("argument", "named", "instead"),
    [
        (datetime.datetime(2026, 1, 1), "datetime.datetime", ".isoformat() or .timestamp()"),
        (datetime.date(2026, 1, 1), "datetime.date", ".isoformat()"),
        (datetime.timedelta(1), "datetime.timedelta", ".total_seconds()"),
        (decimal.Decimal(1), "decimal.Decimal", "str(...)"),
        (iter(range(3)), "builtins.range_iterator", "list(...)"),
        (np.array([None]), "numpy array of objects", ".tolist()"),
        (np.zeros(1, [("a", "O")]), "numpy array of objects", ".tolist()"),
    ],
)
def test_an_argument_that_has_a_form_with_a_key_is_refused_with_that_form(argument, named, instead):
    with pytest.raises(ComponentError) as refused:
        key(1, {"deep": [argument]})
    message = str(refused.value)
    assert message.startswith("argument 2: a ")
    assert named in message
    assert instead in message
    assert "__call_key__" not in message


def test_the_refused_keyword_argument_is_named():
    with pytest.raises(ComponentError, match="argument model: "):
        key(model=Opaque())


def test_an_argument_that_contains_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(ComponentError, match="argument 1 is nested too deep, or contains itself"):
        key(endless)


def test_a_call_without_arguments_has_the_key_of_no_arguments():
    assert key() == NO_ARGUMENTS
    assert key(None) != NO_ARGUMENTS
