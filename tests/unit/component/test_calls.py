"""Which calls of a work are made."""

import contextlib

import pytest
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component import calls as calls_module
from lightgrid.component.calls import CallPending, CallTable
from lightgrid.component.status import StatusReason, WorkStage
from lightgrid.errors import ComponentError


class W(lightgrid.Work):
    def run(self, *args, **kwargs):
        raise AssertionError("this runs in the flow's process")


class Root(lightgrid.Flow):
    def __init__(self, **options):
        super().__init__()
        self.w = W(**options)


@pytest.fixture
def make():
    def make(**options):
        root = Root(**options)
        return FakeApp(root), root.w

    return make


def test_a_parallel_call_is_made_once_while_it_goes_on(make):
    app, work = make(parallel=True)
    assert work.run(1) is None
    work.run(1)
    app.moved(work, WorkStage.RUNNING)
    work.run(1)
    assert app.calls == [("root.w", (1,), {})]


def test_calls_with_other_arguments_are_made_and_old_ones_are_not_made_again(make):
    app, work = make(parallel=True)
    for argument in (1, 2, 1):
        work.run(argument)
        app.moved(work, WorkStage.SUCCEEDED)
    assert [args for _, args, _ in app.calls] == [(1,), (2,)]


def test_without_cache_a_call_is_made_again_after_it_succeeded_and_not_before(make):
    app, work = make(parallel=True, cache_calls=False)
    for _ in range(3):
        work.run()
        work.run()
        app.moved(work, WorkStage.RUNNING)
        work.run()
        app.moved(work, WorkStage.SUCCEEDED)
    assert len(app.calls) == 3
    assert work.num_successes == 3


def test_a_call_that_is_not_parallel_holds_the_flow_up_until_it_is_complete(make):
    app, work = make()
    with pytest.raises(CallPending):
        work.run()
    app.moved(work, WorkStage.RUNNING)
    with pytest.raises(CallPending):
        work.run()
    app.moved(work, WorkStage.SUCCEEDED)
    assert work.run() is None
    assert len(app.calls) == 1


def test_without_cache_and_not_parallel_the_flow_never_gets_past_the_call(make):
    app, work = make(cache_calls=False)
    for count in range(1, 4):
        with pytest.raises(CallPending):
            work.run()
        assert len(app.calls) == count
        app.moved(work, WorkStage.SUCCEEDED)


def run_and_catch_exceptions(work):
    with contextlib.suppress(Exception):
        work.run()


def test_except_exception_does_not_stop_a_pending_call(make):
    _, work = make()
    with pytest.raises(CallPending):
        run_and_catch_exceptions(work)


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize("cache_calls", [True, False])
@pytest.mark.parametrize("end", [WorkStage.FAILED, WorkStage.STOPPED])
def test_a_call_that_failed_or_was_stopped_lets_the_flow_go_on_and_is_not_made_again(
    make, parallel, cache_calls, end
):
    app, work = make(parallel=parallel, cache_calls=cache_calls, raise_exception=False)
    try:
        work.run(1)
    except CallPending:
        assert not parallel
    app.moved(work, end)
    assert work.run(1) is None
    assert len(app.calls) == 1


class TestRetry:
    @pytest.mark.parametrize("end", [WorkStage.FAILED, WorkStage.STOPPED])
    def test_the_newest_call_is_made_again_with_the_same_arguments(self, make, end):
        app, work = make(parallel=True)
        work.run(1, a=2)
        app.moved(work, end)
        assert work.retry() is True
        work.run(1, a=2)
        work.run(1, a=2)
        assert app.calls == [("root.w", (1,), {"a": 2})] * 2
        assert work.is_pending

    @pytest.mark.parametrize("stage", [WorkStage.PENDING, WorkStage.RUNNING, WorkStage.SUCCEEDED])
    def test_nothing_happens_when_the_newest_call_has_not_failed(self, make, stage):
        app, work = make(parallel=True)
        assert work.retry() is False
        work.run()
        app.moved(work, stage)
        assert work.retry() is False
        work.run()
        assert len(app.calls) == 1

    def test_an_older_call_is_left_alone(self, make):
        app, work = make(parallel=True)
        work.run(1)
        app.moved(work, WorkStage.FAILED)
        work.run(2)
        app.moved(work, WorkStage.SUCCEEDED)
        assert work.retry() is False


class TestStatus:
    def test_it_is_that_of_the_newest_call_from_the_moment_it_is_made(self, make):
        app, work = make(parallel=True)
        assert not work.has_started
        work.run(1)
        assert work.is_pending
        assert work.has_started
        app.moved(work, WorkStage.RUNNING)
        assert work.is_running
        app.moved(work, WorkStage.SUCCEEDED, result=[1])
        assert work.has_succeeded
        assert work.status.result == [1]
        assert [one.stage for one in work.statuses] == ["pending", "running", "succeeded"]
        work.run(2)
        assert work.is_pending
        assert not work.has_succeeded
        assert work.status.result is None
        assert len(work.statuses) == 1

    def test_the_list_of_statuses_is_a_copy(self, make):
        _, work = make(parallel=True)
        work.run()
        work.statuses.clear()
        assert len(work.statuses) == 1

    def test_exactly_one_of_the_questions_is_answered_yes_at_any_time(self, make):
        app, work = make(parallel=True)
        work.run()
        questions = ["is_pending", "is_running", "has_succeeded", "has_failed", "has_stopped"]
        stages = [WorkStage.PENDING, WorkStage.RUNNING, WorkStage.FAILED]
        for stage, yes in zip(stages, ["is_pending", "is_running", "has_failed"], strict=True):
            app.moved(work, stage)
            assert [one for one in questions if getattr(work, one)] == [yes]

    @pytest.mark.parametrize("reason", [StatusReason.TIMEOUT, StatusReason.STALLED])
    def test_timeouts_are_counted_until_a_success(self, make, reason):
        app, work = make(parallel=True)
        for argument in (1, 2):
            work.run(argument)
            app.moved(work, WorkStage.FAILED, reason)
            assert work.has_timeout
        assert work.num_timeouts == 2
        work.run(3)
        app.moved(work, WorkStage.SUCCEEDED)
        assert (work.num_timeouts, work.has_timeout) == (0, False)

    def test_an_ended_call_does_not_move_any_more(self, make):
        app, work = make(parallel=True)
        work.run()
        app.moved(work, WorkStage.SUCCEEDED)
        assert app.moved(work, WorkStage.FAILED) is None
        assert work.has_succeeded
        assert work.num_successes == 1

    def test_the_same_news_twice_is_told_once(self, make):
        app, work = make(parallel=True)
        work.run()
        assert app.moved(work, WorkStage.RUNNING) is not None
        assert app.moved(work, WorkStage.RUNNING) is None
        assert app.moved(work, WorkStage.RUNNING, StatusReason.UNRESPONSIVE) is not None
        assert app.moved(work, WorkStage.RUNNING) is not None
        assert len(work.statuses) == 4


class TestMemory:
    def test_only_so_many_ended_calls_are_remembered_and_the_oldest_go_first(
        self, make, monkeypatch
    ):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 3)
        app, work = make(parallel=True)
        for argument in range(5):
            work.run(argument)
            app.moved(work, WorkStage.SUCCEEDED)
        assert len(work.state["calls"]) == 3
        assert work.num_successes == 5
        work.run(4)
        assert len(app.calls) == 5
        work.run(0)
        assert len(app.calls) == 6

    def test_a_call_that_goes_on_is_never_forgotten(self, make, monkeypatch):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 1)
        app, work = make(parallel=True)
        for argument in range(3):
            work.run(argument)
        assert len(work.state["calls"]) == 3
        for argument in range(3):
            work.run(argument)
        assert len(app.calls) == 3

    def test_it_is_the_same_after_it_was_written_down_and_read(self, make):
        app, work = make(parallel=True)
        for argument, stage in enumerate([WorkStage.SUCCEEDED, WorkStage.FAILED]):
            work.run(argument)
            app.moved(work, stage)
        kept = work.state["calls"]
        table = CallTable()
        table.load(kept)
        table.load(kept)
        assert table.to_value() == kept
        assert table.success_count == 1
        assert table.latest.status.stage is WorkStage.FAILED

    def test_a_call_that_went_on_when_it_was_written_down_is_made_again(self, make):
        _, work = make(parallel=True)
        work.run()
        table = CallTable()
        table.load(work.state["calls"])
        assert table.latest is None


def test_an_argument_without_a_key_is_refused_by_name_and_no_call_is_made(make):
    app, work = make(parallel=True)
    with pytest.raises(ComponentError, match=r"w\.run\(\): argument 1: a builtins\.object"):
        work.run(object())
    assert app.calls == []
