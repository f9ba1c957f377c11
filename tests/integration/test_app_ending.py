"""How apps and works end, well or not."""

import multiprocessing
import os
import sys

import pytest

import lightgrid as L
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.testing import run_work, stepping


class Quick(L.Work):
    def __init__(self, **kwargs):
        super().__init__(parallel=True, **kwargs)
        self.done = False

    def run(self, how=""):
        if how == "raise":
            raise ValueError("the user's own words")
        if how == "exit":
            os._exit(7)
        while how == "spin":
            self.done = not self.done
        self.done = True


class Root(L.Flow):
    def __init__(self, *works, then=None):
        super().__init__()
        self.members = L.List(*works)
        self._then = then

    def run(self):
        if self._then is not None:
            self._then(self)


@pytest.mark.parametrize(
    ("then", "exit_code", "message"),
    [
        (lambda flow: flow.stop("all is well"), 0, "all is well"),
        (lambda flow: flow.fail("nothing is"), 1, "nothing is"),
        (lambda flow: 1 / 0, 1, "1 / 0"),
        (lambda flow: sys.exit(4), 4, "sys.exit(4)"),
    ],
    ids=["stop", "fail", "an exception", "sys.exit"],
)
def test_a_flow_says_how_the_app_ends(then, exit_code, message):
    root = Root(then=then)
    with stepping(root) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == exit_code
    assert message in outcome.message
    assert app.app.stage == ("failed" if exit_code else "stopped")


def test_app_run_gives_the_exit_code_to_the_shell_also_where_multiprocessing_was_imported():
    assert "__mp_main__" in sys.modules  # the import alone puts it there
    with pytest.raises(SystemExit) as caught:
        L.App(Root(then=lambda flow: flow.fail())).run(observer=Observer())
    assert caught.value.code == 1
    L.App(Root(then=lambda flow: flow.stop())).run(observer=Observer())


def test_an_exception_in_a_work_ends_the_app_with_the_users_own_line():
    result = run_work(Quick(), "raise")
    assert result.outcome.exit_code == 1
    assert 'raise ValueError("the user\'s own words")' in result.outcome.message
    assert "ValueError: the user's own words" in result.outcome.message
    assert result.outcome.message.startswith("work has failed:")
    assert result.status.stage == "failed"


def test_an_exception_in_a_work_that_may_fail_ends_only_the_call():
    root = Root(
        Quick(raise_exception=False), Quick(), then=lambda flow: flow.members[0].run("raise")
    )
    with stepping(root) as app:
        app.run_until(lambda: root.members[0].has_failed)
        root.members[1].run()
        app.run_until(lambda: root.members[1].has_succeeded)
    assert app.outcome.exit_code == 0


def test_a_killed_work_has_failed_at_once_and_the_next_call_starts_it_again():
    root = Root(Quick(raise_exception=False))
    work = root.members[0]
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)
        work.run("spin")
        app.run_until(lambda: work.is_running and work.done)
        pid = app.pid_of(work)
        app.kill(work)
        app.run_until(lambda: work.has_failed)
        assert work.status.reason == "process_died"  # seen by its exit: no lease ran out
        assert "killed by SIGKILL" in work.status.message
        assert "the process of members.0" in work.status.message
        work.run("again")
        app.run_until(lambda: work.has_succeeded)
        assert app.pid_of(work) != pid
    assert app.outcome.exit_code == 0


def test_a_work_whose_process_ends_itself_ends_the_app_with_its_last_words():
    class Dying(L.Work):
        def run(self):
            print("last words")
            os._exit(7)

    result = run_work(Dying())
    assert result.outcome.exit_code == 1
    assert "exit code 7" in result.outcome.message
    assert "last words" in result.outcome.message


def test_a_work_that_dies_before_it_joins_has_failed_with_its_last_output():
    class Unborn(L.Work):
        def __setstate__(self, state):
            raise RuntimeError("cannot be made here")

        def run(self):
            pass

    result = run_work(Unborn())
    assert result.outcome.exit_code == 1
    assert result.status.reason == "never_registered"
    assert "cannot be made here" in result.outcome.message


def test_a_work_that_cannot_be_pickled_is_a_clear_error():
    class Holding(L.Work):
        def __init__(self):
            super().__init__()
            self._lock = multiprocessing.get_context("fork").Lock()

        def run(self):
            pass

    with stepping(Holding()) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 1
    assert "work._lock" in outcome.message
    assert "on_start or run" in outcome.message


def test_a_work_may_be_the_root_of_an_app():
    work = Quick()
    with stepping(work) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 0
    assert work.name == "root.work"
    assert work.done is True


def test_what_on_exception_handles_is_no_failure():
    class Handling(L.Work):
        def __init__(self):
            super().__init__()
            self.handled = ""

        def run(self):
            raise KeyError("lost")

        def on_exception(self, exception):
            self.handled = repr(exception)

    result = run_work(Handling())
    assert result.status.stage == "succeeded"
    assert result.variables == {"handled": "KeyError('lost')"}


class Printing(L.Work):
    def run(self):
        for number in range(2000):
            print("line", number)
        print("no end of line", end="", flush=True)


def test_all_that_a_work_prints_is_shown_in_order():
    result = run_work(Printing())
    assert result.printed == [f"line {number}" for number in range(2000)] + ["no end of line"]


class Forking(L.Work):
    def __init__(self):
        super().__init__()
        self.counter = 0
        self.sums = []

    def run(self):
        context = multiprocessing.get_context("fork")
        for number in range(40):
            with context.Pool(2) as pool:
                self.counter += 1
                self.sums.append(sum(pool.map(abs, [-number, -1])))
                self.counter += 1


@pytest.mark.timeout(180)
def test_a_work_that_streams_may_open_forty_pools():
    result = run_work(Forking(), timeout_s=150)
    assert result.status.stage == "succeeded"
    assert result.variables == {"counter": 80, "sums": [number + 1 for number in range(40)]}
