"""An app made where there is no file: its classes travel to the works' processes."""

import subprocess
import sys

import pytest
from integration.command import LIMIT_S, Lightgrid

pytestmark = pytest.mark.timeout(150)

CELL = """\
import lightgrid as L

class W(L.Work):
    def run(self):
        raise ValueError("no luck")  # the user's line

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.w = W()
    def run(self):
        self.w.run()

L.App(Root()).run()
"""
#: What a kernel does with a cell: its lines are in `linecache`, no file is anywhere.
KERNEL = """
import linecache
cell = {cell!r}
name = "/tmp/ipykernel_123/456.py"
linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
exec(compile(cell, name, "exec"))
"""


def test_an_error_in_a_work_of_a_notebook_shows_the_line_of_its_cell(tmp_path):
    command = Lightgrid(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", KERNEL.format(cell=CELL)],
        env=command.environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1
    place = '  File "/tmp/ipykernel_123/456.py", line 5, in run\n'
    assert place + """    raise ValueError("no luck")  # the user's line\n""" in done.stderr
