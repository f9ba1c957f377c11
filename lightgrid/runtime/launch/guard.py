"""Ends the works of a flow that is gone: a process of its own that outlives the flow.

The flow's process holds the other end of this one's standard input and writes
a line for every work: "+PID GRACE_S MARK" when it started, "-PID" when it is
gone. When that end closes, however the flow ended, what is left is asked to end
and then killed, with all that it started.

A work's family is its process group, and whatever has the work's mark in its
environment: a child that called `setsid`, or a daemon that forked twice, has no
other tie to the work. A child whose environment was made empty is not found.

This file is run as a script, without imports of our own, so that it starts at
once and stays small.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_POLL_S = 0.02
#: A family that forks while it is killed is looked for again, but not for ever.
_MAX_LOOKS = 20


def main() -> None:
    """Note what the flow says; when it says no more, end its works."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    works: dict[int, tuple[float, str]] = {}
    for line in sys.stdin:
        pid, _, rest = line[1:].rstrip("\n").partition(" ")
        if line.startswith("+"):
            grace_s, _, mark = rest.partition(" ")
            works[int(pid)] = (float(grace_s), mark)
        else:
            works.pop(int(pid), None)
    end(works)


def end(works: dict[int, tuple[float, str]]) -> None:
    """Ask works to end, then kill what is left of each family after its grace.

    Args:
        works: By the pid of the work's own process, its grace in seconds and its mark.
    """
    for pid in works:
        _signal(os.kill, pid, signal.SIGTERM)
    begin = time.monotonic()
    left = dict(works)
    while left:
        passed = time.monotonic() - begin
        for pid, (grace_s, mark) in tuple(left.items()):
            # The family outlives its first process when the work left children behind.
            gone = not _signal(os.kill, pid, 0) or _is_zombie(pid)
            if gone or passed > grace_s:
                kill_group(pid)
                kill_marked(mark)
                del left[pid]
        time.sleep(_POLL_S)


def kill_group(pid: int) -> None:
    """Kill the process group that a work leads."""
    _signal(os.killpg, pid, signal.SIGKILL)


def kill_marked(mark: str) -> None:
    """Kill every process of this user that has a mark in its environment.

    Args:
        mark: "NAME=VALUE"; "" is no mark, and nobody's.
    """
    for _ in range(_MAX_LOOKS if mark else 0):
        found = _marked(f"{mark}\0".encode())
        if not found:
            return
        for pid in found:
            _signal(os.kill, pid, signal.SIGKILL)


def _marked(mark: bytes) -> list[int]:
    try:
        names = os.listdir("/proc")
    except OSError:  # only Linux shows the environment of processes
        return []
    found = []
    for name in names:
        if name.isdigit():
            try:
                # It is empty for a zombie, and refused for another user's process.
                with open(f"/proc/{name}/environ", "rb", buffering=0) as file:
                    environment = file.readall()
            except OSError:
                continue
            if environment.startswith(mark) or b"\0" + mark in environment:
                found.append(int(name))
    return found


def _signal(send, pid: int, number: int) -> bool:  # type: ignore[no-untyped-def]  # noqa: ANN001
    try:
        send(pid, number)
    except OSError:
        return False
    return True


def _is_zombie(pid: int) -> bool:
    # A work of a dead flow belongs to init, which may be slow to reap or absent.
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


if __name__ == "__main__":
    main()
