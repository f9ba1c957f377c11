"""Ctrl-C and friends in the process of a flow."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Notes signals that end the app.

    A signal raises `KeyboardInterrupt` while the flow's own code runs, so that
    it breaks a sleep or a loop; otherwise it only is noted, so that no step of
    the loop is left half done.

    Args:
        wake: Called in the signal handler, to end a wait of the loop.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self.count = 0
        self._wake = wake
        self._number = int(signal.SIGINT)
        self._in_user_code = False
        self._previous: dict[int, Any] = {}

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that this signal ended."""
        return 128 + self._number

    @contextmanager
    def handling(self) -> Iterator[None]:
        """Handle signals meanwhile; in another thread than the main one, do nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in _SIGNALS:
            if signal.getsignal(number) is signal.SIG_IGN:
                continue  # by nohup, or by a shell for what it puts into the background
            self._previous[number] = signal.signal(number, self._handle)
        try:
            with self._waking():
                yield
        finally:
            for handled, handler in self._previous.items():
                signal.signal(handled, handler)

    @contextmanager
    def _waking(self) -> Iterator[None]:
        """Wake the loop from outside of it, too.

        A handler runs when the interpreter comes by. A signal that arrives just before the
        loop's wait blocks would wait with it; what it writes to the wakeup descriptor, at
        once, another thread reads.
        """
        reader, writer = socket.socketpair()
        writer.setblocking(False)
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)

        def wake_at_signals() -> None:
            while reader.recv(64):
                self._wake()

        thread = threading.Thread(target=wake_at_signals, name="lightgrid signals", daemon=True)
        thread.start()
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            writer.close()
            thread.join()
            reader.close()

    @contextmanager
    def user_code(self) -> Iterator[None]:
        """Let a signal break what runs meanwhile."""
        self._in_user_code = True
        try:
            self.check()
            yield
        finally:
            self._in_user_code = False

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal came since."""
        if self.count:
            raise KeyboardInterrupt

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self._number = number
        self._wake()
        if self._in_user_code:
            self._in_user_code = False
            raise KeyboardInterrupt
