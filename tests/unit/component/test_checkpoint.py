import pytest

import lightgrid as L
from lightgrid.component.node import node_of
from lightgrid.component.status import WorkStage, WorkStatus
from lightgrid.errors import ComponentError, UndeclaredAttributeError


class W(L.Work):
    def __init__(self, x=0):
        super().__init__()
        self.x = x
        self.items = []

    def run(self):
        pass


class Branch(L.Flow):
    def __init__(self):
        super().__init__()
        self.note = ""
        self.w = W()

    def run(self):
        pass


class Root(L.Flow):
    """Makes the members of its list and dict again, as their names say."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.branch = Branch()
        self.many = L.List()
        self.by_name = L.Dict()
        self.late = None

    def run(self):
        pass

    def load_state_dict(self, state, children_states, strict=True):
        for name in children_states:
            first, *rest = name.split(".")
            if first == "many" and len(rest) == 1:
                self.many.append(Branch())
            if first == "by_name" and len(rest) == 1:
                self.by_name[rest[0]] = W()
            if name == "late":
                self.late = W()
        super().load_state_dict(state, children_states, strict)


def grown():
    root = Root()
    root.count = 3
    root.branch.w.items = [1, {"a": (2, b"x")}]
    for number in range(4):
        root.many.append(Branch())
        root.many[number].w.x = number
    del root.many[1]
    root.many.insert(0, Branch())
    root.by_name["z"] = W(26)
    root.by_name["a"] = W(1)
    root.late = W(9)
    return root


def test_a_tree_with_dynamic_children_is_the_same_after_a_round_trip():
    before = L.App(grown())
    after = L.App(Root())
    after.load_state_dict(before.state_dict())
    assert after.state == before.state
    assert after.state_dict() == before.state_dict()
    assert [flow.name for flow in after.root.many] == [
        "root.many.4", "root.many.0", "root.many.2", "root.many.3",
    ]  # fmt: skip
    assert [flow.w.x for flow in after.root.many] == [0, 0, 2, 3]
    assert after.get_component_by_name("root.many.3.w") is after.root.many[3].w
    after.root.many.append(Branch())
    assert after.root.many[-1].name == "root.many.5"


def test_what_was_saved_shares_nothing_with_the_components():
    root = grown()
    saved = L.App(root).state_dict()
    root.branch.w.items[1]["a"] = None
    assert saved["root.branch.w"]["vars"]["items"] == [1, {"a": (2, b"x")}]
    other = L.App(Root())
    other.load_state_dict(saved)
    other.root.branch.w.items.append(3)
    assert len(saved["root.branch.w"]["vars"]["items"]) == 2


def test_calls_that_had_ended_are_known_again_and_one_that_had_not_is_made_again():
    root = Root()
    table = node_of(root.branch.w).calls
    for key, stage in (("a", WorkStage.SUCCEEDED), ("b", WorkStage.FAILED), ("c", None)):
        table.add(key, f"id {key}", WorkStatus(WorkStage.PENDING))
        if stage is not None:
            table.advance(f"id {key}", WorkStatus(stage, returned=1, time_s=5.0))
    after = Root()
    L.App(after).load_state_dict(L.App(root).state_dict())
    loaded = node_of(after.branch.w).calls
    assert list(loaded.records) == ["a", "b"]
    assert not loaded.decide("a", cache_calls=True, parallel=True).sends
    assert loaded.decide("c", cache_calls=True, parallel=True).sends
    assert after.branch.w.num_successes == 1


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda states: states["root"]["vars"].pop("count"), r"root: .*lacks \['count'\]"),
        (lambda states: states["root.branch.w"]["vars"].update(y=1), r"root.branch.w: .*\['y'\]"),
        (lambda states: states.pop("root.branch"), "there is no state for root.branch;"),
        (lambda states: states.update({"root.gone": {}}), "there is a state for root.gone, but"),
        (
            lambda states: states.update({"root.branch.gone.w": {}}),
            "there is a state for root.branch.gone.w, but no such component. Make it again in "
            "load_state_dict of root.branch",
        ),
        (
            lambda states: states["root.many"]["members"].append("7"),
            "root.many: the state has 1 members, the list 0",
        ),
    ],
)
def test_what_does_not_fit_is_an_error_that_names_it_or_is_left_out(spoil, said):
    states = L.App(Root()).state_dict()
    spoil(states)
    with pytest.raises(ComponentError, match=said):
        L.App(Root()).load_state_dict(states)
    root = Root()
    L.App(root).load_state_dict(states, strict=False)
    assert root.count == 0


def test_set_state_takes_a_state_tree_back_and_refuses_what_is_not_declared():
    before, after = Root(), Root()
    before.count = 7
    before.branch.note = "n"
    before.branch.w.items = [1]
    after.set_state(before.state)
    assert after.state_vars == before.state_vars
    with pytest.raises(UndeclaredAttributeError):
        after.set_state({"vars": {"other": 1}})
    with pytest.raises(ComponentError, match=r"[Rr]oot has no component 'nobody'"):
        after.set_state({"vars": {}, "works": {"nobody": {"vars": {}}}})


def test_components_are_found_by_their_names():
    app = L.App(grown())
    assert app.get_component_by_name("root") is app.root
    for name, work in app.named_works:
        assert app.get_component_by_name(name) is work
    for flow in app.flows:
        assert app.get_component_by_name(flow.name) is flow
    assert app.get_component_by_name("root.by_name.z").x == 26
    with pytest.raises(ValueError, match="begins with root"):
        app.get_component_by_name("branch.w")
    with pytest.raises(AttributeError, match=r"root.branch has no component 'v'; it has: w"):
        app.get_component_by_name("root.branch.v")


def test_works_come_by_name_then_those_of_flows_then_those_of_structures():
    names = [work.name.removeprefix("root.") for work in grown().works()]
    assert names == [
        "late", "branch.w", "by_name.z", "by_name.a",
        "many.4.w", "many.0.w", "many.2.w", "many.3.w",
    ]  # fmt: skip
    assert [work.name for work in grown().works(recurse=False)] == ["root.late"]


class Noting(L.Flow):
    """Notes which children it is told to make again."""

    def __init__(self, **children):
        super().__init__()
        self._told = None
        for name, child in children.items():
            setattr(self, name, child)

    def run(self):
        pass

    def load_state_dict(self, state, children_states, strict=True):
        self._told = sorted(children_states)
        super().load_state_dict(state, children_states, strict=False)


def test_a_flow_is_told_what_it_has_to_make_again_by_names_as_they_are_from_it():
    def tree(**late):
        return Noting(fixed=W(), many=L.List(), below=Noting(fixed=W(), **late))

    before = tree(late=Noting(w=W()))
    before.dynamic = Noting(w=W())
    before.many.append(W())
    after = tree()
    L.App(after).load_state_dict(L.App(before).state_dict(), strict=False)
    assert after._told == ["dynamic", "dynamic.w", "many.0"]
    assert after.below._told == ["late", "late.w"]


def test_a_flow_that_was_made_again_is_told_in_turn_what_is_below_it():
    class Maker(Noting):
        def load_state_dict(self, state, children_states, strict=True):
            self.dynamic = Noting()
            super().load_state_dict(state, children_states, strict)

    before = Maker()
    before.dynamic = Noting(w=W())
    after = Maker()
    L.App(after).load_state_dict(L.App(before).state_dict(), strict=False)
    assert after._told == ["dynamic", "dynamic.w"]
    assert after.dynamic._told == ["w"]
