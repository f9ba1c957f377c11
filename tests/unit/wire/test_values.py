import collections
import enum
import math

import numpy as np
import pytest

from lightgrid.errors import Reason, RefusedError, UnsupportedValueError
from lightgrid.state.values import same
from lightgrid.wire.values import decode_value, encode_value
from lightgrid_protos.v1 import value_pb2


class _Color(enum.IntEnum):
    RED = 3


class _Name(str):
    def __str__(self):
        return "lies"


_Point = collections.namedtuple("_Point", "x y")


def _encoded(value):
    message = value_pb2.Value()
    encode_value(value, message)
    return message


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, 1, -1, 2**63 - 1, -(2**63)),
        *(0.0, -0.0, 1.0, math.inf, math.nan, "", "a", "é\0", b"", b"\xff"),
        *([], (), {}, [[]], ({},), {"": [None, {}]}, {"b": 1, "a": 2}),
        *([1.0] * 9, [1] * 9, (1, 2, 3, 4, 5, 6), [1, True, 1.0] * 3),
    ],
    ids=repr,
)
def test_every_kind_comes_back_as_it_was(value):
    back = decode_value(value_pb2.Value.FromString(_encoded(value).SerializeToString()))
    assert same(back, value)


@pytest.mark.parametrize(
    ("value", "base"),
    [
        (np.float64(0.5), 0.5),
        (np.float32(0.5), 0.5),
        ([np.int8(1), {"a": np.bool_(True)}], [1, {"a": True}]),
        (_Color.RED, 3),
        (_Name("x"), "x"),
        (collections.OrderedDict(a=1), {"a": 1}),
        ({_Name("k"): [np.float64(1.0)] * 6}, {"k": [1.0] * 6}),
        (_Point(1, 2), (1, 2)),
    ],
    ids=repr,
)
def test_subclasses_travel_as_their_base_type(value, base):
    back = decode_value(_encoded(value))
    assert same(back, base)
    assert type(back) is type(base)


def test_long_lists_of_one_number_type_are_packed():
    assert _encoded([1.0] * 5).WhichOneof("kind") == "double_list"
    assert _encoded([1] * 5).WhichOneof("kind") == "int_list"
    assert _encoded([1, 2, 3, 4, True]).WhichOneof("kind") == "list_value"
    assert _encoded((1,) * 5).WhichOneof("kind") == "list_value"


@pytest.mark.parametrize("length", [5, 16, 99, 100, 127, 128, 2047, 2048, 300_000])
def test_floats_written_as_bytes_are_what_protobuf_makes_of_them(length):
    value = [math.inf, -math.inf, math.nan, -0.0, *(index / 7 for index in range(length - 4))]
    expected = value_pb2.Value()
    expected.double_list.values.extend(value)
    assert _encoded(value).SerializeToString() == expected.SerializeToString()
    assert same(decode_value(_encoded(value)), value)


def test_a_float_of_a_subclass_in_a_long_list_travels_as_a_float():
    value = [0.5] * 200 + [np.float64(0.25)]
    assert _encoded(value).WhichOneof("kind") == "list_value"
    assert set(map(type, decode_value(_encoded(value)))) == {float}


def test_the_zero_of_each_kind_is_told_apart_inside_of_containers():
    zeros = [None, False, 0, 0.0, -0.0, "", b"", [], (), {}]
    assert same(decode_value(_encoded(zeros)), zeros)
    named = {str(index): zero for index, zero in enumerate(zeros)}
    assert same(decode_value(_encoded(named)), named)


def test_the_order_of_keys_is_kept():
    assert list(decode_value(_encoded({"b": 1, "a": 2, "c": 3}))) == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [range(3)]}, ("v", "a", "0")),
        ({"a": 2**63}, ("v", "a")),
        ([1, 2, 3, 4, 2**63], ("v", "4")),
        (["\ud800"], ("v", "0")),
        ({"a": {1: 2}}, ("v", "a")),
        ({b"a": 1}, ("v",)),
        ({"\ud800": 1}, ("v", "\ud800")),
    ],
    ids=repr,
)
def test_what_cannot_be_state_is_refused_with_its_path(value, path):
    with pytest.raises(UnsupportedValueError) as caught:
        encode_value(value, value_pb2.Value(), ("v",))
    assert caught.value.path == path


def test_a_value_inside_itself_is_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(UnsupportedValueError, match="nested"):
        _encoded(endless)


def test_a_value_without_a_kind_is_refused_and_never_none():
    with pytest.raises(RefusedError) as caught:
        decode_value(value_pb2.Value(list_value={"values": [{}]}), ("v",))
    assert caught.value.reason is Reason.UNKNOWN_VALUE_KIND
    assert caught.value.facts["path"] == "v"


@pytest.mark.parametrize(
    "content",
    [
        {"keys": ["a", "a"], "values": [{"int_value": 1}] * 2},
        {"keys": ["a"], "values": []},
        {"keys": [], "values": [{"int_value": 1}]},
    ],
    ids=["twice", "no value", "no key"],
)
def test_a_map_that_is_none_is_refused(content):
    with pytest.raises(RefusedError) as caught:
        decode_value(value_pb2.Value(map_value=content))
    assert caught.value.reason is Reason.BAD_OP


def test_names_of_python_are_plain_keys():
    value = {"__class__": 1, "__init__": {"__dict__": 2}}
    assert decode_value(_encoded(value)) == value
