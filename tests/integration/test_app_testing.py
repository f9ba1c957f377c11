"""lightgrid.testing, as a user meets it."""

import pytest

import lightgrid as L
from lightgrid.testing import NotReachedError, run_work, stepping

STEP = 2


class Counter(L.Work):
    def __init__(self, **kwargs):
        super().__init__(parallel=True, **kwargs)
        self.counter = 0
        self.limit = 10

    def run(self, count=None):
        self.counter = 0
        while count is None or self.counter < count:
            self.counter += STEP
        print("counted", self.counter)
        return self.counter


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = Counter(raise_exception=False)

    def run(self):
        self.w.run()


def test_run_work_returns_status_state_and_output():
    result = run_work(Counter(), 10)
    assert result.status.stage == "succeeded"
    assert result.status.result == 10
    assert result.variables == {"counter": 10, "limit": 10}
    assert result.printed == ["counted 10"]
    assert result.outcome.exit_code == 0


def test_an_app_is_stepped_killed_and_ended_in_order():
    root = Root()
    with stepping(root, see=lambda: root.w.counter) as app:
        app.run_until(lambda: root.w.counter > 3)
        app.kill(root.w)
        app.run_until(lambda: root.w.has_failed)
    assert app.outcome.exit_code == 0
    assert app.seen == sorted(app.seen)
    assert app.stages_of(root.w)[:4] == ["not_started", "started", "pending", "running"]


def test_what_never_comes_is_told_with_the_last_state():
    class Idle(L.Flow):
        def __init__(self):
            super().__init__()
            self.answer = 42

        def run(self):
            pass

    with (
        pytest.raises(NotReachedError, match='"answer": 42'),
        stepping(Idle()) as app,
    ):
        app.run_until(lambda: False, timeout_s=0.2)
    assert app.outcome.exit_code == 0


def test_the_tests_own_error_comes_out_of_run_until():
    root = Root()
    with pytest.raises(ZeroDivisionError), stepping(root) as app:
        app.run_until(lambda: 1 / 0)


def test_statistics_tell_what_the_app_has_of_each_work():
    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: root.w.counter > 3)
        now = app.statistics()
        assert (now.loop.works, now.loop.processes) == (1, 1)
        link = now.hub.links["root.w"]
        assert link.is_held
        assert link.open_calls == 1
        assert now.hub.batches >= link.last_seq > 1
        assert now.hub.merges > 1
        assert now.hub.kept_changes > 1
        app.kill(root.w)
        app.run_until(lambda: root.w.has_failed)
        now = app.statistics()
        assert now.loop.processes == 0
        assert (now.hub.links["root.w"].is_held, now.hub.links["root.w"].open_calls) == (False, 0)


def test_the_tree_is_the_state_as_clients_see_it():
    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: root.w.counter > 3)
        assert app.tree["works"]["w"]["vars"]["counter"] == root.w.counter
