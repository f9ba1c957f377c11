"""What is too large: the call fails and says what, where and by which limit; all else arrives."""

import time

import pytest

import lightgrid as L
from lightgrid.errors import UnsupportedValueError
from lightgrid.state.sizes import MAX_NODES, MAX_PIECE_BYTES
from lightgrid.testing import stepping

MB = 10**6

RESULTS = {
    "a long text": lambda: "x" * (5 * MB),
    "a long list": lambda: ["x" * MB] * 5,
}
VALUES = {
    "a long text": lambda: "x" * (5 * MB),
    "a long tuple": lambda: tuple(float(number) for number in range(700_000)),
    "a long key": lambda: ({"k" * (5 * MB): 1},),
    "too many values": lambda: [0] * (MAX_NODES + 1),
    "too many bytes": lambda: ["x" * (3 * MB)] * 100,
}


class Big(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, raise_exception=False, **options)
        self.items = []
        self.value = None
        self.attempts = 0
        self.length = 0

    def run(self, how, what=None):
        self.items.append(how)
        self.attempts += 1
        self.length = len(self.value or ())
        self.value = None
        if how == "results":
            return RESULTS[what]()
        if how == "values":
            self.value = VALUES[what]()
        if how == "takes":
            return len(what)
        return None


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Big()
        self.again = Big(restart="on_failure")
        self.outside = L.ExternalWork(items=[])
        self.mine = None

    def run(self):
        pass


@pytest.fixture(scope="module")
def app():
    with stepping(Root(), see=lambda: None) as app:
        app.run_until(lambda: True)
        yield app


def call(app, work, *args):
    """Make a call and see it through; return its end, and the process it came from."""
    status_before = work.status
    work.run(*args)
    app.run_until(lambda: work.status is not status_before and work.status.stage.is_end)
    return work.status


@pytest.mark.parametrize("what", RESULTS)
def test_a_result_that_is_too_large_fails_its_call_and_nothing_else_is_lost(app, what):
    work = app.app.root.w
    count = len(work.items)
    end = call(app, work, "results", what)
    assert (end.stage, end.reason) == ("failed", "invalid_return_value")
    assert "do not fit into one message, which has room for" in end.message
    assert len(work.items) == count + 1
    assert call(app, work, "takes", what).result == len(what)  # the process goes on
    assert end.attempt == work.status.attempt == 1


@pytest.mark.parametrize("what", VALUES)
def test_a_value_that_is_too_large_fails_its_call_and_nothing_else_is_lost(app, what):
    work = app.app.root.w
    count = len(work.items)
    end = call(app, work, "values", what)
    assert (end.stage, end.reason) == ("failed", "invalid_state")
    assert "w: value" in end.message
    assert str(f"{MAX_PIECE_BYTES:,}") in end.message or "limit" in end.message
    assert (len(work.items), work.value) == (count + 1, None)
    assert call(app, work, "takes", f"after {what}").stage == "succeeded"


def test_a_list_of_a_hundred_megabytes_travels_as_state_and_as_an_argument(app):
    work = app.app.root.w
    chunks = ["x" * MB] * 100
    assert call(app, work, "takes", chunks).result == 100
    work.value = chunks
    assert call(app, work, "takes", "it").stage == "succeeded"
    assert work.length == 100
    assert call(app, work, "takes", b"x" * (5 * MB)).result == 5 * MB


def test_what_fails_for_good_is_not_made_again(app):
    work = app.app.root.again
    for how, what in (("results", "a long list"), ("values", "a long tuple")):
        end = call(app, work, how, what)
        assert (end.stage, end.attempt) == ("failed", 1)
    assert work.attempts == 2


def test_arguments_that_are_too_large_are_refused_at_the_flows_line(app):
    root = app.app.root
    with pytest.raises(L.ComponentError, match=r"w\.run\(\): the arguments take 300,"):
        root.w.run("takes", b"x" * (300 * MB))
    with pytest.raises(L.ComponentError, match=r"outside.*argument 1, a list, takes"):
        root.outside.run(["x" * MB] * 5)


def test_what_the_flow_writes_is_refused_at_its_line_when_it_is_too_large(app):
    root = app.app.root
    for component, name in ((root, "mine"), (root.w, "value")):
        for what, make in VALUES.items():
            if component is root and what.startswith("too many"):
                continue  # only works' states are bounded
            with pytest.raises(UnsupportedValueError, match=f"{name}.*(bytes|values)"):
                setattr(component, name, make())


@pytest.mark.parametrize("what", VALUES)
def test_a_first_value_that_is_too_large_is_refused_where_it_is_assigned(what):
    class First(L.Work):
        def __init__(self):
            super().__init__()
            self.value = VALUES[what]()

        def run(self):
            pass

    with pytest.raises(UnsupportedValueError, match="value"):
        First()


def test_first_values_that_are_too_large_together_are_refused_where_the_work_is_made():
    with pytest.raises(UnsupportedValueError, match=r"b: with this value .* max_nodes"):
        L.ExternalWork(a=[0] * 400_000, b=[0] * 700_000)


class Tidy(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False)
        self.items = []

    def run(self, is_bad):
        if is_bad:
            self.items.append({1})
            return
        # Long enough for many looks at what the last call has left.
        deadline_s = time.monotonic() + 0.3
        while time.monotonic() < deadline_s:
            time.sleep(0.001)
        self.items = ["good"]


def test_a_call_may_replace_what_the_last_one_has_left_in_a_variable_and_cannot_be_state():
    class Root(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Tidy()

        def run(self):
            pass

    root = Root()
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)
        assert call(app, root.w, True).reason == "invalid_state"
        assert call(app, root.w, False).stage == "succeeded"
        assert root.w.items == ["good"]
