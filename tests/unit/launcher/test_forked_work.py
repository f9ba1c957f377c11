import os
import subprocess
import sys
import uuid

import pytest

from lightgrid.launcher.family import LAUNCH_VARIABLE
from lightgrid.launcher.forked_work import PLACEHOLDER, TITLE_ROOM

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="it writes in /proc")
MARK = """
import os, sys
from lightgrid.launcher.family import marked
from lightgrid.launcher.forked_work import mark, name_process
launch_id = sys.argv[1]
"""


def run(code, launch_id="", **environment):
    return subprocess.run(
        [sys.executable, "-c", MARK + code, launch_id, TITLE_ROOM],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_marked_process_and_what_it_forks_are_found_by_the_launch():
    code = """
mark(launch_id)
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    os.read(read, 1)
    os._exit(0)
print(len(marked(launch_id)), os.environ["AFTER"])
"""
    shown = run(code, str(uuid.uuid4()), **{LAUNCH_VARIABLE: PLACEHOLDER, "AFTER": "it"})
    assert shown.stdout == "2 it\n", shown.stderr


def test_a_mark_changes_no_other_variable_that_proc_shows():
    code = """
before = open("/proc/self/environ", "rb").read()
mark(launch_id)
after = open("/proc/self/environ", "rb").read()
gone = set(before.split(b"\\0")) - set(after.split(b"\\0"))
print(len(before) == len(after), [one.partition(b"=")[0].decode() for one in gone])
"""
    shown = run(code, str(uuid.uuid4()), **{LAUNCH_VARIABLE: PLACEHOLDER})
    assert shown.stdout == f"True {[LAUNCH_VARIABLE]}\n", shown.stderr


def test_an_id_that_has_no_room_is_refused():
    shown = run("mark(launch_id)", "x" * 65, **{LAUNCH_VARIABLE: PLACEHOLDER})
    assert "has no room for the id of a launch" in shown.stderr


def test_a_process_that_was_not_started_for_it_cannot_be_marked():
    shown = run("mark(launch_id)", str(uuid.uuid4()))
    assert "has no room for the id of a launch" in shown.stderr


def test_ps_shows_the_command_that_a_process_was_named_after():
    code = """
name_process(["/usr/bin/python", "-m", "work", "--name", "root.w"])
print(open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"))
"""
    shown = run(code)
    assert shown.stdout == f"{['/usr/bin/python', '-m', 'work', '--name', 'root.w']}\n"


def test_a_command_longer_than_there_is_room_for_is_cut():
    code = """
name_process(["python", "x" * 100_000])
print(len(open("/proc/self/cmdline").read()), open("/proc/self/environ").read()[:4])
"""
    shown = run(code, FIRST="1")
    assert shown.returncode == 0, shown.stderr
    assert int(shown.stdout.split()[0]) < 100_000
