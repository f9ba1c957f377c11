"""Kill the processes that an app is made of, and see whether anything of its works is left.

    python tools/kill_matrix.py [--times 20] [--works 16] [--row flow,launcher]

Of the works a quarter ignores SIGTERM, a quarter has started daemons in sessions of their own,
and of each kind every second one is executed and not forked. A row kills one process of the
app, or two in one moment; what is counted is what the app has left 1 s after the longest grace.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lightgrid.launcher.family import LAUNCH_VARIABLE
from lightgrid.launcher.forked_work import PLACEHOLDER

FLOW: Final = "flow"
LAUNCHER: Final = "launcher"
SENTINEL: Final = "sentinel"
FORK_SERVER: Final = "fork server"
#: Who is killed in each row.
ROWS: Final = (
    (FLOW,),
    (LAUNCHER,),
    (SENTINEL,),
    (FORK_SERVER,),
    (FLOW, LAUNCHER),
    (FLOW, SENTINEL),
    (LAUNCHER, SENTINEL),
    (FLOW, FORK_SERVER),
)
GRACE_S: Final = 1.0
#: What comes on top of the grace until nothing is to be left.
LATEST_S: Final = 1.0
_MARK: Final = "KILL_MATRIX"
_READY_S: Final = 60.0
_MAIN: Final = "import sys; from lightgrid.cli.main import main; main(sys.argv[1:])"
_APP: Final = """
import os, signal, subprocess, sys, time
import lightgrid as L

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]

class Member(L.Work):
    def __init__(self, index, kind):
        super().__init__(parallel=True, raise_exception=False, start_with_flow=False)
        self._index, self._kind = index, kind

    def run(self):
        if self._kind == "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if self._kind == "daemons":
            subprocess.Popen(SLEEP, start_new_session=True)
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    self.say("daemon")
                    time.sleep(600)
                os._exit(0)
            os.wait()
        self.say("ready")
        while True:
            time.sleep(0.05)

    def say(self, what):
        open(f"{what}-{self._index}", "w").close()

class Root(L.Flow):
    def __init__(self):
        super().__init__()
        kinds = ["deaf", "deaf", "daemons", "daemons", "plain", "plain", "plain", "plain"]
        self.members = L.List(*[Member(at, kinds[at % 8]) for at in range(int(sys.argv[1]))])

    def run(self):
        self.begin(self.members[::2])
        if all(member.is_running for member in self.members[::2]):
            os.environ["PYTHON_FOR_ONE_THAT_IS_EXECUTED"] = "1"
            self.begin(self.members[1::2])

    def begin(self, members):
        for member in members:
            if member.status.call_count == 0:
                member.run()

app = L.App(Root(), stop_grace_s=float(sys.argv[2]))
"""


class Victim:
    """An app whose works are all at work."""

    def __init__(self, folder: Path, works: int, grace_s: float) -> None:
        self._mark = f"{_MARK}={uuid.uuid4().hex}\0".encode()
        name, _, value = self._mark.rstrip(b"\0").decode().partition("=")
        (folder / "app.py").write_text(_APP)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self._flow = subprocess.Popen(
                [sys.executable, "-c", _MAIN, "flow", "app.py", str(works), str(grace_s)],
                cwd=folder,
                env={**os.environ, name: value, "XDG_RUNTIME_DIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._works = works
        self._folder = folder

    def wait_until_ready(self) -> None:
        """Wait until all works work, and have started what they start."""
        daemons = len([at for at in range(self._works) if at % 8 in (2, 3)])

        def is_ready() -> bool:
            ready = list(self._folder.glob("ready-*"))
            return len(ready) == self._works and len(self.daemons()) == daemons

        _wait(is_ready, _READY_S, lambda: f"the app is not ready: {self.log.read_text()}")

    def daemons(self) -> list[Path]:
        """Return what the daemons have written that run."""
        return list(self._folder.glob("daemon-*"))

    def processes(self) -> list[int]:
        """Return all that live of this app, but for the flow's own."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state != "Z" and self._mark in (folder / "environ").read_bytes() + b"\0":
                    found.append(int(folder.name))
        return [pid for pid in found if pid != self._flow.pid]

    def roles(self) -> dict[str, int]:
        """Return the processes that are no works, by what they are."""
        roles = {FLOW: self._flow.pid}
        waiting = f"{LAUNCH_VARIABLE}={PLACEHOLDER}\0".encode()
        for pid in self.processes():
            with suppress(OSError):
                if waiting not in Path(f"/proc/{pid}/environ").read_bytes():
                    continue
                parent, session = _parent_and_session(pid)
                if parent == self._flow.pid:
                    roles[LAUNCHER] = pid
                elif session == pid:
                    roles[SENTINEL] = pid
                else:
                    roles[FORK_SERVER] = pid
        return roles

    def kill(self, *roles: str) -> None:
        """Kill some of them in one moment."""
        known = self.roles()
        pids = [known[role] for role in roles]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        if FLOW in roles:
            self._flow.wait()

    def wait_until_nothing_is_left(self, limit_s: float) -> float:
        """Return after how many seconds no process is left, the flow's apart.

        Raises:
            AssertionError: Some are after a limit.
        """
        return _wait(lambda: not self.processes(), limit_s, lambda: self._shown())

    def _shown(self) -> str:
        left = []
        for pid in self.processes():
            with suppress(OSError):
                command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
                left.append(f"{pid} {' '.join(state)} {command[-100:]}")
        return "left: " + "; ".join(left) + f"\n{self.log.read_text()[-2000:]}"

    def close(self) -> None:
        """Kill all that is left."""
        if self._flow.poll() is None:
            self._flow.kill()
            self._flow.wait()
        while left := self.processes():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@contextmanager
def victim(works: int, grace_s: float = GRACE_S) -> Iterator[Victim]:
    """Run an app whose works are all at work, and leave nothing of it."""
    with tempfile.TemporaryDirectory() as folder:
        app = Victim(Path(folder), works, grace_s)
        try:
            app.wait_until_ready()
            yield app
        finally:
            app.close()


def kill_and_look(app: Victim, row: Sequence[str], limit_s: float) -> float:
    """Kill what a row says, and what is left of the app's own; return how long the rest took.

    Where the flow lives it is killed once the row has had its effect: it must have known.
    """
    app.kill(*row)
    if FLOW in row:
        return app.wait_until_nothing_is_left(limit_s)
    if LAUNCHER in row:
        took_s = app.wait_until_nothing_is_left(limit_s)
    else:  # it is replaced, by who knows what it knew
        took_s = 0.0
        if SENTINEL in row:
            # Wherever the launcher is told of its end by a signal.
            _wait(lambda: SENTINEL in app.roles(), _READY_S, lambda: "no other sentinel")
    app.kill(FLOW)
    return max(took_s, app.wait_until_nothing_is_left(limit_s))


def _parent_and_session(pid: int) -> tuple[int, int]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[1]), int(fields[3])


def _wait(holds: Callable[[], bool], limit_s: float, otherwise: Callable[[], str]) -> float:
    begin_s = time.monotonic()
    while not holds():
        if time.monotonic() > begin_s + limit_s:
            raise AssertionError(otherwise())
        time.sleep(0.02)
    return time.monotonic() - begin_s


def main() -> int:
    """Print a table with one row for each way to die; return 1 if anything was left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--works", type=int, default=16)
    parser.add_argument("--row", help="ROLE or ROLE,ROLE; all rows by default")
    given = parser.parse_args()
    rows = ROWS if given.row is None else (tuple(given.row.split(",")),)
    print(f"{given.works} works, grace {GRACE_S:g} s, nothing left within {LATEST_S:g} s more")
    failed = False
    for row in rows:
        took_s, lefts = [], []
        for _ in range(given.times):
            with victim(given.works) as app:
                try:
                    took_s.append(kill_and_look(app, row, GRACE_S + LATEST_S))
                except AssertionError as error:
                    lefts.append(str(error))
        slowest = f"{max(took_s):.2f} s at the most" if took_s else ""
        name = " + ".join(row)
        print(f"{name:24} {len(took_s)} of {given.times}  {slowest}", flush=True)
        for left in lefts:
            print(f"    {left}")
        failed = failed or bool(lefts)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
