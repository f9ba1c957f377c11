"""What starts the processes of works: the interface of every launcher."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lightgrid.process.work_spec import LAUNCH_VARIABLE


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start.

    Attributes:
        work: The work's name.
        command: The program and its arguments.
        environment: Set beside what the flow's process has.
        log_file: Where its output goes, appended.
        stop_grace_s: How long it may take to end before it is killed.
        handed_over: Bytes that the process reads from a file descriptor whose
            number replaces "{fd}" in the command.
        launch_id: Names this launch; what the process starts is found by it.
    """

    work: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    stop_grace_s: float
    handed_over: bytes = field(default=b"", repr=False)
    launch_id: str = field(default_factory=lambda: secrets.token_hex(16))

    @property
    def mark(self) -> str:
        """What stands in the environment of all that the process starts."""
        return f"{LAUNCH_VARIABLE}={self.launch_id}"


#: Called once, from any thread, with the pid and the exit code of a process that has ended.
#: The code is negative for the signal that killed it, and None where it cannot be known.
OnExit = Callable[[int, int | None], None]


class Handle(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its number, for people."""

    def stop(self) -> None:
        """Ask it to end; kill it, and all it started, when it has not after its grace."""

    def kill(self) -> None:
        """Kill it and all it started, now."""


class Launcher(Protocol):
    """Starts works somewhere. One for each kind of place that works can run in."""

    def start(self, spec: LaunchSpec, on_exit: OnExit) -> Handle:
        """Start a process.

        Args:
            spec: What to start.
            on_exit: See `OnExit`.

        Raises:
            OSError: It cannot be started.
        """

    def close(self) -> None:
        """Kill what is left."""
