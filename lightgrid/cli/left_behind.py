"""Processes of works whose app is gone, and with it all that was to end them.

That is so when the flow, its launcher and the launcher's sentinel were killed in one moment.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightgrid.launcher.family import has_ended, kill_group, kill_marked, send_signal
from lightgrid.process.told_environment import FLOW_PID_VARIABLE, LAUNCH_VARIABLE, WORK_VARIABLE

#: How long they may take to end when they are asked to, in seconds.
GRACE_S: Final = 2.0
_POLL_S: Final = 0.02


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
    """Ask processes to end; then kill what is left of them and of what they have started."""
    for one in processes:
        send_signal(os.kill, one.pid, signal.SIGTERM)
    end_s = time.monotonic() + GRACE_S
    while time.monotonic() < end_s and not all(has_ended(one.pid) for one in processes):
        time.sleep(_POLL_S)
    for one in processes:
        if not has_ended(one.pid) and os.getpgid(one.pid) == one.pid:
            kill_group(one.pid)
        kill_marked(one.launch_id)


def _read(folder: Path) -> LeftProcess | None:
    texts = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
    told = dict(text.split("=", 1) for text in texts if "=" in text)
    if not told.get(LAUNCH_VARIABLE, "").strip("-") or FLOW_PID_VARIABLE not in told:
        return None  # of no launch: the fork server itself has only the room for an id
    arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    at = arguments.index("--name") + 1 if "--name" in arguments else len(arguments)
    work = arguments[at] if at < len(arguments) else told.get(WORK_VARIABLE, "")
    return LeftProcess(int(folder.name), int(told[FLOW_PID_VARIABLE]), told[LAUNCH_VARIABLE], work)
