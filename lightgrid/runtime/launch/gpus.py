"""The GPUs of one machine, given out one by one."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Final

#: Names the GPUs that a process may use. Where the flow has it, those are all there are.
VISIBLE_VARIABLE: Final = "CUDA_VISIBLE_DEVICES"
_DRIVER: Final = Path("/proc/driver/nvidia/gpus")


class Gpus:
    """Gives out GPUs, to who asked first. Pure: it starts nothing.

    Args:
        names: What `CUDA_VISIBLE_DEVICES` calls them.
    """

    def __init__(self, names: list[str]) -> None:
        self.count = len(names)
        self._free = list(names)
        self._held: dict[str, list[str]] = {}
        self._waiting: deque[tuple[str, int]] = deque()

    def ask(self, launch_id: str, count: int) -> list[str] | None:
        """Return GPUs for a launch; None while there are too few, then it waits for `give_back`."""
        self._waiting.append((launch_id, count))
        return self._give().get(launch_id)

    def give_back(self, launch_id: str) -> dict[str, list[str]]:
        """Take back what a launch has, or waits for; return whose turn it is, with what."""
        self._free.extend(self._held.pop(launch_id, ()))
        self._waiting = deque(one for one in self._waiting if one[0] != launch_id)
        return self._give()

    @property
    def free_count(self) -> int:
        """How many nobody has."""
        return len(self._free)

    def _give(self) -> dict[str, list[str]]:
        given = {}
        # Only the first: a small one that overtakes again and again would starve a large one.
        while self._waiting and self._waiting[0][1] <= len(self._free):
            launch_id, count = self._waiting.popleft()
            given[launch_id] = self._held[launch_id] = self._free[:count]
            del self._free[:count]
        return given


def gpus_here(environment: Mapping[str, str] = os.environ, driver: Path = _DRIVER) -> list[str]:
    """Return what the GPUs of this machine are called that the flow may use."""
    visible = environment.get(VISIBLE_VARIABLE)
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        # As CUDA reads it: the first name that is none ends the list.
        ends = (at for at, name in enumerate(names) if name in ("", "-1", "NoDevFiles"))
        return names[: next(ends, len(names))]
    try:
        return [str(index) for index, _ in enumerate(driver.iterdir())]
    except OSError:
        return []
