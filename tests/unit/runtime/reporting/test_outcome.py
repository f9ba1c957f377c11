"""How an app ends by what has happened in one step of it."""

import pytest

from lightgrid.component.flow import FlowExit
from lightgrid.errors import WorkFailedError
from lightgrid.runtime.reporting.outcome import Failure, judge_app

STOP = FlowExit("done", failed=False)
FAIL = FlowExit("cannot", failed=True)
FIRST = Failure("root.a", "Traceback\nValueError: no")
SECOND = Failure("root.pool.0", "it died")


def judged(end=None, errors=(), failures=()):
    return judge_app(end, errors, failures, interrupted_code=130)


def test_by_nothing_an_app_does_not_end():
    assert judged() is None


@pytest.mark.parametrize(
    ("end", "exit_code", "message"),
    [
        (STOP, 0, "done"),
        (FAIL, 1, "cannot"),
        (SystemExit(), 0, ""),
        (SystemExit(0), 0, ""),
        (SystemExit(3), 3, "the flow's run called sys.exit(3)"),
        (SystemExit("why"), 1, "the flow's run called sys.exit('why')"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (KeyError("k"), 1, "the flow's run has failed:\nKeyError: 'k'"),
        (GeneratorExit(), 1, "the flow's run has failed:\nGeneratorExit"),
    ],
    ids=repr,
)
def test_a_flow_ends_its_app(end, exit_code, message):
    outcome = judged(end)
    assert (outcome.exit_code, outcome.message) == (exit_code, message)


def test_of_several_failures_the_first_is_told_whole_and_the_others_are_named():
    outcome = judged(failures=[FIRST, SECOND])
    assert outcome.exit_code == 1
    assert outcome.message == "a has failed:\nTraceback\nValueError: no\npool.0 has failed, too"
    assert isinstance(outcome.exception, WorkFailedError)
    assert outcome.exception.work == "root.a"


@pytest.mark.parametrize("end", [STOP, SystemExit(0)], ids=repr)
def test_a_failure_at_the_moment_of_a_stop_is_no_success(end):
    assert judged(end, failures=[FIRST]).message.startswith("a has failed:")
    assert judged(end, errors=[TypeError("w: a set")]).exit_code == 1


def test_what_the_flow_says_of_its_failure_comes_first():
    outcome = judged(FAIL, [TypeError("w: a set\nmore of it")], [FIRST])
    assert outcome.message.splitlines() == ["cannot", "w: a set", "a has failed, too"]
    assert outcome.exit_code == 1


def test_an_interrupted_app_is_interrupted_whatever_fails_with_it():
    assert judged(KeyboardInterrupt(), failures=[FIRST]).exit_code == 130
