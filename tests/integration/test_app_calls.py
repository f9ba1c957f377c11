"""Which calls are made, and what the flow sees of them."""

import pytest

import lightgrid as L
from lightgrid.testing import stepping


class Logger(L.Work):
    """Notes with what it was called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = []

    def run(self, *args, **kwargs):
        self.calls.append([list(args), kwargs])
        return len(self.calls)


class Failing(L.Work):
    def __init__(self, **kwargs):
        super().__init__(raise_exception=False, **kwargs)
        self.calls = []

    def run(self, number):
        self.calls.append(number)
        raise ValueError(f"no {number}")


class Idle(L.Flow):
    def __init__(self, *works):
        super().__init__()
        self.members = L.List(*works)

    def run(self):
        pass


@pytest.fixture(scope="module")
def app():
    """An app with one process of each kind, to which tests make calls of their own."""
    root = Idle(
        Logger(parallel=True),
        Logger(parallel=True, cache_calls=False),
        Failing(parallel=True),
        Logger(parallel=True, start_with_flow=False),
    )
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)
        yield app


def members(app):
    return app.app.root.members


def ended(app, work):
    app.run_until(lambda: work.status.stage.is_end)


def test_equal_calls_are_made_once_and_different_ones_each(app):
    cached = members(app)[0]
    made = [((1,), {}), ((2,), {}), ((1,), {}), ((), {"a": 1}), ((1.0,), {}), ((True,), {})]
    made += [(("1",), {}), ((1, 2), {}), ((2, 1), {}), (([1, 2],), {}), (([2, 1],), {})]
    for args, kwargs in made:
        cached.run(*args, **kwargs)
        ended(app, cached)
    del made[2]
    assert cached.calls == [[list(args), kwargs] for args, kwargs in made]
    assert cached.num_successes == len(made)


def test_without_a_cache_a_call_that_has_ended_is_made_again_but_not_while_it_runs(app):
    uncached = members(app)[1]
    for number in range(3):
        uncached.run(7)
        uncached.run(7)
        assert uncached.status.stage == "pending"
        ended(app, uncached)
        assert uncached.status.result == number + 1
    assert uncached.calls == [[[7], {}]] * 3


def test_a_failed_call_is_not_made_again_and_another_one_is(app):
    failing = members(app)[2]
    for number in (1, 1, 2, 1):
        failing.run(number)
        ended(app, failing)
        assert failing.has_failed
    assert failing.calls == [1, 2]
    assert 'raise ValueError(f"no {number}")' in failing.status.message
    assert "ValueError: no 2" in failing.status.message
    assert failing.status.reason == "user_exception"


def test_a_work_walks_through_its_stages(app):
    late = members(app)[3]
    assert late.status.stage == "not_started"
    assert not late.has_started
    late.run()
    assert late.is_pending  # at once
    assert late.has_started
    ended(app, late)
    assert late.has_succeeded
    assert [status.stage for status in late.statuses] == ["pending", "running", "succeeded"]
    pid = app.pid_of(late)
    late.stop()
    assert late.has_stopped
    assert not late.has_succeeded
    app.run_until(lambda: app.is_gone(pid))
    assert app.stages_of(late) == ["not_started", "pending", "running", "succeeded", "stopped"]


class Waiting(L.Work):
    def __init__(self):
        super().__init__(parallel=True, stop_grace_s=20.0)
        self.entered = []
        self.lives = 0

    def on_start(self):
        self.lives += 1

    def run(self, number):
        self.entered.append(number)
        while number != "short":
            pass


def test_a_stopped_call_stays_ended_and_a_new_one_starts_the_work_again():
    root = Idle(Waiting())
    work = root.members[0]
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)
        work.run(1)
        work.run(2)  # waits behind the first
        app.run_until(lambda: work.entered == [1])
        first_pid = app.pid_of(work)
        work.stop()
        work.run(1)
        work.run(2)
        assert work.has_stopped  # both have ended with it
        work.run("short")  # while the old process still is there
        app.run_until(lambda: work.has_succeeded)
        assert app.is_gone(first_pid)
        assert app.pid_of(work) != first_pid
        assert work.entered == [1, "short"]
        assert work.lives == 2
    assert app.outcome.exit_code == 0


def test_calls_of_works_that_are_not_parallel_follow_one_another():
    class Sequence(L.Flow):
        def __init__(self):
            super().__init__()
            self.a = Logger()
            self.b = Logger()
            self.f = Failing()
            self.order = []
            self.begun = 0

        def run(self):
            self.begun += 0 if self.order else 1
            self.a.run(1)
            self.note("a has ended", self.a.has_succeeded)
            self.b.run(self.a.calls[0])
            self.note("b has ended", self.b.has_succeeded)
            self.f.run(1)
            self.note("f has ended", self.f.has_failed)
            self.a.run(2)
            self.note("a has ended again", self.a.has_succeeded)
            self.stop("done")

        def note(self, what, is_so):
            if [what, is_so] not in self.order:
                self.order.append([what, is_so])

    root = Sequence()
    with stepping(root, see=lambda: None) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 0
    assert outcome.message == "done"
    assert [what for what, is_so in root.order if is_so] == [
        "a has ended",
        "b has ended",
        "f has ended",
        "a has ended again",
    ]
    assert root.begun > 1  # the beginning of run is executed again and again
    assert root.b.calls == [[[[[1], {}]], {}]]


def test_every_time_through_run_makes_an_uncached_call_waits_for_it_and_goes_on():
    class Again(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Logger(cache_calls=False)
            self._behind = []

        def run(self):
            self.w.run()
            self._behind.append(len(self.w.calls))  # nothing of the flow's changes

    root = Again()
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: len(root._behind) >= 5)
    assert root._behind[:5] == [1, 2, 3, 4, 5]


class Point:
    """No state value."""

    def __init__(self, x):
        self.x = x

    def __call_key__(self):
        return self.x


class Measuring(L.Work):
    def __init__(self):
        super().__init__(parallel=True)
        self.total = 0

    def run(self, point, *, by):
        self.total += point.x * by


def test_arguments_may_be_objects_of_the_users_own():
    root = Idle(Measuring())
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.members[0].run(Point(3), by=2)
        root.members[0].run(Point(3), by=2)
        root.members[0].run(Point(4), by=2)
        app.run_until(lambda: root.members[0].num_successes == 2)
        assert root.members[0].total == 14
