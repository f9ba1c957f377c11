"""Which calls of a work are made."""

import contextlib

import pytest
from unit.component.fake_app import FakeApp

import lightgrid
from lightgrid.component import calls as calls_module
from lightgrid.component.calls import CallPending, CallTable
from lightgrid.component.node import node_of
from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
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


class TestNeitherCachedNorParallel:
    """Each pass makes the call once, waits for it, and goes on."""

    def test_the_flow_gets_past_the_call_and_the_next_pass_makes_it_again(self, make):
        app, work = make(cache_calls=False)
        for count in range(1, 4):
            assert not app.run(work.run)
            app.moved(work, WorkStage.RUNNING)
            assert not app.run(work.run)
            app.moved(work, WorkStage.SUCCEEDED)
            assert app.run(work.run)
            assert len(app.calls) == count
            assert app.is_run_due

    def test_a_flow_that_asks_three_times_in_one_pass_has_three_calls_made(self, make):
        app, work = make(cache_calls=False)

        def run():
            for _ in range(3):
                work.run("x")

        for _ in range(2):
            app.calls.clear()
            while not app.run(run):
                app.moved(work, WorkStage.SUCCEEDED)
            assert len(app.calls) == 3

    def test_a_flow_that_asks_until_the_result_is_good_goes_on_then(self, make):
        app, work = make(cache_calls=False)

        def run():
            while work.status.result != "good":
                work.run()

        for result in ("bad", "bad", "good"):
            assert not app.run(run)
            app.moved(work, WorkStage.SUCCEEDED, result=result)
        assert app.run(run)
        assert len(app.calls) == 3

    def test_a_call_that_failed_lets_the_flow_go_on_and_no_pass_makes_it_again(self, make):
        app, work = make(cache_calls=False, raise_exception=False)
        assert not app.run(work.run)
        app.moved(work, WorkStage.FAILED)
        for _ in range(3):
            assert app.run(work.run)
            assert not app.is_run_due
        assert len(app.calls) == 1

    def test_a_retry_makes_the_call_again_that_failed_and_none_before_it(self, make):
        app, work = make(cache_calls=False, raise_exception=False)

        def run():
            for _ in range(2):
                work.run()
            if work.has_failed:
                work.retry()
                app.passes.is_held_up = True  # at another work

        ends = iter([WorkStage.SUCCEEDED, WorkStage.FAILED, WorkStage.SUCCEEDED])
        while not app.run(run):
            if work.is_pending:
                app.moved(work, next(ends))
        assert len(app.calls) == 3
        assert next(ends, None) is None

    def test_a_call_that_outlives_its_pass_is_waited_for_by_the_next_one_and_not_made_twice(
        self, make
    ):
        app, work = make(cache_calls=False)
        assert not app.run(work.run)
        assert app.run(lambda: None)  # another branch: the pass comes to its end
        assert not app.run(work.run)
        app.moved(work, WorkStage.SUCCEEDED)
        assert app.run(work.run)
        assert len(app.calls) == 1

    def test_a_flow_that_goes_on_with_others_when_one_is_held_up_gets_past_all_of_them(self, make):
        app, work = make(cache_calls=False)

        def run():
            for argument in (1, 2):
                with contextlib.suppress(CallPending):
                    work.run(argument)

        assert not app.run(run)
        assert app.calls == [("root.w", (1,), {}), ("root.w", (2,), {})]
        for call_id in ("call 1", "call 2"):
            assert not app.run(run)
            node_of(work).calls.advance(call_id, WorkStatus(WorkStage.SUCCEEDED))
        assert app.run(run)
        assert len(app.calls) == 2

    def test_what_a_pass_asks_for_is_not_remembered_by_the_next(self, make, monkeypatch):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 3)
        app, work = make(cache_calls=False)
        for argument in range(20):
            while not app.run(lambda argument=argument: work.run(argument)):
                app.moved(work, WorkStage.SUCCEEDED)
        calls = node_of(work).calls
        assert len(calls.records) <= 5
        assert max(len(calls._made), len(calls._asked)) <= 1

    def test_a_pass_that_never_ends_remembers_what_its_last_runs_asked_for(self, make, monkeypatch):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 3)
        app, work = make(cache_calls=False)
        for argument in range(50):  # what it asks for changes before it is complete
            assert not app.run(lambda argument=argument: work.run(argument))
            app.moved(work, WorkStage.SUCCEEDED)
        assert len(node_of(work).calls.records) <= 6
        assert len(node_of(work).calls._made) <= 6


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
            app.run(lambda argument=argument: work.run(argument))
            app.run(lambda: app.moved(work, WorkStage.SUCCEEDED))
        app.run(lambda: node_of(work).calls.forget_oldest())
        assert len(work.state["calls"]) == 3
        assert work.num_successes == 5
        work.run(4)
        assert len(app.calls) == 5
        work.run(0)
        assert len(app.calls) == 6

    @pytest.mark.parametrize("parallel", [True, False])
    def test_a_loop_of_more_calls_than_are_remembered_makes_each_of_them_once(
        self, make, monkeypatch, parallel
    ):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 3)
        app, work = make(parallel=parallel)

        def run(count):
            for argument in range(count):
                work.run(argument)

        for count in (10, 10, 11, 12, 12):
            while not app.run(lambda count=count: run(count)) or work.is_pending:
                for record in node_of(work).calls.open_records():
                    node_of(work).calls.advance(record.call_id, WorkStatus(WorkStage.SUCCEEDED))
                node_of(work).calls.forget_oldest()
        assert [args for _, args, _ in app.calls] == [(argument,) for argument in range(12)]

    def test_a_new_call_before_a_long_loop_takes_none_of_the_loops_calls_away(
        self, make, monkeypatch
    ):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 3)
        app, work = make()

        def run(new):
            work.run(new)
            for argument in range(10):
                work.run(argument)

        for new in range(100, 120):
            while not app.run(lambda new=new: run(new)):
                app.moved(work, WorkStage.SUCCEEDED)
        assert len(app.calls) == 30
        assert len(node_of(work).calls.records) <= 15

    def test_a_call_that_a_run_asks_for_in_vain_does_not_make_an_endless_pass_remember_all(
        self, make, monkeypatch
    ):
        monkeypatch.setattr(calls_module, "MAX_KEPT_CALLS", 3)
        app, work = make(parallel=True)

        def run(new):
            work.run(new)
            app.passes.is_held_up = True  # at another work, for hours

        for new in range(100):
            assert not app.run(lambda new=new: run(new))
            app.moved(work, WorkStage.SUCCEEDED)
        assert len(node_of(work).calls.records) <= 6

    def test_what_old_calls_returned_is_dropped_beyond_a_number_of_bytes_but_they_stay_known(
        self, make, monkeypatch
    ):
        monkeypatch.setattr(calls_module, "MAX_KEPT_BYTES", 2500)
        app, work = make(parallel=True)
        for argument in range(5):
            work.run(argument)
            app.moved(work, WorkStage.SUCCEEDED, result=["x" * 1000])
        results = [kept["statuses"][-1]["result"] for kept in work.state["calls"].values()]
        assert results == [None, None, None, ["x" * 1000], ["x" * 1000]]
        for argument in range(5):
            work.run(argument)
        assert len(app.calls) == 5

    def test_what_the_newest_call_returned_is_kept_whatever_its_size(self, make, monkeypatch):
        monkeypatch.setattr(calls_module, "MAX_KEPT_BYTES", 10)
        app, work = make(parallel=True)
        for argument in range(3):
            work.run(argument)
            app.moved(work, WorkStage.SUCCEEDED, result="x" * 1000)
            assert work.status.result == "x" * 1000

    def test_of_a_call_that_is_made_again_and_again_the_newest_steps_are_kept(
        self, make, monkeypatch
    ):
        monkeypatch.setattr(calls_module, "MAX_KEPT_STATUSES", 4)
        app, work = make(parallel=True)
        work.run()
        for attempt in range(10):
            app.moved(work, WorkStage.RUNNING)
            call_id = node_of(work).calls.latest.call_id
            node_of(work).calls.reissue(call_id, f"again {attempt}", WorkStatus(WorkStage.PENDING))
        assert [one.stage for one in work.statuses] == ["running", "pending"] * 2

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
