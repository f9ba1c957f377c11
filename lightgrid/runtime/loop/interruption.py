"""Ctrl-C and friends in the process of a flow."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, Final

from lightgrid.frames import calls_user_code, frames_below

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: Signals that an app may take its time for: one to end in order, one to end its works at once.
_LAST_CHANCES: Final = 2


class Interruption:
    """Notes signals that end the app.

    A signal raises `KeyboardInterrupt` while the flow's own code runs, so that
    it breaks a sleep or a loop; otherwise it only is noted, so that no step of
    the loop is left half done. Each one counts: code that has swallowed the first gets
    the second, and who sends a third is not to be kept waiting by anything.

    Args:
        wake: Called in the signal handler, to end a wait of the loop.
        give_up: Called in the handler of the third signal, with its number, to end the
            process wherever it is; None where more hangs on it than this app.
    """

    def __init__(
        self, wake: Callable[[], None], give_up: Callable[[int], None] | None = None
    ) -> None:
        self.count = 0
        self._wake = wake
        self._give_up = give_up
        self._number = int(signal.SIGINT)
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

    @calls_user_code
    def call_user_code(self, function: Callable[[], object]) -> None:
        """Call code of the user's: a signal breaks it.

        Whether it runs is read off the stack. A flag could be left up by a signal that comes
        just as it is to be taken down, and later ones would break the loop's own steps.
        """
        self.check()
        function()

    def check(self) -> None:
        """Raise KeyboardInterrupt if a signal came since."""
        if self.count:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self._number = number
        self._wake()
        if self.count > _LAST_CHANCES and self._give_up is not None:
            self._give_up(number)
        elif frames_below(Interruption.call_user_code, frame) is not None:
            raise KeyboardInterrupt


def end_process(number: int) -> None:
    """End as a signal does by itself. The launcher process then ends the works, in order."""
    # Not by print: this thread may be inside of a write to the same stream.
    with suppress(OSError):
        os.write(2, b"\nlightgrid: the app is ended here and now; its works are ended behind it\n")
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
