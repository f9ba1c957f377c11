"""A work that was forked is no different from one that was executed."""

import json
import os
import sys

import pytest
from integration.command import Lightgrid

pytestmark = [
    pytest.mark.timeout(150),
    pytest.mark.skipif(sys.platform != "linux", reason="works are forked on Linux alone"),
]

#: Two works that differ in how they are started alone: for a variable that begins with PYTHON
#: a process has to be executed.
APP = """
import ctypes, gc, json, locale, multiprocessing, os, random, resource, signal, subprocess, sys
import tempfile, threading, time, traceback, warnings
import lightgrid as L

def double(number):
    return 2 * number

def status(field):
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return line.split()[1]

def descriptors():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        kind = target.partition(":")[0]
        found.append(kind if kind in ("socket", "pipe", "anon_inode") else target)
    return sorted(found)

def facts():
    main = threading.main_thread()
    return {
        "session": os.getsid(0) == os.getpid(), "group": os.getpgrp() == os.getpid(),
        "argv": sys.argv, "orig_argv": sys.orig_argv, "path": sys.path,
        "flags": repr(sys.flags), "xoptions": dict(sys._xoptions), "warnoptions": sys.warnoptions,
        "filters": repr(warnings.filters), "executable": sys.executable,
        "folder": os.getcwd(), "umask": os.umask(0o027),
        "limits": {name: resource.getrlimit(getattr(resource, name))
            for name in dir(resource) if name.startswith("RLIMIT")},
        "nice": os.getpriority(os.PRIO_PROCESS, 0), "cpus": sorted(os.sched_getaffinity(0)),
        "environment": dict(os.environ),
        "inherited": subprocess.run(["env"], capture_output=True).stdout.decode(errors="replace"),
        "getenv": str(ctypes.CDLL(None).getenv(b"SET_BY_THE_FLOW") != 0),
        "descriptors": descriptors(),
        "signals": {field: status(field) for field in ("SigBlk", "SigIgn", "SigCgt")},
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "cmdline": open("/proc/self/cmdline").read().rstrip("\\0").split("\\0"),
        "comm": open("/proc/self/comm").read(),
        "ps": subprocess.run(["ps", "-o", "args=", "-p", str(os.getpid())],
            capture_output=True, text=True).stdout.rstrip(),
        "threads": sorted(one.name for one in threading.enumerate()),
        "main thread": [main is threading.current_thread(), main.ident == threading.get_ident()],
        "main": {name: repr(getattr(sys.modules["__main__"], name, None)) for name in
            ("__name__", "__file__", "__spec__", "__package__")},
        "streams": [[one.encoding, one.errors, one.line_buffering, one.write_through,
            one.fileno(), one.isatty()] for one in (sys.stdin, sys.stdout, sys.stderr)],
        "input": sys.stdin.read(), "locale": repr(locale.getlocale()), "zone": time.tzname,
        "gc": [gc.isenabled(), gc.get_threshold(), gc.get_debug()],
        "switch interval": sys.getswitchinterval(), "recursion": sys.getrecursionlimit(),
        "folder for files": tempfile.gettempdir(),
        "process": [multiprocessing.current_process().name, multiprocessing.parent_process()],
        "start methods": multiprocessing.get_start_method(allow_none=True),
        "warned": list(sys.modules["__main__"].__dict__.get("__warningregistry__", ())),
        "hooks": repr([sys.excepthook, sys.displayhook, sys.breakpointhook.__module__]),
        "modules": sorted(sys.modules),
        "random": random.random(), "started with": open("/proc/self/environ", "rb").read().count(
            b"_OF_A_TEST"),
    }

class W(L.Work):
    def __init__(self, executed):
        super().__init__(parallel=True, raise_exception=False, start_with_flow=False)
        self.executed = executed

    def run(self, what):
        if what == "facts":
            found = facts()
            found["pools"] = {}
            for method in ("fork", "spawn", "forkserver"):
                with multiprocessing.get_context(method).Pool(1) as pool:
                    found["pools"][method] = pool.map(double, [1, 2])
            json.dump(found, open(f"facts-{int(self.executed)}.json", "w"))
        else:
            1 / 0

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.members = L.List(W(False), W(True))

    def run(self):
        # What begins with PYTHON is read as a process begins: it cannot be forked.
        forked, executed = self.members
        os.environ["OTHER_OF_A_TEST"] = "1"
        forked.run("facts")
        if forked.has_succeeded:
            del os.environ["OTHER_OF_A_TEST"]
            os.environ["PYTHON_OF_A_TEST"] = "1"
            executed.run("facts")
        if all(work.has_succeeded for work in self.members) or any(
            work.has_failed for work in self.members):
            for work in self.members:
                work.run("error")
            if all(work.has_failed for work in self.members):
                errors = [work.status.message for work in self.members]
                json.dump(errors, open("errors.json", "w"))
                self.stop()

if __name__ == "__main__":
    os.umask(0o022)
os.environ["SET_BY_THE_FLOW"] = "\\udcff"
resource.setrlimit(resource.RLIMIT_NOFILE, (700, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
signal.signal(signal.SIGUSR1, signal.SIG_IGN)
app = L.App(Root())
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    lightgrid = Lightgrid(tmp_path_factory.mktemp("facts"))
    lightgrid.write("app.py", APP)
    try:
        app = lightgrid.start("flow", "app.py", "--of", "the app")
        assert app.wait_end() == 0, app.err + app.out
        files = [lightgrid.folder / f"facts-{executed}.json" for executed in (0, 1)]
        forked, executed = (json.loads(file.read_text()) for file in files)
        errors = json.loads((lightgrid.folder / "errors.json").read_text())
    finally:
        lightgrid.close()
    return forked, executed, errors


#: What is to differ: a name, two seeds, and what a process has imported that forks.
DIFFERENT = {"random", "modules", "started with"}


def neutral(value):
    """Return a value without what is to differ between the two works."""
    if isinstance(value, str):
        value = value.replace("PYTHON_OF_A_TEST", "X_OF_A_TEST")
        value = value.replace("OTHER_OF_A_TEST", "X_OF_A_TEST").replace("members.1", "members.0")
        lines = [one for one in value.split("\n") if not one.startswith(UNIQUE)]
        return "\n".join(sorted(lines) if len(lines) > 5 else lines)
    if isinstance(value, list):
        return [neutral(one) for one in value]
    if isinstance(value, dict):
        return {neutral(k): neutral(v) for k, v in value.items() if not k.startswith(UNIQUE)}
    return value


UNIQUE = ("LIGHTGRID_LAUNCH", "LIGHTGRID_TOKEN")


def test_it_was_forked_and_the_other_one_was_not(facts):
    forked, executed, _ = facts
    assert (forked["started with"], executed["started with"]) == (0, 1)


def test_it_finds_nothing_that_the_other_one_does_not(facts):
    forked, executed, _ = facts
    for one in (forked, executed):
        assert one.keys() >= DIFFERENT
    same = [{name: neutral(one[name]) for name in one.keys() - DIFFERENT} for one in facts[:2]]
    assert same[0] == same[1]


def test_it_has_imported_nothing_of_the_users_that_the_other_one_has_not(facts):
    forked, executed, _ = facts
    more = set(forked["modules"]) - set(executed["modules"])
    assert {name for name in more if not name.startswith("lightgrid.")} == set()


def test_its_random_numbers_are_its_own(facts):
    forked, executed, _ = facts
    assert forked["random"] != executed["random"]


def test_an_error_shows_the_users_lines_alone(facts):
    _, _, (forked, executed) = facts
    assert neutral(forked) == neutral(executed)
    assert "ZeroDivisionError" in forked
    assert "launcher" not in forked


def test_it_can_be_told_to_do_what_only_a_forked_one_could_not(facts):
    forked, _, _ = facts
    assert forked["pools"] == {name: [2, 4] for name in ("fork", "spawn", "forkserver")}
    assert os.path.basename(forked["executable"]) in forked["ps"]
