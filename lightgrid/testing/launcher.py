"""Starting works as an app does, knowing which process is whose."""

from __future__ import annotations

import os
import signal
from dataclasses import replace

from lightgrid.component.work import Work
from lightgrid.process.told_environment import ADDRESS_VARIABLE
from lightgrid.runtime.launch.launcher import LaunchSpec, OnExit
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

    def start(self, spec: LaunchSpec, on_exit: OnExit) -> str:
        """See `Launcher.start`."""
        if self._relay is not None:
            address = self._relay.address_of(spec.work, spec.environment[ADDRESS_VARIABLE])
            spec = replace(spec, environment={**spec.environment, ADDRESS_VARIABLE: address})
        return super().start(spec, on_exit)

    def started(self, work: str, pid: int) -> None:
        """Note whose a process is."""
        self._pids[work] = pid

    def is_left(self, pid: int) -> bool:
        """Tell whether a process that was started has not ended."""
        return pid in self.pids

    def close(self) -> None:
        """See `Launcher.close`."""
        super().close()
        if self._relay is not None:
            self._relay.close()

    def pid_of(self, work: Work) -> int:
        """Return the number of the newest process of a work.

        Raises:
            LookupError: It has never been started.
        """
        if work.name not in self._pids:
            raise LookupError(f"{work.name} has no process; call run or start first")
        return self._pids[work.name]

    def kill_process_of(self, work: Work) -> None:
        """Kill a work's process, as a lack of memory would."""
        os.kill(self.pid_of(work), signal.SIGKILL)
