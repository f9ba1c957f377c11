"""A program that is started by one call and takes the next ones as commands."""

import os
import pathlib
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


def test_a_program_that_listens_gets_further_calls_as_commands_and_ends_them_itself():
    root = Root()
    work = root.w
    with stepping(root) as app:
        app.run_until(lambda: True)
        work.run("serve")
        app.run_until(lambda: work.joined == 1)
        pid = app.pid_of(work)
        for number in (5, 6):
            work.run(number)
            app.run_until(lambda: work.has_succeeded)
            assert (work.status.result, work.last) == (2 * number, number)
        work.run("end")
        app.run_until(lambda: app.is_gone(pid))
        app.run_until(lambda: work.num_successes == 4)  # also the one that started the program
    assert app.lines_of(work) == ["started with ['serve']"]  # once
