"""What a test does to the processes and connections of an app's works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from lightgrid.component.options import OptionChecker
from lightgrid.component.work import Work
from lightgrid.testing.launcher import WatchedLauncher
from lightgrid.testing.relay import Relay

NOT_STARTED: Final = "the app has not started yet"


class NotReachedError(AssertionError):
    """What a test waits for did not come; the app's last state is in the message."""


class Faults:
    """Kills processes, cuts and delays connections.

    Args:
        with_faults: Let works dial a relay, which connections are cut and delayed in.
    """

    def __init__(self, *, with_faults: bool) -> None:
        self._relay = Relay() if with_faults else None
        self._launcher: WatchedLauncher | None = None

    def pid_of(self, work: Work) -> int:
        """Return the number of the newest process of a work."""
        return self._processes.pid_of(work)

    def is_gone(self, pid: int) -> bool:
        """Tell whether a process of a work has ended, and the app has seen it."""
        return self._launcher is None or not self._launcher.is_left(pid)

    def kill(self, work: Work) -> None:
        """Kill the process of a work, as a lack of memory would: it cannot say goodbye."""
        self._processes.kill_process_of(work)

    def cut_connection(self, work: Work) -> None:
        """Break the connections of a work; it may connect again at once."""
        self._faults.break_connections(work.name)

    @contextmanager
    def disconnected(self, work: Work) -> Iterator[None]:
        """Let a work have no connection meanwhile."""
        self._faults.cut(work.name, is_cut=True)
        self._faults.break_connections(work.name)
        try:
            yield
        finally:
            self._faults.cut(work.name, is_cut=False)

    def delay(self, work: Work, seconds: float) -> None:
        """Have all that a work sends and is sent take so much longer from now on."""
        seconds = OptionChecker("delay()").seconds("seconds", seconds)
        self._faults.delay(work.name, seconds)

    def make_launcher(self) -> WatchedLauncher:
        """Return what starts the processes of the app."""
        self._launcher = WatchedLauncher(self._relay)
        return self._launcher

    def close_launcher(self) -> None:
        """Kill what is left."""
        if self._launcher is not None:
            self._launcher.close()

    def close_relay(self) -> None:
        """Let no connection through any more."""
        if self._relay is not None:
            self._relay.close()

    @property
    def _processes(self) -> WatchedLauncher:
        if self._launcher is None:
            raise NotReachedError(NOT_STARTED)
        return self._launcher

    @property
    def _faults(self) -> Relay:
        if self._relay is None:
            raise ValueError("say stepping(..., with_faults=True) to cut or delay connections")
        return self._relay
