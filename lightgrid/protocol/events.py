"""What becomes of the processes of works, as the flow is told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Joined:
    """A process has joined as a work.

    Attributes:
        work: As which.
        user_agent: What it is, for people.
        launch_id: By which launch it was started, if it knows.
        features: What it and the server know.
    """

    work: str
    user_agent: str
    launch_id: str = ""
    features: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A work said goodbye."""

    work: str


@dataclass(frozen=True, slots=True)
class Silent:
    """A work has not been heard of for its lease."""

    work: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A work that was silent is heard again."""

    work: str


PeerEvent = Joined | Left | Silent | Heard
