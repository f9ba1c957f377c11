"""Processes whose parents have ended: the launcher inherits those of its works."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Of prctl(2).
_SET_PDEATHSIG: Final = 1
_SET_CHILD_SUBREAPER: Final = 36


class Orphans:
    """Has orphaned descendants become children of this process, on Linux.

    So they are reaped where nobody else would, as when the flow is pid 1 of a container; and to
    look at one's own children tells whether anything of a work may be left, where else all
    processes of the machine would have to be looked at.
    """

    def __init__(self) -> None:
        self._inherits = _prctl(_SET_CHILD_SUBREAPER, 1)

    def may_be_left(self, known: int) -> bool:
        """Tell whether this process may have children beside some that are known.

        Args:
            known: How many there are.
        """
        if not self._inherits:
            return True
        pid = os.getpid()
        try:
            with open(f"/proc/{pid}/task/{pid}/children") as file:
                return len(file.read().split()) > known
        except OSError:
            return True


@contextmanager
def killed_with(parent: int) -> Iterator[None]:
    """Have this process killed when its parent ends, for as long as it does not look.

    Args:
        parent: The one that has forked it, which may be gone already.
    """
    _prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    try:
        yield
    finally:
        _prctl(_SET_PDEATHSIG, 0)


def _prctl(option: int, value: int) -> bool:
    try:
        import ctypes

        return bool(ctypes.CDLL(None).prctl(option, value, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False
