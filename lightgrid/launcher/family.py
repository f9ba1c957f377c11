"""The family of a work: its process, and all that this has started.

That is its process group, and whatever has the launch's mark in its environment: a child that
called `setsid`, or a daemon that forked twice, has no other tie to the work. A child whose
environment was made empty is not found.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Final

#: The variable that has a launch's id.
LAUNCH_VARIABLE: Final = "LIGHTGRID_LAUNCH"
#: A family that forks while it is killed is looked for again, but not for ever.
_MAX_LOOKS: Final = 20


def kill_group(pid: int) -> None:
    """Kill the process group that a work leads."""
    send_signal(os.killpg, pid, signal.SIGKILL)


def kill_marked(launch_id: str) -> None:
    """Kill every process of this user that has a launch's id in its environment."""
    for _ in range(_MAX_LOOKS):
        found = marked(launch_id)
        if not found:
            return
        for pid in found:
            send_signal(os.kill, pid, signal.SIGKILL)


def marked(launch_id: str) -> list[int]:
    """Return the processes of this user that have a launch's id in their environment."""
    mark = f"{LAUNCH_VARIABLE}={launch_id}\0".encode()
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


def has_ended(pid: int) -> bool:
    """Tell whether a process is gone, or a zombie, which whoever inherited it is slow to reap."""
    if not send_signal(os.kill, pid, 0):
        return True
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def send_signal(send: Callable[[int, int], None], pid: int, number: int) -> bool:
    """Send a signal; return whether there was somebody to get it."""
    try:
        send(pid, number)
    except OSError:
        return False
    return True
