"""What an end means: the table of `FailurePolicy`, line by line."""

import pytest

from lightgrid.component.failure_policy import End, Fails, FailurePolicy
from lightgrid.component.restart import Restart

#: What fails where nothing is made again, and whether the app ends: with a call that had no
#: end, with calls that wait behind it, and with nothing to do.
TABLE = {
    End.RETURNED: [(Fails.NOTHING, False)] * 3,
    End.RAISED: [(Fails.ITS_CALLS, True)] * 2,
    End.TOOK_TOO_LONG: [(Fails.ITS_CALLS, True)] * 2,
    End.PROGRAM_FAILED: [(Fails.WORK, True), (Fails.ITS_CALLS, True), (Fails.NOTHING, False)],
    End.DIED: [(Fails.WORK, True), (Fails.WORK, True), (Fails.WORK, False)],
    End.NEVER_JOINED: [(Fails.WORK, True)] * 3,
    End.NOT_LAUNCHED: [(Fails.WORK, True)] * 3,
    End.LOST: [(Fails.WORK, True), (Fails.WORK, True), (Fails.WORK, False)],
}
COUNTS = [{"calls": 1}, {"calls": 2, "waiting": 1}, {"calls": 0}]
ROWS = [
    pytest.param(end, counts, expected, id=f"{end.name} {counts}")
    for end, row in TABLE.items()
    for counts, expected in zip(COUNTS, row, strict=False)
]
MADE_AGAIN = [End.RAISED, End.TOOK_TOO_LONG, End.PROGRAM_FAILED, End.DIED, End.NEVER_JOINED]


def policy(when="never", *, raise_exception=True, **more):
    return FailurePolicy(Restart(when, **more), raise_exception=raise_exception)


@pytest.mark.parametrize(("end", "counts", "expected"), ROWS)
def test_what_an_end_means_where_nothing_is_made_again(end, counts, expected):
    verdict = policy().judge(end, **counts)
    assert not verdict.again
    assert (verdict.fails, verdict.ends_app) == expected


@pytest.mark.parametrize("end", End)
def test_a_work_that_may_fail_never_ends_the_app(end):
    assert not policy(raise_exception=False).judge(end).ends_app


@pytest.mark.parametrize("end", MADE_AGAIN)
def test_what_is_made_again_is_no_failure(end):
    verdict = policy("on_failure").judge(end)
    assert verdict.again
    assert (verdict.fails, verdict.ends_app) == (Fails.NOTHING, False)


@pytest.mark.parametrize("end", [End.NOT_LAUNCHED, End.LOST])
@pytest.mark.parametrize("when", ["on_failure", "always"])
def test_what_could_not_be_started_or_is_lost_is_never_made_again(end, when):
    assert not policy(when).judge(end).again


def test_a_call_that_returned_is_made_again_only_always():
    assert [policy(when).judge(End.RETURNED).again for when in ("never", "on_failure", "always")] \
        == [False, False, True]  # fmt: skip


@pytest.mark.parametrize("when", ["on_failure", "always"])
def test_where_there_can_be_no_other_process_nothing_is_made_again(when):
    for end in (End.RETURNED, End.RAISED, End.TOOK_TOO_LONG):
        assert not policy(when).judge(end, can_restart=False).again


def test_a_process_goes_only_with_a_call_that_it_would_not_let_go():
    assert policy().judge(End.TOOK_TOO_LONG).ends_process
    assert not policy().judge(End.RAISED).ends_process
    assert policy("on_failure").judge(End.RAISED).ends_process
    assert not policy("always").judge(End.RETURNED).ends_process


def test_a_process_that_had_nothing_to_do_is_not_started_again():
    verdict = policy("always").judge(End.DIED, calls=0)
    assert not verdict.again
    assert verdict.fails is Fails.WORK


def test_failures_in_a_row_use_up_the_attempts_and_a_return_begins_anew():
    judged = policy("on_failure", max_attempts=2)
    assert [judged.judge(End.RAISED).again for _ in range(3)] == [True, False, False]
    judged.judge(End.RETURNED)
    assert judged.judge(End.DIED).again


def test_a_healthy_life_begins_anew_and_a_short_one_does_not():
    judged = policy("on_failure", max_attempts=2, healthy_after_s=10.0)
    judged.judge(End.DIED)
    judged.lived(9.0)
    assert not judged.judge(End.DIED).again
    judged.lived(11.0)
    assert judged.judge(End.DIED).again


def test_the_pause_before_the_next_process_grows_with_failures_in_a_row():
    judged = policy("on_failure", first_delay_s=1.0, factor=10.0, max_delay_s=1000.0)
    assert judged.delay_s() == 0.0
    judged.judge(End.DIED)
    assert 0.5 <= judged.delay_s() <= 1.0
    judged.judge(End.DIED)
    assert 5.0 <= judged.delay_s() <= 10.0
