"""One call of a work and its end, with nobody at the other side."""

import pickle

import pytest

from lightgrid.component.calling import run_as_written
from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.errors import UnsupportedValueError
from lightgrid.protocol.messages import CallErrorReason, CallState, Run
from lightgrid.worker.calls import execute_call
from lightgrid.worker.coroutines import Coroutines
from lightgrid.worker.interrupt import CallCancelled, Interrupter

LIMIT_BYTES = 10_000


class Sample(Work):
    def __init__(self):
        super().__init__()
        self._handled = None

    def run(self, what, *rest, **named):
        if callable(what):
            return what()
        return [what, rest, named]

    async def soon(self, what):
        return what

    def on_exception(self, exception):
        if self._handled is None or not isinstance(exception, self._handled):
            raise exception


@pytest.fixture
def work():
    work = Sample()
    node_of(work).key = "w"
    run_as_written(node_of(work), None)
    return work


@pytest.fixture
def interrupter():
    return Interrupter(lambda: None)


@pytest.fixture
def execute(work, interrupter):
    coroutines = Coroutines(interrupter)
    left = []

    def execute(*args, method_name="run", **more):
        run = Run("call", method_name, args, **more)
        end = execute_call(work, run, interrupter, coroutines, left.append, LIMIT_BYTES)
        assert end.call_id == "call"
        return end

    execute.left = left
    yield execute
    coroutines.close()


def failure():
    raise ValueError("no luck")


def test_what_run_returns_is_the_result_and_a_copy(execute):
    mine = [1]
    end = execute(lambda: mine)
    assert (end.state, end.result) == (CallState.SUCCEEDED, [1])
    assert end.result is not mine


def test_arguments_come_as_values_or_as_a_pickle(execute):
    assert execute(1, 2, kwargs={"a": 3}).result == [1, (2,), {"a": 3}]
    pickled = pickle.dumps(((1, 2), {"b": 4}))
    assert execute(5, python_arguments=pickled).result == [1, (2,), {"b": 4}]


def test_another_method_may_be_called_also_a_coroutine(execute):
    assert execute(7, method_name="soon").result == 7


def test_an_exception_fails_the_call_with_type_message_and_the_users_frames(execute):
    end = execute(failure)
    assert end.state is CallState.FAILED
    assert (end.error.type_name, end.error.message) == ("ValueError", "no luck")
    assert end.error.trace.endswith("ValueError: no luck\n")
    assert "worker/calls.py" not in end.error.trace
    assert not end.error.is_permanent


def test_a_call_that_cannot_be_read_or_names_no_method_is_an_invalid_call(execute):
    for end in (
        execute(1, method_name="nothing"),
        execute(1, method_name="name"),
        execute(python_arguments=b"no pickle"),
    ):
        assert end.error.reason is CallErrorReason.INVALID_CALL
        assert end.error.is_permanent


def test_what_cannot_be_state_is_an_invalid_state_and_not_what_is_only_called_so(execute):
    def fail_as(kind):
        def fail():
            raise kind

        return fail

    unfit = UnsupportedValueError(("x",), "a set cannot be state")
    assert execute(fail_as(unfit)).error.reason is CallErrorReason.INVALID_STATE
    for name in ("UnsupportedValueError", "InvalidReturnValue"):
        error = execute(fail_as(type(name, (Exception,), {}))).error
        assert (error.type_name, error.reason) == (name, CallErrorReason.USER_EXCEPTION)
        assert not error.is_permanent


def test_an_exception_that_on_exception_handles_is_a_success_without_a_result(work, execute):
    work._handled = ValueError
    end = execute(failure)
    assert (end.state, end.result) == (CallState.SUCCEEDED, None)


def test_an_exception_whose_message_cannot_be_shown_is_told_all_the_same(execute):
    class OddError(Exception):
        def __str__(self):
            raise KeyError

    def fail():
        raise OddError

    end = execute(fail)
    assert end.error.type_name == "OddError"
    assert "cannot be shown: KeyError" in end.error.message


@pytest.mark.parametrize(
    ("result", "said"),
    [
        ({"a": {1}}, "returned a dict at a: a value of type set cannot be state"),
        ("x" * LIMIT_BYTES, f"returned a str: {LIMIT_BYTES + 3:,} bytes do not fit"),
        (["x" * 1000] * 10, "returned a list: 10,0"),
    ],
)
def test_a_result_that_cannot_be_told_fails_the_call_for_good_and_names_run(execute, result, said):
    end = execute(lambda: result)
    assert (end.state, end.error.type_name) == (CallState.FAILED, "TypeError")
    assert end.error.reason is CallErrorReason.INVALID_RETURN_VALUE
    assert f"w.run() {said}" in end.error.message
    assert "in run" in end.error.trace
    assert end.error.is_permanent


def test_a_result_that_just_fits_is_a_result(execute):
    numbers = [float(number) for number in range(700)]  # packed, 8 bytes each
    assert execute(lambda: numbers).result == numbers


def test_a_call_that_was_cancelled_says_so_whatever_its_code_makes_of_it(execute, interrupter):
    def cancelled():
        raise CallCancelled

    assert execute(cancelled).state is CallState.CANCELLED
    interrupter.interrupt(CallCancelled)
    assert execute(failure).state is CallState.CANCELLED
    interrupter.end_call()


def test_the_end_of_user_code_is_told_so_that_a_forked_child_ends_there(execute):
    execute(1)
    execute(failure)
    assert [type(error) for error in execute.left] == [type(None), ValueError]


def test_a_debugger_without_a_terminal_is_told_what_to_do(execute):
    class BdbQuit(Exception):  # noqa: N818 - bdb's name
        pass

    def fail():
        raise BdbQuit

    assert "breakpoint() says what to do" in execute(fail).error.message
