"""How a process goes on as something else after a fork: from the bottom of its stack."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

#: What a process is from now on; returns its exit code.
Role = Callable[[], int]


class Become(BaseException):
    """Raised in a forked child, through all that it has in progress, which lets go of what is open.

    Args:
        role: What the child is from then on.
    """

    def __init__(self, role: Role) -> None:
        super().__init__()
        self.role = role


def take_turns(role: Role) -> NoReturn:
    """Be something, and what that becomes, until one has an end; exit with its code."""
    while True:
        try:
            code = role()
        except Become as become:
            role = become.role
        else:
            sys.exit(code)


def fork(role: Role) -> int:
    """Fork a child that has a role, and return its pid."""
    pid = os.fork()
    if pid == 0:
        raise Become(role)
    return pid


def end_child(pid: int) -> None:
    """Kill a child, and wait for it."""
    os.kill(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def close_all_but(*kept: int) -> None:
    """Close all descriptors but the three standard streams and some others."""
    last = 2
    for one in sorted(one for one in kept if one > last):
        os.closerange(last + 1, one)
        last = one
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))


def open_descriptors() -> frozenset[int]:
    """Return the descriptors that are open here; none where the system does not say."""
    try:
        listed = [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return frozenset()
    return frozenset(filter(_is_open, listed))  # not that of the folder itself


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
