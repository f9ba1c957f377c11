import os
import signal
import subprocess
import sys
import uuid

import pytest

from lightgrid.launcher.family import (
    LAUNCH_VARIABLE,
    has_ended,
    kill_group,
    kill_marked,
    marked,
    send_signal,
)
from lightgrid.process import told_environment

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="read from /proc")
PATIENCE_S = 30.0
SLEEP = "import time; print('ready', flush=True); time.sleep(600)"


@pytest.fixture
def start():
    """Start Python code that says when it is ready."""
    started = []

    def start(code=SLEEP, **environment):
        process = subprocess.Popen(
            [sys.executable, "-S", "-c", code],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        process.first_line = process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_mark_is_the_variable_that_works_are_told():
    assert told_environment.LAUNCH_VARIABLE == LAUNCH_VARIABLE == "LIGHTGRID_LAUNCH"


def test_what_has_the_id_in_its_environment_is_found_and_nothing_else(start):
    launch_id = str(uuid.uuid4())
    found = start(**{LAUNCH_VARIABLE: launch_id})
    start(**{LAUNCH_VARIABLE: launch_id + "x"})
    start(**{LAUNCH_VARIABLE: launch_id[:-1]})
    start(**{"MY_" + LAUNCH_VARIABLE: launch_id})
    start()
    assert marked(launch_id) == [found.pid]


def test_a_whole_family_is_killed_also_what_ignores_every_other_signal(start):
    launch_id = str(uuid.uuid4())
    family = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        break
else:
    print("ready", flush=True)
time.sleep(600)
"""
    process = start(family, **{LAUNCH_VARIABLE: launch_id})
    assert len(marked(launch_id)) == 4
    kill_marked(launch_id)
    assert process.wait(PATIENCE_S) == -signal.SIGKILL
    while marked(launch_id):
        pass
    kill_marked(launch_id)  # nobody is left: it looks once


def test_a_group_is_killed_with_who_leads_it_and_one_that_is_not_there_is_no_error(start):
    process = start()
    kill_group(process.pid)
    assert process.wait(PATIENCE_S) == -signal.SIGKILL
    kill_group(process.pid)


def test_a_zombie_has_ended_and_so_has_what_is_gone(start):
    process = start()
    assert not has_ended(process.pid)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert has_ended(process.pid)
    process.wait()
    assert has_ended(process.pid)
    assert not send_signal(os.kill, process.pid, 0)
