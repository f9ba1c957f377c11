"""What an app is doing, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AppStage(StrEnum):
    """What the app is doing; in the tree at `app_state.stage`."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an app ended.

    Attributes:
        exit_code: 0 after `stop`, 1 after a failure, 128 + N after signal N.
        message: For people.
        exception: What ended it, if an exception did.
    """

    exit_code: int
    message: str = ""
    exception: BaseException | None = None

    @property
    def was_interrupted(self) -> bool:
        """Whether a signal ended it."""
        return self.exit_code > 128

    @property
    def stage(self) -> AppStage:
        """Where the app stands then: an end by a signal is no failure of its own."""
        return AppStage.FAILED if 0 < self.exit_code < 128 else AppStage.STOPPED
