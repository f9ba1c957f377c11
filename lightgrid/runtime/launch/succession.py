"""The launcher processes of one launcher, one after another."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable

from lightgrid.runtime.launch.events import NotStarted, Tell
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.launcher_client import LauncherClient


class Succession:
    """Has a launcher process there: another one when that is gone. Thread-safe.

    Args:
        make: Starts one. Raises `OSError` where that cannot be.

    Raises:
        OSError: The first one cannot be started.
    """

    def __init__(self, make: Callable[[], LauncherClient]) -> None:
        self._make = make
        self._lock = threading.RLock()
        self._gone: list[LauncherClient] = []
        #: The newest, which may be gone.
        self.client = make()
        _successions.add(self)

    def start(
        self,
        spec: LaunchSpec,
        entry_of: Callable[[LauncherClient], str],
        environment: dict[str, str],
        tell: Tell,
    ) -> None:
        """Order a start.

        Args:
            spec: What to start.
            entry_of: Returns what a child of the one that is to do it may call in place of
                executing the command; "" for nothing.
            environment: All that the process is to have.
            tell: Called with its events; also where it cannot be asked for.
        """
        try:
            with self._lock:
                while True:
                    if self.client.is_gone:
                        self._replace()
                    if self.client.start(spec, entry_of(self.client), environment, tell):
                        return
        except OSError as error:  # no descriptor, no process, no room for its log
            where = f"{error.filename}: " if error.filename else ""
            reason = f"cannot start {spec.command[0]}: {where}{error.strerror or error}"
            tell(NotStarted(spec.launch_id, reason))

    def order(self, order: str, launch_id: str) -> None:
        """Order a launch to be stopped or killed, unless it has ended."""
        for client in (*self._gone, self.client):
            client.order(order, launch_id)

    def close(self) -> None:
        """Kill all that is left, and let the launcher processes go."""
        for client in (*self._gone, self.client):
            client.close()

    def forget_in_child(self) -> None:
        """Close this end in a forked child: a launcher is to see the end of the flow alone."""
        self._lock = threading.RLock()
        for client in (*self._gone, self.client):
            client.forget_in_child()

    def _replace(self) -> None:
        # What one that is gone had started may still have its grace, and can be killed.
        self._gone = [one for one in (*self._gone, self.client) if one.has_launches]
        self.client = self._make()


_successions: weakref.WeakSet[Succession] = weakref.WeakSet()


def _forget_in_child() -> None:
    for succession in list(_successions):
        succession.forget_in_child()


os.register_at_fork(after_in_child=_forget_in_child)
