"""What a launcher tells of a launch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pending:
    """It waits for a place, and why; may be told again, with another reason."""

    launch_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Started:
    """Its process runs.

    Attributes:
        launch_id: Which.
        pid: The process's number, where it runs; 0 where nobody knows it.
        host: Where that is, for people; "" for this machine.
    """

    launch_id: str
    pid: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class NotStarted:
    """It cannot be started; nothing is left of it.

    Attributes:
        launch_id: Which.
        reason: Why, for people: "cannot start go: No such file or directory".
    """

    launch_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Its process has ended, and what that has started with it.

    Attributes:
        launch_id: Which.
        code: The exit code; negative for the signal that killed the process, None where it
            cannot be known.
        reason: For people, of a code that is not known, or that says less than was seen.
    """

    launch_id: str
    code: int | None
    reason: str = ""


LaunchEvent = Pending | Started | NotStarted | Ended

#: Takes events, from any thread, also before `Launcher.start` has returned. Of each launch the
#: last one is a `NotStarted` or an `Ended`, and there is one.
Tell = Callable[[LaunchEvent], None]
