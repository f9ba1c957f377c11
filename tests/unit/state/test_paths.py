"""How people write a place, and what they are told when it is not there."""

import subprocess
import sys

import pytest
from deepdiff.path import parse_path as deepdiff_parse_path

from lightgrid.errors import NoSuchPathError, PathSyntaxError, StateError
from lightgrid.state.delta import lookup
from lightgrid.state.paths import Form, Step, parse_path, resolve, show_path


def component(variables=None, **groups):
    return {
        "vars": variables or {},
        "calls": {},
        "flows": {},
        "works": {},
        "structures": {},
        **groups,
    }


def work(variables):
    return component(variables, status={"stage": "running"})


TREE = component(
    {"x": 1, "app_state": "mine"},
    works={
        "w": work({"counter": 1, "items": [0, 1, 2, {"a": (5, [6])}], "none": None}),
        "has_status": work({"status": "user's own"}),
    },
    flows={"flow": component(flows={"sub": component(works={"w": work({"d": {}})})})},
    structures={
        "trainers": {
            "works": {"0": work({"loss": 0.5}), "my key": work({"loss": 0.25})},
            "flows": {"f": component({"y": 2})},
            "structures": {"inner": {"works": {"a": work({"z": 3})}, "flows": {}}},
        }
    },
    app_state={"stage": "running"},
)
TREE["flows"]["flow"]["flows"]["sub"]["works"]["w"]["vars"]["d"] = {
    "k.with.dots": 1,
    "3": 2,
    "both ' and \"": 3,
    "": 4,
    "plain": {"deeper": 5},
}
W = ("works", "w")
SUB_D = ("flows", "flow", "flows", "sub", "works", "w", "vars", "d")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", ()),
        ("root", ()),
        ("x", ("vars", "x")),
        ("w", W),
        ("root.w", W),
        ("w.counter", (*W, "vars", "counter")),
        ("root.w.counter", (*W, "vars", "counter")),
        ("w.items[3]", (*W, "vars", "items", "3")),
        ("w.items.3", (*W, "vars", "items", "3")),
        ("w.items[3].a[1][0]", (*W, "vars", "items", "3", "a", "1", "0")),
        ("flow.sub.w.d", SUB_D),
        ('flow.sub.w.d["k.with.dots"]', (*SUB_D, "k.with.dots")),
        ("flow.sub.w.d['k.with.dots']", (*SUB_D, "k.with.dots")),
        ("flow.sub.w.d[k.with.dots]", (*SUB_D, "k.with.dots")),
        ("flow.sub.w.d[3]", (*SUB_D, "3")),
        ("flow.sub.w.d['']", (*SUB_D, "")),
        ('flow.sub.w.d["both \' and """]', (*SUB_D, "both ' and \"")),
        ("flow.sub.w.d.plain.deeper", (*SUB_D, "plain", "deeper")),
        ("trainers", ("structures", "trainers")),
        ("trainers.0.loss", ("structures", "trainers", "works", "0", "vars", "loss")),
        ("trainers[0].loss", ("structures", "trainers", "works", "0", "vars", "loss")),
        ("trainers['my key'].loss", ("structures", "trainers", "works", "my key", "vars", "loss")),
        ("trainers.f.y", ("structures", "trainers", "flows", "f", "vars", "y")),
        (
            "trainers.inner.a.z",
            ("structures", "trainers", "structures", "inner", "works", "a", "vars", "z"),
        ),
        ("w.status", (*W, "status")),
        ("w.status.stage", (*W, "status", "stage")),
        ("has_status.status", ("works", "has_status", "vars", "status")),
        ("w.calls", (*W, "calls")),
        ("app_state", ("vars", "app_state")),
        ("root['app_state']['stage']", ("app_state", "stage")),
        ("root['works']['w']['vars']['counter']", (*W, "vars", "counter")),
        ("root['works'][\"w\"]['vars']['items'][3]", (*W, "vars", "items", "3")),
        ("root['works']['w']['vars']['items']['3']", (*W, "vars", "items", "3")),
        ("root['works']", ("works",)),
    ],
)
def test_a_place_is_found_as_people_write_it(text, path):
    assert resolve(TREE, text) == path
    lookup(TREE, path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("w.countr", "w has no 'countr'. Did you mean 'counter'?"),
        ("q", "the root has no 'q'. There are 'x', 'app_state', 'flow', 'w', 'has_status'"),
        ("root.flow.sob", "root.flow has no 'sob'. Did you mean 'sub'?"),
        ("flow.qqq", "flow has no 'qqq'. There are 'sub', 'calls'."),
        ("trainers.9", "trainers has no '9'. There are 'f', '0', 'my key', 'inner'."),
        ("trainers.status", "trainers has no 'status'"),
        ("w.vars", "w has no 'vars'"),
        ("w.items[4]", "w.items cannot be followed by '4': the list has 4 items"),
        ("w.items[-1]", "'-1' is no list index"),
        ("w.items[03]", "'03' is no list index"),
        ("w.items[٣]", "is no list index"),
        ("w.items[1_0]", "is no list index"),
        ("w.items.append", "'append' is no list index"),
        ("w.items.__class__", "'__class__' is no list index"),
        ("w.__class__", "w has no '__class__'"),
        ("w.counter.real", "w.counter is of type int and has nothing inside"),
        ("w.none.x", "w.none is null and has nothing inside"),
        ("flow.sub.w.d.plane", "flow.sub.w.d has no key 'plane'. Did you mean 'plain'?"),
        ("root['work']", "root has no key 'work'. Did you mean 'works'?"),
        ("root['works']['w']['vars']['items'][7]", "the list has 4 items"),
        ("root[0]", "root has no key '0'"),
        ("root.root", "root has no 'root'"),
    ],
)
def test_a_place_that_is_not_there_is_told_with_what_is_near(text, says):
    with pytest.raises(NoSuchPathError) as caught:
        resolve(TREE, text)
    assert says in str(caught.value)
    assert caught.value.path
    assert isinstance(caught.value, StateError)


def test_a_large_map_is_not_listed_whole():
    tree = component({"d": {f"key{n}": n for n in range(5000)}})
    with pytest.raises(NoSuchPathError) as caught:
        resolve(tree, "d.zzzzzz")
    assert "and 4988 more" in str(caught.value)
    assert len(str(caught.value)) < 300


def test_an_empty_component_says_that_nothing_is_there():
    with pytest.raises(NoSuchPathError, match="Nothing is there"):
        resolve({"vars": {}, "works": {}}, "x")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (".w", 0),
        ("w.", 2),
        ("w..x", 2),
        ("w x", 1),
        (" w", 0),
        ("w ", 1),
        ("w]", 1),
        ("w'x'", 1),
        ("w[", 2),
        ("w[]", 2),
        ("w[3", 3),
        ("w[ 3]", 2),
        ("w[3]x", 4),
        ("w['a]", 2),
        ("w['a'", 5),
        ("w['a'x]", 5),
        ("w['a''b]", 2),
        ("w[a'b']", 3),
        ("w[[1]]", 2),
        ("root.", 5),
        ("root['w'].x", 9),
        ("root['w'].__class__", 9),
        ("root['w']x", 9),
        ("root[w]", 5),
        ("root[-1]", 5),
        ("root[01]", 5),
        ("root[1.5]", 5),
        ("root[0x10]", 5),
        ("root[٣]", 5),
        ("root[None]", 5),
        ("root[*]", 5),
        ("root[(1,)]", 5),
        ("root[__import__]", 5),
        ("root['a'", 8),
    ],
)
def test_what_cannot_be_read_is_told_with_its_position(text, position):
    with pytest.raises(PathSyntaxError) as caught:
        resolve(TREE, text)
    assert caught.value.position == position
    assert caught.value.text == text
    assert f"at character {position + 1}" in str(caught.value)


def test_a_read_path_knows_how_each_step_was_written():
    parsed = parse_path("w.d['k'][3]")
    assert not parsed.is_literal
    assert parsed.steps == (
        Step("w", Form.NAME, 0),
        Step("d", Form.NAME, 1),
        Step("k", Form.QUOTED, 3),
        Step("3", Form.BARE, 8),
    )
    assert parse_path("root['a']").is_literal
    assert not parse_path("rooted.a").is_literal


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ((), "root"),
        (("works", "w", "vars", "counter"), "root['works']['w']['vars']['counter']"),
        (("a.b",), "root['a.b']"),
        (("it's",), 'root["it\'s"]'),
        (('say "hi"',), "root['say \"hi\"']"),
        (("",), "root['']"),
        (("back\\slash",), "root['back\\slash']"),
        (("two\nlines",), "root['two\nlines']"),
        (("both ' and \"",), 'root["both \' and """]'),
        (("a\"]['b",), 'root["a""][\'b"]'),
    ],
)
def test_a_path_is_shown_as_deepdiff_prints_it(path, shown):
    assert show_path(path) == shown
    if not ('"' in "".join(path) and "'" in "".join(path)):  # DeepDiff has no form for both
        assert deepdiff_parse_path(shown) == list(path)


def test_a_shown_path_tells_items_from_keys_when_the_tree_is_known():
    path = (*W, "vars", "items", "3", "a", "0")
    assert show_path(path, TREE) == "root['works']['w']['vars']['items'][3]['a'][0]"
    assert show_path((*SUB_D, "3"), TREE).endswith("['d']['3']")
    assert show_path((*W, "vars", "items", "9", "x"), TREE).endswith("['items'][9]['x']")


def test_reading_paths_does_not_import_deepdiff():
    code = "import sys, lightgrid.state.deepdiff_form as f\n"
    code += "f.from_deepdiff({'values_changed': {\"root['a']\": {'new_value': 1}}}, {'a': 0})\n"
    code += "sys.exit('deepdiff' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
