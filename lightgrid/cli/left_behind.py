"""Processes of works whose app is gone, and with it all that was to end them.

That is so when the flow, its launcher and the launcher's sentinel were killed in one moment.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightgrid.launcher.family import has_ended
from lightgrid.launcher.sentinel import end
from lightgrid.process.told_environment import FLOW_PID_VARIABLE, LAUNCH_VARIABLE, WORK_VARIABLE

#: How long they may take to end when they are asked to, in seconds.
GRACE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class LeftProcess:
    """A process that belongs to no running app.

    Attributes:
        pid: Its number.
        flow_pid: That of the flow it was started for.
        launch_id: Of the launch it belongs to.
        work: The work's name, where that can be seen.
    """

    pid: int
    flow_pid: int
    launch_id: str
    work: str


def find_left() -> list[LeftProcess]:
    """Return what is left of apps of this user that are gone; none where there is no /proc."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            left = _read(folder)
            # A number means something only where it was given, which a container is not.
            if (
                left is not None
                and folder.stat().st_uid == os.getuid()
                and os.readlink(folder / "ns/pid") == os.readlink("/proc/self/ns/pid")
                and has_ended(left.flow_pid)
                and not has_ended(left.pid)
            ):
                found.append(left)
    return sorted(found, key=lambda one: (one.flow_pid, one.pid))


def end_left(processes: list[LeftProcess]) -> None:
    """End processes with all that belongs to their launches, as their sentinel would have."""
    end({one.launch_id: (GRACE_S, 0) for one in processes})


def _read(folder: Path) -> LeftProcess | None:
    texts = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
    told = dict(text.split("=", 1) for text in texts if "=" in text)
    if not told.get(LAUNCH_VARIABLE, "").strip("-") or FLOW_PID_VARIABLE not in told:
        return None  # of no launch: the fork server itself has only the room for an id
    arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    at = arguments.index("--name") + 1 if "--name" in arguments else len(arguments)
    work = arguments[at] if at < len(arguments) else told.get(WORK_VARIABLE, "")
    return LeftProcess(int(folder.name), int(told[FLOW_PID_VARIABLE]), told[LAUNCH_VARIABLE], work)
