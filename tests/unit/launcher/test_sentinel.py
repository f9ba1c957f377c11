"""The sentinel alone; what it does for a launcher stands in runtime/launch/test_deaths.py."""

import os
import signal
import subprocess
import sys
import uuid

import pytest

from lightgrid.launcher.family import LAUNCH_VARIABLE, marked

PATIENCE_S = 30.0
#: Says that it is ready, and what it does with SIGTERM stands in {}.
PROCESS = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, {})
print("ready", flush=True)
time.sleep(600)
"""
DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("ready", flush=True)
        time.sleep(600)
    os._exit(0)
os.wait()
"""
WATCH = "import sys; from lightgrid.launcher.sentinel import watch; "
WATCH += "sys.exit(watch(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))"


class Watched:
    """Works that a sentinel watches over, whose launcher this is."""

    def __init__(self, known=""):
        pipe, self._pipe = os.pipe()
        self._over, over = os.pipe()
        self.process = subprocess.Popen(
            [sys.executable, "-c", WATCH, str(pipe), str(over), known], pass_fds=[pipe, over]
        )
        os.close(pipe)
        os.close(over)
        self.works = []

    def work(self, on_term="signal.SIG_DFL", code=PROCESS, launch_id=""):
        work = subprocess.Popen(
            [sys.executable, "-S", "-c", code.replace("{}", on_term)],
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, LAUNCH_VARIABLE: launch_id or str(uuid.uuid4())},
            text=True,
        )
        self.works.append(work)
        work.stdout.readline()
        return work

    def tell(self, *lines):
        os.write(self._pipe, "".join(f"{line}\n" for line in lines).encode())

    def launcher_is_gone(self):
        os.close(self._pipe)
        self._pipe = -1
        assert self.process.wait(PATIENCE_S) == 0
        assert os.read(self._over, 1) == b""  # the flow sees that none is left

    def close(self):
        for one in [self.process, *self.works]:
            one.kill()
            one.wait()
            if one.stdout is not None:
                one.stdout.close()
        os.close(self._over)
        if self._pipe >= 0:
            os.close(self._pipe)


@pytest.fixture
def watch():
    made = []

    def watch(known=""):
        made.append(Watched(known))
        return made[-1]

    yield watch
    for one in made:
        one.close()


def test_a_work_is_asked_to_end_and_has_its_grace(watch):
    watched = watch()
    work = watched.work("lambda *_: sys.exit(3)")
    watched.tell(f"+one {PATIENCE_S}", f"=one {work.pid}")
    watched.launcher_is_gone()
    assert work.wait(PATIENCE_S) == 3


def test_a_work_that_does_not_end_is_killed_after_its_grace(watch):
    watched = watch()
    work = watched.work("signal.SIG_IGN")
    watched.tell("+one 0.1", f"=one {work.pid}")
    watched.launcher_is_gone()
    assert work.wait(PATIENCE_S) == -signal.SIGKILL


def test_a_short_grace_does_not_wait_for_a_long_one_nor_the_other_way_round(watch):
    watched = watch()
    deaf, polite = watched.work("signal.SIG_IGN"), watched.work("lambda *_: sys.exit(3)")
    watched.tell("+deaf 0.1", f"=deaf {deaf.pid}", "+polite 600", f"=polite {polite.pid}")
    watched.launcher_is_gone()
    assert deaf.wait(PATIENCE_S) == -signal.SIGKILL
    assert polite.wait(PATIENCE_S) == 3


def test_what_a_work_has_started_ends_with_it_also_daemons(watch):
    watched, launch_id = watch(), str(uuid.uuid4())
    # Both print "ready"; the daemon, which is deaf, first.
    work = watched.work(code=PROCESS.replace("print", DAEMON + "print"), launch_id=launch_id)
    work.stdout.readline()
    assert len(marked(launch_id)) == 2
    watched.tell(f"+{launch_id} {PATIENCE_S}", f"={launch_id} {work.pid}")
    watched.launcher_is_gone()
    assert work.wait(PATIENCE_S) == -signal.SIGTERM
    while marked(launch_id):
        pass


def test_a_launch_whose_process_nobody_has_told_is_found_by_its_mark(watch):
    watched, launch_id = watch(), str(uuid.uuid4())
    work = watched.work("lambda *_: sys.exit(3)", launch_id=launch_id)
    watched.tell(f"+{launch_id} {PATIENCE_S}")
    watched.launcher_is_gone()
    assert work.wait(PATIENCE_S) == 3


def test_a_launch_that_never_had_a_process_is_not_waited_for(watch):
    watched = watch()
    watched.tell(f"+{uuid.uuid4()} 600")
    watched.launcher_is_gone()


def test_a_work_that_ended_before_is_left_alone(watch):
    # Its number may belong to another process by now: here it does.
    watched = watch()
    work = watched.work("lambda *_: sys.exit(3)")
    watched.tell("+one 1.0", f"=one {work.pid}", "-one")
    watched.launcher_is_gone()
    work.send_signal(signal.SIGKILL)
    assert work.wait(PATIENCE_S) == -signal.SIGKILL


def test_what_was_known_before_it_began_counts_as_told(watch):
    launch_id = str(uuid.uuid4())
    watched = watch(f"+gone 600\n=gone {os.getpid()}\n-gone\n+{launch_id} {PATIENCE_S}\n")
    work = watched.work("lambda *_: sys.exit(3)", launch_id=launch_id)
    watched.launcher_is_gone()
    assert work.wait(PATIENCE_S) == 3
