import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightgrid.errors import UnsupportedValueError
from lightgrid.state.json_form import from_json, to_json
from lightgrid.state.values import same

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.binary()
KEYS = st.text() | st.sampled_from(["$bytes", "$tuple", "$float", "$dict"])
VALUES = st.recursive(
    SCALARS | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_leaves=10,
)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value):
    assert same(from_json(to_json(value)), value)


def test_what_json_has_a_word_for_is_written_as_it_is():
    assert to_json({"a": [1, 1.0, True, None, "ü"]}) == '{"a": [1, 1.0, true, null, "ü"]}'


def test_the_rest_has_names():
    assert to_json((b"hi", math.inf)) == '{"$tuple": [{"$bytes": "aGk="}, {"$float": "inf"}]}'
    assert to_json({"$tuple": 1}) == '{"$dict": {"$tuple": 1}}'


@pytest.mark.parametrize(
    "text", ["", "{", "NaN", "1e999", "[-1e999]", '{"$bytes": "a"}', '{"$float": "1"}']
)
def test_what_is_no_value_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011 - whoever catches it shows all of them alike
        from_json(text)


def test_what_cannot_be_state_is_refused():
    with pytest.raises(UnsupportedValueError):
        from_json(str(2**64))
