"""What starts the processes of works: the interface of every launcher.

It speaks of launches by their ids and of ends as events, and of nothing that only this
process or this machine knows, such as a descriptor or an open pipe. So a launcher may as
well stand in a process of its own, or start works elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start.

    Attributes:
        launch_id: Names this launch. The app makes it; all that the process starts has it
            in its environment, and is found by it.
        work: The work's name.
        command: The program and its arguments.
        environment: Set beside what the flow's process has.
        log_file: Where its output goes, appended.
        stop_grace_s: How long it may take to end before it is killed.
        handed_over: Bytes that the process reads from its standard input, up to its end.
    """

    launch_id: str
    work: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    stop_grace_s: float
    handed_over: bytes = field(default=b"", repr=False)


#: Called once for each launch, from any thread, when its process has ended: with the launch's
#: id and the exit code. The code is negative for the signal that killed the process, and None
#: where it cannot be known.
OnExit = Callable[[str, int | None], None]


class Launcher(Protocol):
    """Starts works somewhere. One for each kind of place that works can run in.

    `stop` and `kill` do nothing for a launch that has ended: its event may be on the way.
    """

    def start(self, spec: LaunchSpec, on_exit: OnExit) -> str:
        """Start a process.

        Args:
            spec: What to start.
            on_exit: See `OnExit`.

        Returns:
            What people find it by, such as "pid 1234".

        Raises:
            OSError: It cannot be started.
        """

    def stop(self, launch_id: str) -> None:
        """Ask a process to end; kill it, and all it started, when it has not after its grace."""

    def kill(self, launch_id: str) -> None:
        """Kill a process and all it started, now."""

    def close(self) -> None:
        """Kill what is left."""
