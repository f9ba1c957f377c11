"""What works print: a file for each, followed as it grows."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_FAST_S: Final = 0.05
_SLOW_S: Final = 0.5
_MAX_READ: Final = 1 << 18
#: How often a line is shown that a work writes again and again: a progress bar.
_PROGRESS_S: float = 5.0
#: What is still shown of a work's output when someone waits for the end. A terminal may take
#: minutes for what a work has printed in seconds.
_MAX_LEFT: Final = 1 << 18


class LogFollower:
    """Reads what is appended to log files and hands it on, line by line.

    Works write to files, not to pipes: a pipe to a flow that died would kill a
    work that prints.

    Args:
        show: Called with a work's name and a line, in this object's thread.
    """

    def __init__(self, show: Callable[[str, str], None]) -> None:
        self._show = show
        self._files: dict[str, _Followed] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lightgrid logs", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def follow(self, work: str, path: Path) -> None:
        """Follow a file from its beginning, unless it is followed already."""
        with self._lock:
            if work not in self._files:
                self._files[work] = _Followed(path)

    def drop(self, work: str) -> None:
        """Show what is left of a work's output and follow it no longer."""
        with self._lock:
            followed = self._files.pop(work, None)
        if followed is not None:
            self._show_all(work, followed)

    def tail(self, work: str, line_count: int = 20) -> list[str]:
        """Return the last lines that a work has printed."""
        with self._lock:
            followed = self._files.get(work)
        return [] if followed is None else last_lines(followed.path, line_count)

    def close(self, *, hurry: bool = False) -> None:
        """Show all that is left, or in a hurry the last of it, and stop."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
        for work, followed in tuple(self._files.items()):
            left_out = followed.skip_all_but(_MAX_LEFT) if hurry else 0
            if left_out:
                self._show(work, f"... {left_out} bytes left out")
            self.drop(work)

    def _run(self) -> None:
        pause_s = _FAST_S
        while not self._closing.wait(pause_s):
            with self._lock:
                files = list(self._files.items())
            grown = [self._show_new(work, followed) for work, followed in files]
            # Quiet works are looked at less and less often.
            pause_s = _FAST_S if any(grown) else min(_SLOW_S, 1.5 * pause_s)

    def _show_new(self, work: str, followed: _Followed) -> bool:
        lines = followed.read_lines()
        for line in lines:
            self._show(work, line)
        progress = followed.take_progress()
        if progress:
            self._show(work, progress)
        return bool(lines)

    def _show_all(self, work: str, followed: _Followed) -> None:
        before = -1
        # Until nothing is read, and not until no line is found: of a long line, what is read
        # at a time has no end.
        while followed.offset != before:
            before = followed.offset
            self._show_new(work, followed)
        if followed.rest:
            self._show(work, followed.rest.decode("utf-8", "replace"))


class _Followed:
    """A file, how far it was read, and the beginning of a line that was not finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rest = b""
        self.offset = 0
        self._shown_s = time.monotonic()

    def skip_all_but(self, size_bytes: int) -> int:
        """Go on with the last bytes of the file; return how many are left out."""
        try:
            start = self.path.stat().st_size - size_bytes
        except OSError:
            return 0
        left_out = max(0, start - self.offset)
        if left_out:
            self.offset, self.rest = start, b""
        return left_out

    def read_lines(self) -> list[str]:
        try:
            if self.path.stat().st_size <= self.offset:
                return []
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(_MAX_READ)
        except OSError:
            return []
        self.offset += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        if len(self.rest) > _MAX_READ:
            lines.append(self.rest)
            self.rest = b""
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]

    def take_progress(self) -> str:
        """Return what stands in a line that was begun again and is not ended; now and then."""
        written, _, now = self.rest.rpartition(b"\r")
        if not (written and now) or time.monotonic() - self._shown_s < _PROGRESS_S:
            return ""
        self._shown_s = time.monotonic()
        self.rest = b"\r" + now
        return now.decode("utf-8", "replace")


def last_lines(path: Path, line_count: int) -> list[str]:
    """Return the last lines of a file; none when it cannot be read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - (1 << 16)))
            return file.read().decode("utf-8", "replace").splitlines()[-line_count:]
    except OSError:
        return []
