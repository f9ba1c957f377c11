"""The processes that this one has started: asked to end, killed, and reaped."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator

from lightgrid.launcher.family import kill_group


class _Child:
    __slots__ = ("kill_at_s", "pid", "stop_grace_s")

    def __init__(self, pid: int, stop_grace_s: float) -> None:
        self.pid = pid
        self.stop_grace_s = stop_grace_s
        self.kill_at_s: float | None = None


class Children:
    """Processes by the ids of their launches. Each leads a process group.

    A child's number stays its own until `reap` has waited for it, so no signal here
    ever reaches another process.
    """

    def __init__(self) -> None:
        self._children: dict[str, _Child] = {}
        self._ids: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._children)

    def __contains__(self, launch_id: str) -> bool:
        return launch_id in self._children

    def add(self, launch_id: str, pid: int, stop_grace_s: float) -> None:
        """Look after a process that has been started."""
        self._children[launch_id] = _Child(pid, stop_grace_s)
        self._ids[pid] = launch_id

    def stop(self, launch_id: str) -> None:
        """Ask a process to end, which is killed when its grace is over. Once: it may be at it."""
        child = self._children.get(launch_id)
        if child is not None and child.kill_at_s is None:
            child.kill_at_s = time.monotonic() + child.stop_grace_s
            os.kill(child.pid, signal.SIGTERM)

    def stop_all(self) -> None:
        """Ask all to end."""
        for launch_id in self._children:
            self.stop(launch_id)

    def kill(self, launch_id: str) -> None:
        """Kill a process with its group."""
        child = self._children.get(launch_id)
        if child is not None:
            kill_group(child.pid)

    def kill_all(self) -> None:
        """Kill all with their groups."""
        for launch_id in self._children:
            self.kill(launch_id)

    def kill_overdue(self) -> float | None:
        """Kill those whose grace is over; return in how many seconds the next one's is."""
        now_s = time.monotonic()
        next_s = None
        for child in self._children.values():
            if child.kill_at_s is None:
                continue
            if child.kill_at_s <= now_s:
                kill_group(child.pid)
                child.kill_at_s = float("inf")  # it is about to be reaped
            elif child.kill_at_s != float("inf"):
                next_s = min(child.kill_at_s, next_s or child.kill_at_s)
        return None if next_s is None else next_s - now_s

    def reap(self, others: Callable[[int], None]) -> Iterator[tuple[str, int]]:
        """Wait for all that have ended; yield their launches and exit codes.

        A code is negative for the signal that killed the process. The group is killed before its
        leader is waited for: until then its number belongs to no one else.

        Args:
            others: Told the pids of others that ended: what this process has inherited.
        """
        while True:
            try:
                end = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if end is None:
                return
            launch_id = self._ids.pop(end.si_pid, None)
            if launch_id is None:
                os.waitpid(end.si_pid, 0)
                others(end.si_pid)
                continue
            kill_group(end.si_pid)
            os.waitpid(end.si_pid, 0)
            del self._children[launch_id]
            yield launch_id, end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
