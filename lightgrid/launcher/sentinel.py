"""The sentinel: ends all works, with grace, when the launcher is gone and they are not."""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from typing import Final

from lightgrid.launcher.family import has_ended, kill_group, kill_marked, marked, send_signal
from lightgrid.launcher.roles import close_all_but, end_child, fork

_POLL_S: Final = 0.02
#: A process may be about to execute its program, and has its mark only then.
_LATE_S: Final = 0.2


class Sentinel:
    """The launcher's end. A sentinel that was killed, or does not read, is replaced.

    It is told of a launch before there is a process: the launcher may die in between.

    Args:
        over: A descriptor that it holds, beside the launcher, as long as there may be works.

    Attributes:
        pid: Of the sentinel's process.
    """

    def __init__(self, over: int) -> None:
        self._over = over
        self._lines: dict[str, list[str]] = {}
        self._pipe = -1
        self.pid = self._start()

    def add(self, launch_id: str, stop_grace_s: float) -> None:
        """Note a launch, which may have a process from now on."""
        self._tell(launch_id, f"+{launch_id} {stop_grace_s}")

    def started(self, launch_id: str, pid: int) -> None:
        """Note the process of a launch."""
        self._tell(launch_id, f"={launch_id} {pid}")

    def remove(self, launch_id: str) -> None:
        """Note that nothing is left of a launch."""
        self._lines.pop(launch_id, None)
        self._write(f"-{launch_id}\n")

    def has_ended(self, pid: int) -> None:
        """Start another one, if it is this one that has ended."""
        if pid == self.pid:
            self._replace()

    def end(self) -> None:
        """End the sentinel; nothing is left that it is to end."""
        end_child(self.pid)

    def close(self) -> None:
        """Close this end: what is left is ended."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _tell(self, launch_id: str, line: str) -> None:
        lines = self._lines.setdefault(launch_id, [])
        lines.append(f"{line}\n")
        self._write(lines[-1])

    def _write(self, line: str) -> None:
        told = line.encode()
        # A pipe takes so few bytes whole or not at all.
        try:
            os.write(self._pipe, told)
        except OSError:  # it is gone, or does not read: another one is told all
            send_signal(os.kill, self.pid, signal.SIGKILL)
            self._replace()

    def _replace(self) -> None:
        self.close()
        self.pid = self._start()

    def _start(self) -> int:
        read, write = os.pipe()
        over, known = self._over, "".join("".join(lines) for lines in self._lines.values())
        # Told by its memory, not through the pipe, which a thousand launches would fill.
        pid = fork(lambda: watch(read, over, known))
        os.close(read)
        os.set_blocking(write, False)
        self._pipe = write
        return pid


def watch(pipe: int, over: int, known: str) -> int:
    """Be the sentinel: note what the launcher says, and when it says no more, end its works."""
    os.setsid()
    close_all_but(pipe, over)
    works: dict[str, tuple[float, int]] = {}
    _take(works, known.splitlines())
    with open(pipe) as lines:
        _take(works, lines)
    end(works)
    return 0


def end(works: dict[str, tuple[float, int]]) -> None:
    """Ask works to end, then kill what is left of each family after its grace.

    Args:
        works: By the ids of their launches: the grace in seconds, and the pid of the work's own
            process, 0 where that is not known.
    """
    left = dict(works)
    for _, pid in left.values():
        if pid:
            send_signal(os.kill, pid, signal.SIGTERM)
    begin_s = time.monotonic()
    while left:
        passed_s = time.monotonic() - begin_s
        for launch_id, (grace_s, pid) in tuple(left.items()):
            if not pid and passed_s <= min(_LATE_S, grace_s):
                # Of several the first is the work: the others can only come later.
                pid = min(marked(launch_id), default=0)
                left[launch_id] = (grace_s, pid)
                if pid:
                    send_signal(os.kill, pid, signal.SIGTERM)
                continue
            # The family outlives its first process when the work left children behind.
            if passed_s > grace_s or not pid or has_ended(pid):
                if pid:
                    kill_group(pid)
                kill_marked(launch_id)
                del left[launch_id]
        if left:
            select.select([], [], [], _POLL_S)


def _take(works: dict[str, tuple[float, int]], lines: object) -> None:
    for line in lines:  # type: ignore[attr-defined]
        launch_id, _, value = line[1:].rstrip("\n").partition(" ")
        if line.startswith("+"):
            works[launch_id] = (float(value), 0)
        elif line.startswith("="):
            with suppress(KeyError):
                works[launch_id] = (works[launch_id][0], int(value))
        else:
            works.pop(launch_id, None)
