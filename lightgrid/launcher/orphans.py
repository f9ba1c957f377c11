"""Processes whose parents have ended: the launcher inherits those of its works."""

from __future__ import annotations

import os
from typing import Final

_SET_CHILD_SUBREAPER: Final = 36  # of prctl(2)


class Orphans:
    """Has orphaned descendants become children of this process, on Linux.

    So they are reaped where nobody else would, as when the flow is pid 1 of a container; and to
    look at one's own children tells whether anything of a work may be left, where else all
    processes of the machine would have to be looked at.
    """

    def __init__(self) -> None:
        self._inherits = False
        try:
            import ctypes

            self._inherits = ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
        except (ImportError, OSError, AttributeError):
            pass

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
