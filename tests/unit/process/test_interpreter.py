"""Interpreters that are started alike."""

import json
import subprocess
import sys

import pytest

TELL = (
    "import json, sys; "
    "print(json.dumps([list(sys.flags), sorted(set(sys.warnoptions)), sys._xoptions]))"
)
TELL_OF_BOTH = f"""
import subprocess, sys
sys.path[:] = {sys.path!r}
from lightgrid.process.interpreter import interpreter_options
for options in (sys.argv[1:], interpreter_options()):
    subprocess.run([sys.executable, *options, "-c", {TELL!r}], check=True)
"""


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-X", "dev", "-OO", "-W", "ignore::UserWarning", "-B"],
        ["-I", "-bb", "-Xutf8=1", "-X", "tracemalloc=3"],
    ],
)
def test_another_interpreter_has_the_options_of_this_one(options):
    command = [sys.executable, *options, "-c", TELL_OF_BOTH, *options]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    wanted, found = map(json.loads, told.stdout.splitlines())
    assert found == wanted
