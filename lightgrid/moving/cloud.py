"""How the removed framework described machines in a cloud. Nothing here reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os import PathLike


@dataclass
class CloudCompute:
    """A machine in a cloud: what `cloud_compute=` takes.

    Attributes:
        name: Of the kind of machine.
        disk_size: In gigabytes.
        idle_timeout: In seconds; None for no bound.
        shm_size: Shared memory, in megabytes.
        mounts: Data to be found as files.
        colocation_group_id: Machines of one group are near one another.
        interruptible: Whether it may be taken away at any time.
    """

    name: str = "default"
    disk_size: int = 0
    idle_timeout: int | None = None
    shm_size: int | None = None
    mounts: object = None
    colocation_group_id: str | None = None
    interruptible: bool = False


@dataclass
class BuildConfig:
    """An environment in a cloud: what `cloud_build_config=` and `local_build_config=` take.

    Attributes:
        requirements: Packages, or files that name them.
        dockerfile: The path of one.
        image: The image to begin with.
    """

    requirements: Sequence[str] = field(default_factory=list)
    dockerfile: str | PathLike[str] | None = None
    image: str | None = None

    def build_commands(self) -> list[str]:
        """Return what was to be executed before the packages were installed."""
        return []
