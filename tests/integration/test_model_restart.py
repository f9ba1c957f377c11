"""What happens after a work's process has died, its `run` raised, or took too long."""

import os
import signal
import time

import pytest

import lightgrid as L
from lightgrid.component.restart import Restart
from lightgrid.testing import stepping


class Root(L.Flow):
    def __init__(self, **works):
        super().__init__()
        for name, work in works.items():
            setattr(self, name, work)

    def run(self):
        for work in self.works():
            work.run()


def soon(when, **more):
    return Restart(when, first_delay_s=0.01, **more)


class Mortal(L.Work):
    """Counts up and waits for its end at 5, once for each life."""

    def __init__(self, **options):
        super().__init__(parallel=True, **options)
        self.counter = 0
        self.history = []
        self.began_with = []
        self.go_on = 5

    def run(self):
        self.began_with.append(self.counter)
        while self.counter < self.go_on * len(self.began_with):
            self.counter += 1
            self.history.append(self.counter)
        self.flush()
        while len(self.began_with) < 3:
            time.sleep(60)
        return self.counter


def test_a_killed_work_begins_again_with_its_last_acknowledged_state():
    root = Root(w=Mortal(restart=soon("on_failure")))
    w = root.w
    with stepping(root) as app:
        for life in (1, 2):
            app.run_until(lambda life=life: w.counter == 5 * life and w.status.attempt == life)
            app.kill(w)
            app.run_until(lambda life=life: w.status.attempt == life + 1)
        app.run_until(lambda: w.has_succeeded)
        assert w.status.result == 15
        assert w.status.attempt == 3
    assert w.began_with == [0, 5, 10]
    assert w.history == list(range(1, 16))
    told = [status for status in w.statuses if status.reason == "restarting"]
    assert [status.stage for status in told] == ["pending", "pending"]
    assert all("was killed by SIGKILL" in status.message for status in told)
    assert app.outcome.exit_code == 0


def test_a_work_that_raises_is_restarted_until_its_attempts_are_used_up():
    class Unlucky(L.Work):
        def __init__(self, luck, **options):
            super().__init__(parallel=True, raise_exception=False, **options)
            self.tries = 0
            self.pids = []
            self._luck = luck

        def run(self):
            self.tries += 1
            self.pids.append(os.getpid())
            if self.tries < self._luck:
                raise ValueError(f"try {self.tries}")
            return "at last"

    root = Root(
        lucky=Unlucky(3, restart=soon("on_failure", max_attempts=5)),
        unlucky=Unlucky(100, restart=soon("on_failure", max_attempts=3)),
        never=Unlucky(2, restart="never"),
    )
    with stepping(root) as app:
        app.run_until(
            lambda: root.lucky.has_succeeded and root.unlucky.has_failed and root.never.has_failed
        )
        assert (root.lucky.tries, len(set(root.lucky.pids))) == (3, 3)
        assert root.lucky.status.result == "at last"
        assert root.unlucky.tries == 3
        assert root.unlucky.status.reason == "user_exception"
        assert "ValueError: try 3" in root.unlucky.status.message
        assert root.never.tries == 1


def test_a_work_that_is_always_to_run_is_called_again_when_run_returns():
    class Often(L.Work):
        def __init__(self):
            super().__init__(parallel=True, restart=soon("always"))
            self.rounds = 0
            self.pids = []

        def run(self):
            self.rounds += 1
            self.pids.append(os.getpid())

    root = Root(w=Often())
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.rounds >= 5)
        assert len(set(w.pids)) == 1
        assert w.status.attempt == 1
        assert not w.has_failed
        w.stop()
        app.run_until(lambda: w.has_stopped)
    assert app.outcome.exit_code == 0


def test_a_work_without_a_policy_that_dies_fails_its_call_and_says_how():
    class Doomed(L.Work):
        def __init__(self):
            super().__init__(parallel=True, raise_exception=False)

        def run(self):
            print("the last words", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    root = Root(w=Doomed())
    with stepping(root) as app:
        app.run_until(lambda: root.w.has_failed)
        assert root.w.status.reason == "process_died"
        assert "was killed by SIGKILL" in root.w.status.message
        assert "the last words" in root.w.status.message


def test_calls_behind_the_one_that_a_process_died_with_are_made_by_the_next():
    class Fragile(L.Work):
        def __init__(self):
            super().__init__(parallel=True, restart=soon("on_failure"))
            self.done = []
            self.deaths = 0

        def run(self, number):
            if number == 2 and not self.deaths:
                self.deaths += 1
                self.flush()
                os.kill(os.getpid(), signal.SIGKILL)
            self.done.append(number)

    class Several(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Fragile()

        def run(self):
            for number in range(1, 5):
                self.w.run(number)
            if self.w.num_successes == 4:
                self.stop()

    root = Several()
    with stepping(root) as app:
        assert app.run_until_end().exit_code == 0
    assert root.w.done == [1, 2, 3, 4]


#: For one step of a work that does come to its end, on a machine that is busy with other things.
ENOUGH_S = 1.0


class Slow(L.Work):
    """Changes its state now and then, or not at all."""

    def __init__(self, **options):
        super().__init__(parallel=True, **{"raise_exception": False, **options})
        self.tries = 0
        self.ticks = 0

    def run(self, ticks=0, pause_s=0.02):
        self.tries += 1
        for _ in range(ticks):
            self.ticks += 1
            time.sleep(pause_s)
        if self.tries == 1:
            time.sleep(60)


class Calling(Root):
    def __init__(self, *args, **works):
        super().__init__(**works)
        self._args = args

    def run(self):
        for work in self.works():
            work.run(*self._args)


def test_a_call_that_runs_for_too_long_has_failed_with_its_reason():
    root = Root(w=Slow(run_timeout_s=ENOUGH_S))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.has_failed)
        assert w.status.reason == "timeout"
        assert "w has timed out: it ran for 1 s" in w.status.message
        assert w.has_timeout
        assert w.num_timeouts == 1
        w.run(1)  # another call: a new process makes it
        app.run_until(lambda: w.has_succeeded)
        assert w.num_timeouts == 0
        assert w.tries == 2


def test_a_call_that_changes_nothing_for_too_long_has_failed_and_one_that_does_goes_on():
    ticks = 60
    root = Calling(ticks, w=Slow(stall_timeout_s=ENOUGH_S))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.has_failed)
        assert w.status.reason == "stalled"
        assert "no state changed for 1 s" in w.status.message
        assert w.ticks == ticks  # which took longer than that
        assert w.has_timeout


def test_a_timeout_is_a_failure_for_the_restart_policy():
    root = Root(w=Slow(run_timeout_s=ENOUGH_S, restart=soon("on_failure")))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.has_succeeded)
        assert (w.tries, w.status.attempt) == (2, 2)
        assert any("timed out" in status.message for status in w.statuses)


@pytest.mark.parametrize("option", ["run_timeout_s", "stall_timeout_s"])
def test_a_timeout_ends_the_app_where_failures_do(option):
    root = Root(w=Slow(raise_exception=True, **{option: 0.1}))
    with stepping(root) as app:
        outcome = app.run_until_end()
    assert outcome.exit_code == 1
    assert "w has timed out" in outcome.message


def test_a_timeout_ends_the_app_also_when_other_calls_wait():
    class Two(L.Flow):
        def __init__(self):
            super().__init__()
            self.w = Slow(raise_exception=True, run_timeout_s=0.1)

        def run(self):
            self.w.run()
            self.w.run(1)

    with stepping(Two()) as app:
        assert app.run_until_end().exit_code == 1


def test_a_work_stopped_while_it_waits_to_be_restarted_stays_stopped():
    root = Root(w=Mortal(restart=Restart("on_failure", first_delay_s=600, max_delay_s=600)))
    w = root.w
    with stepping(root) as app:
        app.run_until(lambda: w.counter == 5)
        app.kill(w)
        app.run_until(lambda: w.status.reason == "restarting")
        w.stop()
        app.run_until(lambda: w.has_stopped)
        assert w.status.reason == "stop_requested"
    assert app.outcome.exit_code == 0
