"""Starting works as an app does, knowing which process is whose."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace

from lightgrid.component.work import Work
from lightgrid.process.told_environment import ADDRESS_VARIABLE
from lightgrid.runtime.launch.events import Ended, LaunchEvent, NotStarted, Started, Tell
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.local import LocalLauncher
from lightgrid.testing.relay import Relay


class WatchedLauncher(LocalLauncher):
    """A `LocalLauncher` whose works can be killed and, over a relay, cut off.

    Args:
        relay: What works dial in place of the server; None for the server itself.
    """

    def __init__(self, relay: Relay | None) -> None:
        super().__init__()
        self._relay = relay
        self._pids: dict[str, int] = {}
        self._left: dict[str, int] = {}
        self._newest: dict[str, str] = {}
        self._asked: set[str] = set()
        self._told = threading.Condition()

    def start(self, spec: LaunchSpec, tell: Tell) -> None:
        """See `Launcher.start`."""

        def note(event: LaunchEvent) -> None:
            if isinstance(event, Started):
                self._pids[spec.work] = event.pid
                self._left[event.launch_id] = event.pid
            tell(event)
            if isinstance(event, Ended | NotStarted):
                self._left.pop(event.launch_id, None)
            with self._told:
                self._asked.discard(spec.launch_id)
                self._told.notify_all()

        if self._relay is not None:
            address = self._relay.address_of(spec.work, spec.environment[ADDRESS_VARIABLE])
            spec = replace(spec, environment={**spec.environment, ADDRESS_VARIABLE: address})
        with self._told:
            self._newest[spec.work] = spec.launch_id
            self._asked.add(spec.launch_id)
        super().start(spec, note)

    def is_left(self, pid: int) -> bool:
        """Tell whether a process that was started has not ended."""
        return pid in self._left.values()

    def close(self) -> None:
        """See `Launcher.close`."""
        super().close()
        if self._relay is not None:
            self._relay.close()

    def pid_of(self, work: Work) -> int:
        """Return the number of the newest process of a work, once it is there.

        Raises:
            LookupError: It has never been started.
        """
        with self._told:
            self._told.wait_for(lambda: self._newest.get(work.name) not in self._asked)
        if work.name not in self._pids:
            raise LookupError(f"{work.name} has no process; call run or start first")
        return self._pids[work.name]

    def kill_process_of(self, work: Work) -> None:
        """Kill a work's process, as a lack of memory would."""
        os.kill(self.pid_of(work), signal.SIGKILL)
