"""Schedules, resuming, stages and warnings of an app, over real processes."""

import os
import time

import pytest

import lightgrid as L
from lightgrid.errors import ClosedError, ComponentError, SlowFlowWarning, place_of
from lightgrid.runtime.loop import runs
from lightgrid.runtime.options import RunOptions
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.testing import stepping


class Step(L.Work):
    def __init__(self):
        super().__init__(parallel=True, start_with_flow=False)
        self.done = []
        self.blocked = True

    def run(self, name):
        if name == "slow" and self.blocked:
            self.done.append("began slow")
            while True:
                time.sleep(60)
        self.done.append(name)
        return name


class Pipeline(L.Flow):
    """Makes two works as it runs, and makes them again from a saved state."""

    def __init__(self):
        super().__init__()
        self.runs = 0
        self.many = L.List()
        self.by_name = L.Dict()
        self.ticks = 0

    def run(self):
        self.runs += self.runs < 1000
        if self.schedule("yearly", user_key="k"):
            self.ticks += 1
        if not self.many:
            self.many.extend([Step(), Step()])
            del self.many[0]
            self.by_name["k"] = Step()
        for work in self.works():
            work.run("quick")
            work.run("slow")

    def load_state_dict(self, state, children_states, *, strict=True):
        self.many.append(Step())
        self.by_name["k"] = Step()
        super().load_state_dict(state, children_states, strict=strict)


def test_an_app_goes_on_from_a_saved_state_with_its_dynamic_works():
    first = Pipeline()
    with stepping(first) as app:
        app.run_until(lambda: all("began slow" in work.done for work in first.works()))
        saved = app.app.state_dict()
    assert sorted(saved) == [
        "root", "root.by_name", "root.by_name.k", "root.many", "root.many.1",
    ]  # fmt: skip

    second = Pipeline()
    L.App(second).load_state_dict(saved)
    for work in second.works():
        work.blocked = False
    with stepping(second) as app:
        app.run_until(lambda: all(work.status.result == "slow" for work in second.works()))
        assert app.tree["structures"] == second.state["structures"]
        assert second.many[0].name == "root.many.1"
        for work in second.works():
            # What was complete is not done again, what was interrupted is.
            assert work.done == ["quick", "began slow", "slow"]
            assert work.num_successes == 2
        assert second.ticks == 1  # the schedule is known, too


def test_a_schedule_runs_the_flow_every_second_and_nothing_else_does():
    class Ticking(L.Flow):
        def __init__(self):
            super().__init__()
            self.ticks = 0
            self._idle = 0

        def run(self):
            if self.schedule("* * * * * *"):
                self.ticks += 1
            else:
                self._idle += 1
            if self.ticks == 3:
                self.stop()

    root = Ticking()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0
        # Each tick is a change of state, for which the flow runs once more.
        assert root._idle <= 6
        assert app.statistics().loop.wake_ups < 40
    (schedule,) = root.state["calls"]["scheduling"].values()
    assert schedule["cron"] == "* * * * * *"
    assert app.tree["calls"] == root.state["calls"]


def test_an_app_tells_its_stage_and_its_state_from_start_to_end():
    class Root(L.Flow):
        def __init__(self, *, fails=False):
            super().__init__()
            self.stages = []
            self._fails = fails

        def run(self):
            self.stages.append(str(app.app.stage))
            (self.fail if self._fails else self.stop)("enough")

    with stepping(Root()) as app:
        assert app.run_until_end().exit_code == 0
    assert app.app.state["app_state"] == {"stage": "stopped"}
    assert app.app.state["vars"] == {"stages": ["running"]}
    assert L.App(Root()).stage == "starting"

    with stepping(Root(fails=True)) as app:
        outcome = app.run_until_end()
    assert (outcome.exit_code, outcome.message) == (1, "enough")
    assert app.app.stage == "failed"
    assert app.app.exception is None
    with pytest.raises(ComponentError, match="an app runs once"):
        app.app.execute(RunOptions(), Observer())


def test_an_app_that_a_work_fails_says_so_at_once_with_the_exception():
    class Failing(L.Work):
        def __init__(self):
            super().__init__()

        def run(self):
            raise LookupError("no such thing")

    with stepping(Failing()) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 1
    assert "work has failed" in outcome.message
    assert "LookupError: no such thing" in outcome.message
    assert app.app.exception is outcome.exception
    assert app.app.stage == "failed"


def test_a_work_as_the_root_runs_once_and_ends_the_app():
    class Only(L.Work):
        def __init__(self):
            super().__init__()
            self.pid = 0

        def run(self):
            self.pid = os.getpid()

    work = Only()
    with stepping(work) as app:
        assert app.run_until_end().exit_code == 0
    assert work.name == "root.work"
    assert work.pid not in (0, os.getpid())


def test_a_slow_flow_is_told_once_as_a_python_warning_at_its_run(monkeypatch):
    monkeypatch.setattr(runs, "_SLOW_RUN_S", 0.01)

    class Slow(L.Flow):
        def __init__(self):
            super().__init__()
            self.count = 0

        def run(self):
            time.sleep(0.02)
            self.count += 1
            if self.count == 15:
                self.stop()

    with pytest.warns(SlowFlowWarning, match="the flow's run takes .* into a work") as told:
        L.App(Slow()).execute(RunOptions(), Observer())
    (warning,) = told
    assert (warning.filename, warning.lineno) == place_of(Slow.run)


def test_a_flow_is_ready_when_those_below_it_are():
    class Leaf(L.Flow):
        def __init__(self):
            super().__init__()
            self.is_up = False

        def run(self):
            pass

        @property
        def ready(self):
            return self.is_up

    class Root(L.Flow):
        def __init__(self):
            super().__init__()
            self.leaf = Leaf()
            self.many = L.List(Leaf())

        def run(self):
            pass

    root = Root()
    assert not root.ready
    root.leaf.is_up = True
    root.many[0].is_up = True
    assert root.ready


def test_what_is_asked_for_as_the_app_ends_is_refused_and_the_app_ends_well():
    class Ending(L.Flow):
        def __init__(self):
            super().__init__()
            self.x = 0

        def run(self):
            self._answer = app.loop.hub.ask(lambda root: None)
            self.stop()

    root = Ending()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0
    with pytest.raises(ClosedError, match="the app ends"):
        root._answer.result(10)
