"""What a work changes is what the flow sees."""

import copy
import itertools
import json

import pytest
from deepdiff import DeepDiff
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lightgrid as L
from lightgrid.testing import run_work, stepping

SCRIPT_COUNT = 1000


# --- scripts of edits -----


def edit(data, script):
    """Apply drawn edits to a JSON document, in place; those that do not fit are passed over."""
    for verb, turns, value in script:
        value = copy.deepcopy(value)
        place = data
        for turn in turns:
            if not place or not isinstance(place, dict | list):
                break
            keys = list(place) if isinstance(place, dict) else range(len(place))
            below = place[keys[turn % len(keys)]]
            if not isinstance(below, dict | list):
                break
            place = below
        at = turns[-1] if turns else 0
        if isinstance(place, list):
            edit_list(place, verb, at, value)
        else:
            edit_dict(place, verb, at, value)


def edit_list(items, verb, at, value):
    if verb == "assign" and items:
        items[at % len(items)] = value
    elif verb == "append":
        items.append(value)
    elif verb == "insert":
        items.insert(at % (len(items) + 1), value)
    elif verb in ("pop", "delete") and items:
        items.pop(at % len(items))
    elif verb == "clear":
        items.clear()


def edit_dict(items, verb, at, value):
    if verb in ("assign", "append", "insert"):
        items["abcde"[at % 5]] = value
    elif verb in ("pop", "delete") and items:
        del items[list(items)[at % len(items)]]
    elif verb == "clear":
        items.clear()


leaves = (
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 2.5, "", "x", "1"])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=6,
)
documents = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)
scripts = st.lists(
    st.tuples(
        st.sampled_from(["assign", "append", "insert", "pop", "delete", "clear"]),
        st.lists(st.integers(0, 7), max_size=4),
        values,
    ),
    max_size=8,
)


class Editor(L.Work):
    def __init__(self):
        super().__init__(parallel=True, cache_calls=False)
        self.data = {}

    def run(self, number, base, script):
        self.data.clear()
        self.data.update(base)
        edit(self.data, script)
        return json.dumps(self.data)


class Root(L.Flow):
    def __init__(self, work):
        super().__init__()
        self.w = work

    def run(self):
        pass


@pytest.mark.timeout(180)
def test_the_flow_has_what_a_work_made_of_its_state_after_any_edits():
    root = Root(Editor())
    numbers = itertools.count(1)

    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)

        @settings(
            max_examples=SCRIPT_COUNT,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(documents, scripts)
        def check(base, script):
            model = copy.deepcopy(base)
            edit(model, script)
            number = next(numbers)
            root.w.run(number, base, [list(step) for step in script])
            app.run_until(lambda: root.w.num_successes == number)
            assert root.w.status.result == json.dumps(model)
            assert not DeepDiff(model, root.w.data, ignore_numeric_type_changes=False)

        check()
    assert next(numbers) > SCRIPT_COUNT


# --- the end of a call -----


class Appender(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.items = []
        self.nested = {"deep": {"er": []}}

    def run(self):
        for number in range(20):
            self.items.append(number)
            self.nested["deep"]["er"].append({"number": number})


class StopAtSuccess(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Appender()
        self.at_first_success = None

    def run(self):
        self.w.run()
        if self.w.has_succeeded:
            self.at_first_success = [len(self.w.items), len(self.w.nested["deep"]["er"])]
            self.stop()


def test_a_flow_that_sees_success_sees_every_change_of_the_call():
    root = StopAtSuccess()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0
    assert root.at_first_success == [20, 20]
    assert root.w.items == list(range(20))


class Pair(L.Work):
    def __init__(self):
        super().__init__()
        self.first = 0
        self.second = 0

    def run(self, count):
        for number in range(1, count + 1):
            self.first = number
            self.second = number


def test_a_flow_sees_only_combinations_that_existed_and_the_last_one():
    result = run_work(Pair(), 200_000)
    pairs = [(one["first"], one["second"]) for one in result.seen]
    assert all(first - second in (0, 1) for first, second in pairs)
    assert pairs == sorted(pairs)
    assert pairs[-1] == (200_000, 200_000)


class Leaving(L.Work):
    def __init__(self):
        super().__init__()
        self.log = []

    def run(self):
        self.log.append("ran")

    def on_start(self):
        self.log.append("started")

    def on_exit(self):
        self.log.append("left")


def test_what_on_start_and_on_exit_change_arrives_too():
    assert run_work(Leaving()).variables == {"log": ["started", "ran", "left"]}


# --- what the flow writes -----


class Adder(L.Work):
    def __init__(self):
        super().__init__(parallel=True, cache_calls=False)
        self.c = 0
        self.given = None

    def run(self, number=0):
        self.c += 1
        return self.given


def test_what_a_flow_writes_travels_with_the_next_call():
    root = Root(Adder())
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.w.run(1)
        app.run_until(lambda: root.w.has_succeeded)
        root.w.given = {"lr": [0.1]}
        root.w.c = 40
        root.w.run(2)
        assert root.w.c == 40
        app.run_until(lambda: root.w.has_succeeded)
        assert root.w.c == 41
        assert root.w.status.result == {"lr": [0.1]}
        root.w.given["lr"].append(0.2)  # in place
        root.w.run(3)
        app.run_until(lambda: root.w.has_succeeded)
        assert root.w.status.result == {"lr": [0.1, 0.2]}


def test_three_queued_calls_go_on_from_each_others_state():
    root = Root(Adder())
    with stepping(root) as app:
        app.run_until(lambda: True)
        for number in range(3):
            root.w.run(number)
        app.run_until(lambda: root.w.num_successes == 3)
        assert root.w.c == 3


# --- what cannot be state -----


class Wrong(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False, cache_calls=False)
        self.items = {"deep": []}
        self.count = 0

    def run(self, how):
        self.count += 1
        if how == "value":
            self.items = {"deep": [1, {1, 2}]}
        elif how == "in place":
            self.items["deep"].append({3})
        elif how == "new name":
            self.surprise = 1
        elif how == "returned":
            return {"result": [object()]}
        return None

    def on_exit(self):
        self.items = {"deep": []}


@pytest.fixture(scope="module")
def wrong():
    """A work that does what it cannot, beside one that does what it should."""

    class Two(L.Flow):
        def __init__(self):
            super().__init__()
            self.wrong = Wrong()
            self.right = Adder()

        def run(self):
            pass

    root = Two()
    messages = {}
    with stepping(root) as app:
        app.run_until(lambda: True)
        for number, how in enumerate(["value", "new name", "returned", "in place"], 1):
            root.wrong.run(how)
            app.run_until(lambda: root.wrong.status.stage.is_end)
            messages[how] = root.wrong.status
            root.right.run(number)
            app.run_until(lambda number=number: root.right.num_successes == number)
    messages["outcome"] = app.outcome
    return messages


@pytest.mark.parametrize(
    ("how", "reason", "parts"),
    [
        ("value", "invalid_state", ["wrong: ", "items.deep.1", "set"]),
        ("in place", "invalid_state", ["wrong: ", "items.deep.0", "set"]),
        ("new name", "user_exception", ["wrong: ", "surprise", "__init__"]),
        ("returned", "invalid_return_value", ["wrong.run()", "result.0", "object"]),
    ],
)
def test_what_cannot_be_state_fails_the_call_and_names_component_and_place(
    wrong, how, reason, parts
):
    assert wrong[how].stage == "failed"
    assert wrong[how].reason == reason
    for part in parts:
        assert part in wrong[how].message


def test_the_flow_and_the_other_works_go_on_beside_a_wrong_one(wrong):
    assert wrong["outcome"].exit_code == 0


def test_a_flow_that_holds_what_cannot_be_state_ends_the_app_and_names_the_place():
    class Bad(L.Flow):
        def __init__(self):
            super().__init__()
            self.items = []

        def run(self):
            self.items.append({1})

    with stepping(Bad()) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 1
    assert "Bad: items.0" in outcome.message
