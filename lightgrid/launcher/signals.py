"""What signals mean in a process that only starts others."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Signals:
    """Has signals that ask to end do nothing here, and gives children what there was before."""

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        for number in _ENDING:
            # Not SIG_IGN, which programs would inherit; what was ignored before stays so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, _do_nothing)
        # Whoever started the flow may have had it ignored: then nobody learns an exit code.
        self._before[signal.SIGCHLD] = signal.SIG_DFL
        signal.signal(signal.SIGCHLD, _do_nothing)

    @contextmanager
    def waiting_for_children(self) -> Iterator[int]:
        """Yield a descriptor that can be read when a child has ended."""
        read, write = os.pipe()
        for one in (read, write):
            os.set_blocking(one, False)
        before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        try:
            yield read
        finally:
            signal.set_wakeup_fd(before)
            os.close(read)
            os.close(write)

    def hold(self) -> None:
        """Keep signals that ask to end waiting, until they are let go or restored.

        One that comes to a child before it is ready for it would be lost otherwise.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)

    def let_go(self) -> None:
        """Have no signal wait that did not before."""
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)

    def restore(self) -> None:
        """Have all signals do what they did, those that wait as well."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.let_go()


def _do_nothing(_number: int, _frame: object) -> None:
    pass
