"""Ends the works of a flow that is gone: a process of its own that outlives the flow.

The flow's process holds the other end of this one's standard input and writes
a line for every work: "+PID GRACE_S" when it started, "-PID" when it is gone.
When that end closes, however the flow ended, what is left is asked to end and
then killed, with all of its process group.

This file is run as a script, without imports of our own, so that it starts at
once and stays small.
"""

from __future__ import annotations

import os
import signal
import sys
import time

_POLL_S = 0.02


def main() -> None:
    """Note what the flow says; when it says no more, end its works."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    works: dict[int, float] = {}
    for line in sys.stdin:
        pid, _, grace_s = line[1:].partition(" ")
        if line.startswith("+"):
            works[int(pid)] = float(grace_s)
        else:
            works.pop(int(pid), None)
    end(works)


def end(works: dict[int, float]) -> None:
    """Ask process groups to end, then kill what is left of each after its grace."""
    for pid in works:
        _signal(os.kill, pid, signal.SIGTERM)
    begin = time.monotonic()
    left = dict(works)
    while left:
        passed = time.monotonic() - begin
        for pid, grace_s in tuple(left.items()):
            # The group outlives its leader when the work left children behind.
            gone = not _signal(os.kill, pid, 0) or _is_zombie(pid)
            if gone or passed > grace_s:
                _signal(os.killpg, pid, signal.SIGKILL)
                del left[pid]
        time.sleep(_POLL_S)


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
