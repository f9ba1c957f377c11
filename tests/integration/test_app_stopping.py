"""Stopping works, whatever they are doing."""

import asyncio
import contextlib
import threading
import time

import pytest

import lightgrid as L
from lightgrid.testing import stepping

ROUNDS = 20


class Busy(L.Work):
    def __init__(self, **kwargs):
        super().__init__(parallel=True, **kwargs)
        self.c = 0
        self.exit_count = 0

    def on_exit(self):
        self.exit_count += 1


class Spinning(Busy):
    def run(self, number):
        while True:
            self.c += 1


class CatchingAll(Busy):
    def run(self):
        while True:
            try:  # noqa: SIM105
                self.c += 1
            except:  # noqa: E722 - what is tested
                pass


class NeverLettingGo(Busy):
    def run(self):
        while True:
            try:
                while True:
                    self.c += 1
            except:  # noqa: E722 - what is tested
                pass


class Sleeping(Busy):
    def run(self):
        self.c = 1
        time.sleep(600)


class WaitingForALock(Busy):
    def run(self):
        lock = threading.Lock()
        lock.acquire()
        self.c = 1
        lock.acquire()


class InAsyncio(Busy):
    def run(self):
        self.c = 1
        asyncio.run(asyncio.sleep(600))


class InALongCCall(Busy):
    def run(self):
        self.c = 1
        self.flush()
        print("deaf from here on")
        sum(range(10**13))  # one call, which looks at no signal and gives the lock to none


class Polite(Busy):
    def run(self):
        try:
            self.c = 1
            time.sleep(600)
        except L.WorkStopped:
            self.c = 2
        finally:
            with contextlib.suppress(ValueError):
                self.c += 1


class One(L.Flow):
    def __init__(self, work):
        super().__init__()
        self.w = work

    def run(self):
        pass


def ending(app, work):
    """Stop a work that runs, and wait until its process is gone."""
    pid = app.pid_of(work)
    work.stop()
    assert work.has_stopped  # at once
    work.stop()  # again: nothing
    app.run_until(lambda: app.is_gone(pid))


@pytest.mark.timeout(180)
def test_a_counting_work_is_stopped_20_times_of_20_and_starts_again():
    root = One(Spinning(stop_grace_s=30.0))
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)
        for number in range(ROUNDS):
            before = root.w.c
            root.w.run(number)
            app.run_until(lambda before=before: root.w.c > before)
            ending(app, root.w)
            assert root.w.exit_count == number + 1
    assert app.outcome.exit_code == 0


KINDS = [CatchingAll, NeverLettingGo, Sleeping, WaitingForALock, InAsyncio, Polite]
DEAF_KINDS = [InALongCCall]


class Many(L.Flow):
    def __init__(self):
        super().__init__()
        self.works_of = L.Dict(
            **{kind.__name__: kind(stop_grace_s=30.0) for kind in KINDS},
            **{kind.__name__: kind(stop_grace_s=0.3) for kind in DEAF_KINDS},
        )

    def run(self):
        pass


@pytest.fixture(scope="module")
def stopped():
    """All kinds, started and stopped at once."""
    root = Many()
    with stepping(root, see=lambda: None) as app:
        app.run_until(lambda: True)
        for work in root.works_of.values():
            work.run()
        app.run_until(
            lambda: (
                all(work.c for work in root.works_of.values())
                and app.lines_of(root.works_of["InALongCCall"])
            )
        )
        pids = [app.pid_of(work) for work in root.works_of.values()]
        root.stop_works(root.works_of.values())
        app.run_until(lambda: all(map(app.is_gone, pids)))
    return root.works_of


@pytest.mark.parametrize("kind", [kind.__name__ for kind in KINDS])
def test_a_work_is_stopped_and_its_on_exit_run_whatever_it_does(stopped, kind):
    assert stopped[kind].exit_count == 1
    assert stopped[kind].status.stage == "stopped"


def test_a_work_may_tidy_up_where_it_is_stopped(stopped):
    assert stopped["Polite"].c == 3


def test_a_work_that_does_not_hear_is_killed_after_its_grace(stopped):
    assert stopped["InALongCCall"].exit_count == 0
    assert stopped["InALongCCall"].status.stage == "stopped"
