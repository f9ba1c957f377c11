"""A program that is started by one call and takes the next ones as commands."""

import contextlib
import os
import pathlib
import signal
import sys

import lightgrid as L
from lightgrid.testing import stepping

PROGRAM = pathlib.Path(__file__).parent / "apps/listening.py"


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = L.CommandWork(
            [sys.executable, str(PROGRAM)],
            environment={"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            joined=0,
            last=0,
        )

    def run(self):
        pass


@contextlib.contextmanager
def started_by(how):
    """An app whose program was started by a call with this argument, which says what it does."""
    root = Root()
    with stepping(root) as app:
        app.run_until(lambda: True)
        root.w.run(how)
        yield app, root.w


def test_a_program_that_listens_gets_further_calls_as_commands_and_ends_them_itself():
    with started_by("serve") as (app, work):
        app.run_until(lambda: work.joined == 1)
        pid = app.pid_of(work)
        for number in (5, 6):
            work.run(number)
            app.run_until(lambda: work.has_succeeded)
            assert (work.status.result, work.last) == (2 * number, number)
        work.run("end")
        app.run_until(lambda: app.is_gone(pid))
        app.run_until(lambda: work.num_successes == 4)  # also the one that started the program
    # Once, and not as a command.
    assert app.lines_of(work) == ["started with ['serve']", "told 5", "told 6", "told end"]


def test_a_program_that_lists_no_calls_is_started_for_each():
    with started_by("deaf") as (app, work):
        app.run_until(lambda: work.joined == 1)
        first = app.pid_of(work)
        work.run("answer")
        app.run_for(0.0)
        assert (app.pid_of(work), work.status.stage) == (first, L.WorkStage.PENDING)
        os.kill(first, signal.SIGUSR1)  # it leaves in order
        app.run_until(lambda: work.num_successes == 2)
        assert work.status.result == 42
    assert app.lines_of(work) == ["started with ['deaf']", "started with ['answer']"]


def test_a_call_that_its_program_has_ended_keeps_its_end_whatever_the_exit_code():
    with started_by("answer") as (app, work):
        app.run_until(lambda: work.has_succeeded)
        assert work.status.result == 42
        app.run_until(lambda: app.is_gone(app.pid_of(work)))
        assert work.has_succeeded
        work.run("answer", 2)  # no failure stands in its way
        app.run_until(lambda: work.num_successes == 2)


def test_exit_code_0_ends_only_the_call_that_started_the_program():
    with started_by("serve") as (app, work):
        app.run_until(lambda: work.joined == 1)
        work.run("hang")
        app.run_until(lambda: work.num_successes == 1)
        app.run_until(lambda: work.has_stopped)
        assert work.status.reason == L.StatusReason.CANCELLED
