"""A launch that a test of `LauncherContract` has asked for, and what that test is made of."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from lightgrid.runtime.launch.events import Ended, LaunchEvent, NotStarted


class Launch:
    """One launch of a test, as it was asked for, and what has been told of it."""

    def __init__(self, launch_id: str, log_file: Path) -> None:
        self.launch_id = launch_id
        self.events: list[LaunchEvent] = []
        self.ends: queue.SimpleQueue[NotStarted | Ended] = queue.SimpleQueue()
        self._log_file = log_file

    def tell(self, event: LaunchEvent) -> None:
        """Take an event of it."""
        self.events.append(event)
        if isinstance(event, NotStarted | Ended):
            self.ends.put(event)

    def end(self, timeout_s: float) -> NotStarted | Ended:
        """Wait for its end, and return what was told."""
        try:
            return self.ends.get(timeout=timeout_s)
        except queue.Empty:
            raise AssertionError("the end of its process was not told") from None

    def log(self) -> str:
        """Return what it has written, up to now."""
        return self._log_file.read_text() if self._log_file.exists() else ""


def expect(holds: bool, otherwise: str) -> None:
    """Fail the test unless something holds; `python -O` leaves no such line out."""
    if not holds:
        raise AssertionError(otherwise)


@contextmanager
def changed_environment(added: Mapping[str, str]) -> Iterator[None]:
    """Have this process's environment hold more, for a while."""
    before = dict(os.environ)
    os.environ.update(added)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
