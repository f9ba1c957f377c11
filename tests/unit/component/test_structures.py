"""Lists and dicts of components."""

import random

import pytest
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.errors import ComponentError


class W(lightgrid.Work):
    def __init__(self, tag=""):
        super().__init__(parallel=True)
        self.tag = tag

    def run(self):
        pass


class F(lightgrid.Flow):
    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


def names(works):
    return [work.name for work in works]


def test_a_list_names_its_members_by_a_running_number():
    root = F(l=lightgrid.List(W("a"), W("b"), W("c")))
    del root.l[1]
    root.l.append(W("d"))
    assert names(root.works()) == ["root.l.0", "root.l.2", "root.l.3"]
    assert [work.tag for work in root.l] == ["a", "c", "d"]


def test_a_number_is_not_used_again_when_the_last_member_left():
    root = F(l=lightgrid.List(W()))
    root.l.pop()
    root.l.append(W())
    assert names(root.l) == ["root.l.1"]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda members: members.pop(), ["a", "b", "c"]),
        (lambda members: members.pop(0), ["b", "c", "d"]),
        (lambda members: members.remove(members[1]), ["a", "c", "d"]),
        (lambda members: members.__delitem__(slice(1, 3)), ["a", "d"]),
        (lambda members: members.__delitem__(slice(None, None, -2)), ["a", "c"]),
        (lambda members: members.__delitem__(-1), ["a", "b", "c"]),
        (lambda members: members.clear(), []),
        (lambda members: members.reverse(), ["d", "c", "b", "a"]),
        (lambda members: members.sort(key=lambda one: one.tag == "a"), ["b", "c", "d", "a"]),
        (lambda members: members.insert(1, W("e")), ["a", "e", "b", "c", "d"]),
        (lambda members: members.__setitem__(0, W("e")), ["e", "b", "c", "d"]),
        (lambda members: members.extend([W("e"), W("f")]), ["a", "b", "c", "d", "e", "f"]),
    ],
)
def test_a_list_changes_like_a_list_and_the_others_keep_their_names(change, left):
    root = F(l=lightgrid.List(*map(W, "abcd")))
    before = {work.tag: work.name for work in root.l}
    change(root.l)
    assert [work.tag for work in root.l] == left
    assert [work.tag for work in root.works()] == left
    after = {work.tag: work.name for work in root.l}
    assert {tag: after[tag] for tag in after if tag in before} == {
        tag: before[tag] for tag in before if tag in after
    }
    assert set(root.state["structures"]["l"]["works"]) == {
        name.rpartition(".")[2] for name in after.values()
    }


def test_more_than_ten_members_come_in_their_order():
    alone = lightgrid.List(*(W(str(n)) for n in range(12)))
    assert [work.tag for work in alone.works] == [str(n) for n in range(12)]
    root = F(l=alone)
    assert [work.tag for work in root.works()] == [str(n) for n in range(12)]


def test_a_list_is_in_list_order_whatever_is_inside():
    root = F(l=lightgrid.List(F(w=W("a")), W("b"), [W("c")], F(w=W("d")), W("e")))
    assert [work.tag for work in root.works()] == list("abcde")


def test_works_come_own_first_then_of_flows_then_of_structures():
    root = F(
        s=lightgrid.Dict(z=W(), a=W()),
        b=W(),
        g=F(y=W(), x=W(), l=[W()]),
        f=F(x=W()),
        a=W(),
        r=[W()],
    )
    assert names(root.works()) == [
        "root.a", "root.b", "root.f.x", "root.g.x", "root.g.y", "root.g.l.0", "root.r.0",
        "root.s.z", "root.s.a",
    ]  # fmt: skip
    assert names(root.works(recurse=False)) == ["root.a", "root.b"]
    assert [name for name, _ in root.named_works(recurse=False)] == ["root.a", "root.b"]
    assert list(root.flows) == ["root.f", "root.g"]


def test_structures_nest_to_any_depth_with_flows_between():
    root = F(
        d=lightgrid.Dict(a=[lightgrid.Dict(b=F(inner=lightgrid.List(lightgrid.List(W("deep")))))])
    )
    (work,) = root.works()
    assert work.name == "root.d.a.0.b.inner.0.0"
    node = root.state
    for group, key in [
        ("structures", "d"), ("structures", "a"), ("structures", "0"), ("flows", "b"),
        ("structures", "inner"), ("structures", "0"), ("works", "0"),
    ]:  # fmt: skip
        node = node[group][key]
    assert node["vars"] == {"tag": "deep"}
    app = FakeApp(root)
    work.run()
    assert app.calls == [("root.d.a.0.b.inner.0.0", (), {})]
    assert list(root.flows) == ["root.d.a.0.b"]


def test_a_dict_of_components_can_change_while_it_keeps_other_names():
    root = F(d={"a": W("1"), "b": W("2")})
    root.d["c"] = W("3")
    root.d.pop("a")
    root.d["b"] = W("4")
    assert names(root.works()) == ["root.d.c", "root.d.b"]
    assert root.d["b"].tag == "4"
    assert root.d.get("a") is None


def test_a_key_can_be_taken_by_another_kind_of_component():
    root = F(d=lightgrid.Dict(a=W()))
    root.d["a"] = F(w=W())
    assert root.state["structures"]["d"]["works"] == {}
    assert names(root.works()) == ["root.d.a.w"]


def test_a_key_is_a_str_without_a_dot():
    with pytest.raises(ComponentError, match="a key should be a str, not 1"):
        F(d={1: W()})
    for key in ("a.b", ""):
        with pytest.raises(ComponentError, match=r"it (has a dot|is empty)"):
            lightgrid.Dict()[key] = W()


@pytest.mark.parametrize("bad", [1, None, [], [1], {}, W])
def test_only_components_can_be_members(bad):
    members = lightgrid.List(W("a"))
    for attempt in (
        lambda: members.append(bad),
        lambda: members.__setitem__(0, bad),
        lambda: lightgrid.Dict(a=bad),
    ):
        with pytest.raises(ComponentError, match="is no component"):
            attempt()
    assert [work.tag for work in members.works] == ["a"]
    assert members[0].name == "root.0"


def test_a_member_that_has_a_place_cannot_get_another_and_nothing_is_lost():
    root = F(l=lightgrid.List(W("a"), W("b")), d=lightgrid.Dict(k=W("c")))
    with pytest.raises(ComponentError, match=r"already is l\.1"):
        root.l[0] = root.l[1]
    with pytest.raises(ComponentError, match=r"already is l\.1"):
        root.d["k"] = root.l[1]
    with pytest.raises(ComponentError, match="already is"):
        random.Random(1).shuffle(root.l)
    assert [work.tag for work in root.works()] == ["c", "a", "b"]


def test_a_list_cannot_be_a_member_of_itself():
    members = lightgrid.List()
    root = F(l=members)
    for attempt in (members, root):
        with pytest.raises(ComponentError):
            members.append(attempt)
    assert len(members) == 0


def test_a_removed_member_can_come_in_again_elsewhere():
    root = F(l=lightgrid.List(W("a")), d=lightgrid.Dict())
    root.d["again"] = root.l.pop()
    assert names(root.works()) == ["root.d.again"]


def test_a_running_app_is_told_what_comes_and_goes_by_name():
    root = F(l=lightgrid.List(W()), d=lightgrid.Dict(a=W()))
    app = FakeApp(root)
    app.log.clear()
    root.l.append(F(w=W()))
    root.l[0] = W()
    root.d.clear()
    assert app.log == [
        ("attached", "root.l.1"),
        ("attached", "root.l.2"),
        ("detached", "root.l.0"),
        ("detached", "root.d.a"),
    ]


def test_a_member_that_left_a_running_app_runs_nowhere():
    root = F(l=lightgrid.List(W()))
    FakeApp(root)
    gone = root.l.pop()
    with pytest.raises(ComponentError, match="needs a running app"):
        gone.run()


def test_lists_and_dicts_of_components_become_structures_silently():
    root = F(a=[W(), [W()]], b={"x": [W()], "y": W()})
    assert type(root.a) is lightgrid.List
    assert type(root.a[1]) is lightgrid.List
    assert type(root.b) is lightgrid.Dict
    assert names(root.works()) == ["root.a.0", "root.a.1.0", "root.b.x.0", "root.b.y"]
    assert root.state["vars"] == {}


def test_empty_lists_and_dicts_stay_state():
    root = F(a=[], b={})
    assert root.state["vars"] == {"a": [], "b": {}}


def test_a_structure_equals_a_plain_one_with_its_members_and_no_other_structure():
    one, other = W(), W()
    assert lightgrid.List() == []
    assert lightgrid.List(one, other) == [one, other]
    assert [one] != lightgrid.List(W())
    assert lightgrid.Dict() == {}
    third = W()
    assert {"a": third} == lightgrid.Dict(a=third)
    assert lightgrid.List() != lightgrid.List()
    assert lightgrid.Dict() != lightgrid.Dict()
    assert len({lightgrid.List(), lightgrid.List(), lightgrid.Dict()}) == 3


def test_a_list_and_another_make_a_plain_list():
    one, other, third = W(), W(), W()
    root = F(ws=lightgrid.List(one), more=lightgrid.List(other))
    assert root.ws + root.more == [one, other]
    assert root.ws + [third] == [one, third]  # noqa: RUF005 - it is what is tested
    assert [third] + root.ws == [third, one]  # noqa: RUF005
    assert type(root.ws + root.more) is list
    assert one.name == "root.ws.0"
    with pytest.raises(TypeError):
        root.ws + 1
    with pytest.raises(TypeError):
        () + root.ws  # noqa: RUF005


def test_a_list_inside_a_list_is_removed_and_not_its_equal_neighbour():
    root = F(ws=lightgrid.List(lightgrid.List(), lightgrid.List()))
    second = root.ws[1]
    del root.ws[1]
    assert second.name == "root"
    assert root.ws[0].name == "root.ws.0"
