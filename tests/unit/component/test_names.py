"""What components and variables can be called."""

import pytest

import lightgrid as L
from lightgrid.errors import ComponentError


class Worker(L.Work):
    def run(self):
        pass


class Root(L.Flow):
    def run(self):
        pass


def put_into_dict(root, name):
    root.d[name] = Worker()


def set_as_attribute(root, name):
    setattr(root, name, Worker())


PLACES = [put_into_dict, set_as_attribute]
BAD = [
    ("a.b", "it has a dot"),
    ("", "it is empty"),
    ("a\0b", "it has the character '\\x00', which cannot be printed"),
    ("a\nb", "it has the character '\\n'"),
    ("\x1b[2J", "it has the character '\\x1b'"),
    ("\ud800", "it has the character '\\ud800'"),
    ("\u202eb", "it has the character '\\u202e'"),
    ("x" * 256, "it has 256 bytes, and 255 are allowed"),
    ("\N{SNOWMAN}" * 86, "it has 258 bytes"),
]


@pytest.fixture
def root():
    root = Root()
    root.d = L.Dict()
    return root


@pytest.mark.parametrize("put", PLACES)
@pytest.mark.parametrize(("name", "fault"), BAD, ids=range(len(BAD)))
def test_a_name_that_cannot_stand_everywhere_is_refused_when_the_component_is_put_there(
    root, put, name, fault
):
    before = root.state
    with pytest.raises(ComponentError) as found:
        put(root, name)
    assert f"cannot be a component's name: {fault}" in str(found.value)
    assert root.state == before


@pytest.mark.parametrize("put", PLACES)
@pytest.mark.parametrize("name", ["a/b", "/", "a b", "Z\u00fcrich", "\N{SNOWMAN}", "-x", "x" * 255])
def test_every_other_name_is_taken(root, put, name):
    put(root, name)
    (work,) = root.works()
    assert work.name.endswith(f".{name}")


@pytest.mark.parametrize("name", ["\ud800", "a\0b", "x" * 256])
def test_a_variable_that_no_one_could_be_told_of_is_refused(name):
    with pytest.raises(ComponentError, match="cannot be a variable's name"):
        L.CommandWork(["x"], **{name: 1})


def test_a_variable_may_have_a_dot():
    assert L.CommandWork(["x"], **{"a.b": 1}).state_vars["vars"] == {"a.b": 1}
