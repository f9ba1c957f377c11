"""The processes of an app's works, as the operating system knows them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def work_pids(app_pid: int) -> dict[str, int]:
    """Return the pids of an app's works by name; none where there is no /proc."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            # "pid (any text) state ppid ..."
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == app_pid:
                arguments = (folder / "cmdline").read_bytes().decode().split("\0")
                found[arguments[arguments.index("--name") + 1]] = int(folder.name)
    return found
