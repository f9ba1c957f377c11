"""What is state of a component, and what is refused."""

import collections
import enum

import numpy as np
import pytest

import lightgrid
from lightgrid.errors import (
    ComponentError,
    LightgridError,
    UndeclaredAttributeError,
    UnsupportedValueError,
)


class Counter(lightgrid.Work):
    def __init__(self, count=0):
        super().__init__()
        self.count = count

    def run(self):
        self.count += 1


class Root(lightgrid.Flow):
    def __init__(self):
        super().__init__()
        self.x = 0
        self.items = []
        self.later = None
        self.w = Counter()


class Any(lightgrid.Flow):
    def __init__(self, **variables):
        super().__init__()
        for name, value in variables.items():
            setattr(self, name, value)


def variables(component):
    return component.state["vars"]


def test_public_attributes_set_in_init_are_state_and_private_ones_are_not():
    class Mixed(lightgrid.Flow):
        def __init__(self):
            super().__init__()
            self.b = 1
            self._hidden = object()
            self.a = "x"

    assert variables(Mixed()) == {"b": 1, "a": "x"}


def test_class_attributes_are_not_state_until_they_are_set_on_the_instance():
    class WithDefault(lightgrid.Flow):
        a = 1
        b = 2

        def __init__(self):
            super().__init__()
            self.b = 3

    flow = WithDefault()
    assert variables(flow) == {"b": 3}
    with pytest.raises(UndeclaredAttributeError):
        flow.a = 2


def test_helpers_that_init_calls_may_set_state_whatever_they_call_self():
    class Helped(lightgrid.Flow):
        def __init__(this):  # noqa: N805
            super().__init__()
            this.set_up()

        def set_up(me):  # noqa: N805
            me.a = 1

    assert variables(Helped()) == {"a": 1}


def test_another_components_init_does_not_open_the_names_of_this_one():
    root = Root()

    class Meddler(lightgrid.Flow):
        def __init__(self):
            super().__init__()
            root.new = 1

    with pytest.raises(UndeclaredAttributeError):
        Meddler()


def test_a_new_public_name_after_init_is_refused_and_leaves_no_trace():
    root = Root()
    with pytest.raises(
        AttributeError, match="Cannot set attributes that were not defined in __init__: new"
    ):
        root.new = 1
    assert not hasattr(root, "new")
    assert "new" not in variables(root)


def test_a_defined_name_may_be_assigned_from_anywhere_with_another_type():
    root = Root()
    for value in (1, 1.5, "a", None, [1], {"k": (1,)}, b"b", True):
        root.x = value
        assert root.x == value
        assert type(root.x) is type(value)
        assert type(variables(root)["x"]) is type(value)


def test_private_attributes_may_come_at_any_time_and_be_deleted():
    root = Root()
    root._extra = {1, 2}
    del root._extra
    assert not hasattr(root, "_extra")


def test_a_property_with_a_setter_is_used_and_is_no_state():
    class WithProperty(lightgrid.Flow):
        def __init__(self):
            super().__init__()
            self._child = None
            self.stored = 0

        @property
        def value(self):
            return self.stored

        @value.setter
        def value(self, new):
            self.stored = new + 1

        @property
        def child(self):
            return self._child

        @child.setter
        def child(self, new):
            self._child = new

    flow = WithProperty()
    flow.value = 4
    assert variables(flow) == {"stored": 5}
    work = Counter()
    flow.child = work
    assert flow.child is work
    assert flow.works() == []


def test_a_property_without_a_setter_says_so():
    class WithProperty(lightgrid.Flow):
        @property
        def total(self):
            return 1

    with pytest.raises(AttributeError, match="setter"):
        WithProperty().total = 2


@pytest.mark.parametrize(
    "name", ["run", "stop", "flush", "on_exit", "name", "status", "state", "url", "host"]
)
def test_a_work_may_not_use_a_name_of_the_framework_for_state(name):
    class Bad(Counter):
        def __init__(self):
            super().__init__()
            setattr(self, name, 1)

    with pytest.raises(ComponentError, match=f"Bad: {name} is what lightgrid calls"):
        Bad()


def test_the_callable_that_makes_calls_cannot_be_deleted():
    with pytest.raises(AttributeError, match="belongs to lightgrid"):
        del Root().w.run


def test_state_and_components_cannot_be_deleted():
    root = Root()
    with pytest.raises(LightgridError, match="x is state and cannot be deleted; set it to None"):
        del root.x
    with pytest.raises(LightgridError, match="the component w cannot be deleted"):
        del root.w
    assert [work.name for work in root.works()] == ["root.w"]


class TestForgottenInit:
    def test_it_is_told_at_the_first_assignment(self):
        class Forgetful(lightgrid.Work):
            def __init__(self):
                self.x = 0

            def run(self):
                pass

        with pytest.raises(ComponentError, match=r"Did you forget to call super\(\).__init__\(\)"):
            Forgetful()

    def test_it_is_told_without_any_assignment(self):
        class Forgetful(lightgrid.Flow):
            def __init__(self):
                pass

        with pytest.raises(ComponentError, match=r"Forgetful: Did you forget to call super\(\)"):
            Forgetful()

    def test_it_is_told_when_a_component_is_attached(self):
        class Forgetful(lightgrid.Flow):
            def __init__(self):
                self.w = Counter()

        with pytest.raises(ComponentError, match=r"Did you forget to call super\(\).__init__\(\)"):
            Forgetful()


def test_a_work_without_run_cannot_be_made():
    class Idle(lightgrid.Work):
        pass

    with pytest.raises(TypeError, match="run"):
        Idle()


class TestValues:
    @pytest.mark.parametrize(
        "value",
        [
            None, True, 1, 1.5, "a", b"a", [], [1, [2]], (1, (2,)), {"a": {"b": []}},
            collections.Counter("aab"), collections.OrderedDict(a=1), float("inf"),
            enum.IntEnum("Level", "LOW").LOW, np.float64(1.5), {"a": None}.copy(),
        ],
    )  # fmt: skip
    def test_it_is_accepted(self, value):
        assert variables(Any(x=value))["x"] == value

    @pytest.mark.parametrize(
        "value",
        [
            {1}, object(), print, 1j, range(3), np.complex64(1), np.zeros(2), 2**63, "\ud800",
            {1: "a"}, {("a",): 1}, [0, {"a": {1}}], (object(),),
        ],
    )  # fmt: skip
    def test_it_is_refused_where_it_is_assigned_and_the_old_value_stays(self, value):
        with pytest.raises(UnsupportedValueError, match=r"^Any: x"):
            Any(x=value)
        flow = Any(x=None)
        with pytest.raises(AttributeError):
            flow.x = value
        assert flow.x is None
        assert variables(flow) == {"x": None}

    def test_the_error_names_component_and_path(self):
        root = Root()
        root.inner = Any(a=None)
        with pytest.raises(UnsupportedValueError, match=r"^inner: a\.0\.b: "):
            root.inner.a = [{"b": object()}]


class TestComponentsAsAttributes:
    def test_they_are_named_by_their_attribute(self):
        root = Root()
        root.sub = Root()
        assert root.name == "root"
        assert root.w.name == "root.w"
        assert root.sub.w.name == "root.sub.w"

    def test_a_flow_that_is_built_alone_has_names_of_its_own(self):
        sub = Root()
        assert sub.w.name == "root.w"
        root = Root()
        root.sub = sub
        assert sub.w.name == "root.sub.w"

    def test_none_gives_way_to_a_component(self):
        root = Root()
        root.later = Counter(3)
        assert "later" not in variables(root)
        assert root.later.name == "root.later"
        assert root.state["works"]["later"]["vars"] == {"count": 3}

    def test_a_new_name_may_be_a_component_after_init(self):
        root = Root()
        root.extra = Counter()
        root.group = [Counter(), Counter()]
        assert [work.name for work in root.works()] == [
            "root.extra", "root.w", "root.group.0", "root.group.1",
        ]  # fmt: skip

    @pytest.mark.parametrize("other", [None, 1, [], Counter])
    def test_a_bound_name_cannot_be_bound_to_something_else(self, other):
        root = Root()
        work = root.w
        with pytest.raises(ComponentError, match=r"can't be changed once defined"):
            root.w = other() if other is Counter else other
        assert root.w is work

    def test_a_bound_name_can_be_bound_to_the_same_again(self):
        root = Root()
        root.group = [Counter()]
        before = root.group
        root.w = root.w
        root.group = root.group
        root.group += [Counter()]
        assert root.group is before
        assert [work.name for work in root.works()] == ["root.w", "root.group.0", "root.group.1"]

    def test_rebinding_a_group_does_not_take_its_members_along(self):
        root = Root()
        root.group = [Counter()]
        stray = Counter()
        with pytest.raises(ComponentError, match="can't be changed once defined"):
            root.group = [stray]
        root.extra = stray
        assert stray.name == "root.extra"

    def test_a_component_has_one_place(self):
        root = Root()
        with pytest.raises(ComponentError, match=r"already is w; one place is enough"):
            root.again = root.w
        assert not hasattr(root, "again")

    def test_a_component_cannot_be_inside_itself(self):
        root, sub = Root(), Root()
        root.sub = sub
        for bad in (root, sub):
            with pytest.raises(ComponentError):
                sub.loop = bad
        with pytest.raises(ComponentError, match="cannot be inside itself"):
            root.loop = root
        assert list(root.flows) == ["root.sub"]

    def test_a_work_cannot_contain_components(self):
        class Greedy(lightgrid.Work):
            def __init__(self, thing):
                super().__init__()
                self.thing = thing

            def run(self):
                pass

        for thing in (Counter(), Root(), [Counter()], {"a": Counter()}, lightgrid.List()):
            with pytest.raises(LightgridError, match=r"Greedy.*only flows can have components"):
                Greedy(thing)

    def test_a_list_of_components_and_other_things_is_refused_with_what_to_do(self):
        with pytest.raises(UnsupportedValueError) as refused:
            Any(group=[Counter(), 1])
        assert str(refused.value) == (
            "Any: group.0: a Counter is a component, which a plain list or dict cannot hold: "
            "set self.group = L.structures.List() in __init__, or L.structures.Dict()"
        )


class TestState:
    def test_it_is_a_copy_with_all_below(self):
        root = Root()
        root.items.append(1)
        state = root.state
        state["vars"]["items"].append(2)
        assert root.items == [1]
        assert state["works"]["w"]["vars"] == {"count": 0}
        assert state["works"]["w"]["status"]["stage"] == "not_started"
        assert set(root.state_vars) == {"vars", "flows", "works", "structures"}

    def test_it_can_be_set_here_and_below(self):
        root = Root()
        root.set_state({"vars": {"x": 3}, "works": {"w": {"vars": {"count": 7}}}})
        assert (root.x, root.w.count, root.items) == (3, 7, [])

    def test_setting_an_unknown_variable_changes_nothing(self):
        root = Root()
        with pytest.raises(UndeclaredAttributeError, match="not defined in __init__: y"):
            root.set_state({"vars": {"x": 3, "y": 4}})
        assert root.x == 0

    def test_setting_the_state_of_a_component_that_is_not_there_is_refused(self):
        with pytest.raises(ComponentError, match="no component 'v'"):
            Root().set_state({"works": {"v": {"vars": {}}}})
