"""Waking a thread from another one, or from a signal handler."""

from __future__ import annotations

import _thread
from typing import Final

_FOREVER_S: Final = -1.0


class Wakeup:
    """A binary semaphore: set any number of times, it lets one `wait` pass.

    A bare lock, and not `threading.Event`: that takes a lock of its own for some
    bytecodes, and a signal handler that sets it between them waits for its own
    thread for good. It also takes 2.5 times as long.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Let the thread that waits, or the next one that will, go on."""
        if self._lock.locked():
            try:  # noqa: SIM105 - suppress() takes longer than all the rest
                self._lock.release()
            except RuntimeError:
                pass  # another thread has just done it

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it is set; return False when it was not within the time."""
        return self._lock.acquire(timeout=_FOREVER_S if timeout_s is None else max(0.0, timeout_s))
