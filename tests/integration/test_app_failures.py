"""Works that fail at one moment, over real processes."""

import os
import signal

import pytest
from integration.command import wait_until

import lightgrid as L
from lightgrid.testing import stepping


class Spinning(L.Work):
    def __init__(self, **options):
        super().__init__(parallel=True, **options)
        self.c = 0

    def run(self):
        while True:
            self.c += 1


class Root(L.Flow):
    def __init__(self, *works):
        super().__init__()
        self.members = L.List(*works)

    def run(self):
        for work in self.members:
            work.run()


@pytest.mark.parametrize("count", [2, 5])
def test_works_that_are_killed_at_one_moment_end_the_app_which_names_them_all(count):
    root = Root(*(Spinning() for _ in range(count)))
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: all(work.c for work in root.members))
        pids = [app.pid_of(work) for work in root.members]
        for work in root.members:
            app.kill(work)
        wait_until(lambda: all(map(app.is_gone, pids)), "the ends of all of them")
        outcome = app.run_until_end()
    assert outcome.exit_code == 1
    assert "was killed by SIGKILL" in outcome.message
    first, _, _ = outcome.message.partition(" has failed:")
    names = {work.name.removeprefix("root.") for work in root.members}
    others = {f"{name} has failed, too" for name in names - {first}}
    assert first in names
    assert set(outcome.message.splitlines()[1 - count :]) == others
    assert [work.status.reason for work in root.members] == ["process_died"] * count


class Dying(L.Work):
    def __init__(self):
        super().__init__(parallel=True, raise_exception=False)

    def run(self, number):
        os.kill(os.getpid(), number)


def test_a_work_that_a_real_time_signal_kills_has_failed_and_the_app_goes_on():
    class Calling(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Dying()

        def run(self):
            self.w.run(40)
            if self.w.has_failed:
                self.stop(self.w.status.message.partition(" was ")[2])

    with stepping(Calling()) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 0
    assert outcome.message.startswith("killed by signal 40 (SIGRTMIN+6)")


class Answering(L.Work):
    def run(self, number):
        return 2 * number


def test_after_an_app_has_ended_its_works_tell_how_their_last_call_ended():
    class Once(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Answering()
            self.idle = Answering(parallel=True)

        def run(self):
            self.w.run(4)
            self.stop()

    root = Once()
    with stepping(root) as app:
        app.run_until_end()
    assert root.w.has_succeeded
    assert root.w.status.result == 8
    assert [status.stage for status in root.w.statuses] == ["pending", "running", "succeeded"]
    assert (root.w.process_status.stage, root.w.process_status.reason) == ("stopped", "app_ended")
    assert root.idle.status.reason == "app_ended"
    assert app.app.state["works"]["w"]["status"]["result"] == 8


@pytest.mark.parametrize("restart", ["on_failure", "never"])
def test_a_work_that_somebody_else_asks_to_leave_has_died(restart):
    work = Spinning(restart=restart, raise_exception=False)
    with stepping(Root(work), see=lambda: None) as app:
        app.run_until(lambda: work.c)
        os.kill(app.pid_of(work), signal.SIGTERM)
        if restart == "never":
            app.run_until(lambda: work.has_failed)
            assert "ended with exit code 0" in work.status.message
        else:
            first = app.pid_of(work)
            app.run_until(lambda: work.status.attempt == 2 and work.status.stage == "running")
            assert app.pid_of(work) != first
    assert not any(status.reason == "cancelled" for _, status in app.statuses)
