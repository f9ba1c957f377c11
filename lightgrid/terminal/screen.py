"""A few lines that stay at the bottom of a terminal while text scrolls above them.

Not rich's `Live`: that one wraps, recolours and cuts what is printed through
it, and what a flow prints has to come out as it is.
"""

from __future__ import annotations

import os
import sys
import threading
import weakref
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, TextIO


class Screen:
    """Owns the bottom of a terminal.

    While it is open, `sys.stdout` and `sys.stderr` go through it. Text without
    a line's end is shown when it is flushed; the frame then is away until the
    line ends, so that prompts and dots of progress work.

    Args:
        terminal: Where to write.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        # Reentrant: a signal's handler may print while its thread is in here.
        self._lock = threading.RLock()
        self._frame: Sequence[str] = ()
        self._height = 0
        self._is_midline = False
        self._replaced: list[tuple[str, TextIO, _Above]] = []
        _screens.add(self)

    def open(self, names: Iterable[str] = ("stdout", "stderr")) -> None:
        """Let these streams of `sys` come above the frame, where they are terminals."""
        for name in names:
            stream = getattr(sys, name)
            if is_terminal(stream):
                above = _Above(self, stream)
                self._replaced.append((name, stream, above))
                setattr(sys, name, above)

    def show(self, frame: Sequence[str]) -> None:
        """Replace the frame; its lines must fit into the width."""
        with self._lock:
            if not self._is_midline and (frame != self._frame or not self._height):
                self._write(self._erased() + self._drawn(frame))
            self._frame = frame

    def print_above(self, text: str) -> None:
        """Write text above the frame; when it does not end its line, the frame waits."""
        with self._lock:
            was_midline = self._is_midline
            self._is_midline = not text.endswith("\n")
            out = ("" if was_midline else self._erased()) + text
            if not self._is_midline:
                out += self._drawn(self._frame)
            self._write(out)

    def print_line_above(self, line: str) -> None:
        """Write a line above the frame, apart from text that has not ended its own."""
        with self._lock:
            self.print_above(f"\n{line}\n" if self._is_midline else f"{line}\n")

    def close(self) -> None:
        """Leave the frame below all text and give the streams back."""
        with self._lock:
            for name, stream, above in self._replaced:
                above.flush()
                if getattr(sys, name) is above:
                    setattr(sys, name, stream)
            self._replaced.clear()
            if self._is_midline:
                self._write("\n" + self._drawn(self._frame))
            if self._height:
                self._write("\n")
            self._frame, self._height, self._is_midline = (), 0, False

    def forget_in_child(self) -> None:
        """Let a forked child print like any process: it has no frame and its lock may be taken."""
        self._lock = threading.RLock()
        self._frame, self._height, self._is_midline = (), 0, False

    def _erased(self) -> str:
        """Return what wipes the frame, line by line.

        Not "clear to the end of the screen": from the first row of a terminal that was just
        cleared this is clearing all of it, and what is cleared goes to the scrollback.
        """
        height, self._height = self._height, 0
        return "\r\x1b[K" + "\x1b[A\x1b[K" * (height - 1) if height else ""

    def _drawn(self, frame: Sequence[str]) -> str:
        # The cursor stays at the end of the last line: a line's end there would scroll.
        self._height = len(frame)
        return "\n".join(frame)

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._terminal.write(text)
            self._terminal.flush()


class _Above:
    """A text stream whose lines come above the frame. The rest is the real stream's."""

    def __init__(self, screen: Screen, stream: TextIO) -> None:
        self._screen = screen
        self._stream = stream
        self._pending = ""

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if "\n" in text:
            lines, _, rest = text.rpartition("\n")
            lines, self._pending = f"{self._pending}{lines}\n", rest
            self._screen.print_above(lines)
        else:
            self._pending += text
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    def flush(self) -> None:
        if self._pending:
            text, self._pending = self._pending, ""
            self._screen.print_above(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; one that the user's code has closed is none."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False


_screens: Final[weakref.WeakSet[Screen]] = weakref.WeakSet()


def _forget_in_child() -> None:
    for screen in tuple(_screens):
        screen.forget_in_child()


os.register_at_fork(after_in_child=_forget_in_child)
