import os
import signal
import subprocess
import sys
import time

import pytest

from lightgrid.runtime.launch.guard_client import GuardClient

PATIENCE_S = 30.0
SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]


@pytest.fixture
def works():
    works = []

    def work():
        works.append(subprocess.Popen(SLEEP, start_new_session=True))
        return works[-1]

    yield work
    for one in works:
        one.kill()
        one.wait()


@pytest.fixture
def client():
    client = GuardClient()
    yield client
    client.close()


def wait_for(condition):
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def guard_of(client):
    return client._guard


def flow_is_gone(client):
    """End the guard's input, as the end of the flow's process does."""
    guard_of(client).stdin.close()


def test_a_guard_that_was_killed_is_replaced_by_one_that_knows_the_works(client, works):
    old, gone, living = guard_of(client), works(), works()
    client.add(gone.pid, PATIENCE_S, "")
    client.add(living.pid, PATIENCE_S, "")
    client.remove(gone.pid)
    old.kill()
    wait_for(lambda: guard_of(client) is not old)
    flow_is_gone(client)
    assert living.wait(PATIENCE_S) == -signal.SIGTERM
    assert gone.poll() is None


def test_a_guard_that_reads_no_more_is_replaced(client, works):
    old, living = guard_of(client), works()
    client.add(living.pid, PATIENCE_S, "")
    os.kill(old.pid, signal.SIGSTOP)
    # More than a pipe holds: it would be waited for, for ever.
    for pid in range(2**22, 2**22 + 3000):
        client.add(pid, 1.0, "no such process")
        client.remove(pid)
    assert guard_of(client) is not old
    flow_is_gone(client)
    assert living.wait(PATIENCE_S) == -signal.SIGTERM


def test_closing_does_not_wait_for_a_guard_that_was_stopped():
    client = GuardClient()
    os.kill(guard_of(client).pid, signal.SIGSTOP)
    client.close()
    assert guard_of(client).returncode == -signal.SIGKILL


def test_a_child_that_the_flow_has_forked_does_not_keep_the_guard_waiting(client, works):
    living = works()
    client.add(living.pid, PATIENCE_S, "")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        flow_is_gone(client)
        assert living.wait(PATIENCE_S) == -signal.SIGTERM
    finally:
        os.close(writer)
        os.close(reader)
        os.waitpid(child, 0)
