"""The folder of one running app: its logs, and how to reach it.

    lightgrid-UID/PID/app.json    address, token, file; for the user alone
    lightgrid-UID/PID/logs/W.log  what a work printed

Lies where only the user can look. A folder whose process is gone is removed by
the next app that starts.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lightgrid.errors import LightgridError


@dataclass(frozen=True, slots=True)
class RunningApp:
    """How to reach a running app."""

    pid: int
    app_file: str
    address: str
    token: str
    run_dir: str

    @property
    def logs(self) -> Path:
        """The folder of the works' logs."""
        return Path(self.run_dir) / "logs"


class RunDir:
    """The folder of the app that this process runs."""

    def __init__(self, app_file: str) -> None:
        base = _base()
        for stale in _dead(base):
            shutil.rmtree(stale, ignore_errors=True)
        self.path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=base))
        self._app_file = app_file
        (self.path / "logs").mkdir()

    def log_file(self, work: str) -> Path:
        """Return the file that takes what a work prints."""
        return self.path / "logs" / f"{work}.log"

    def publish(self, address: str, token: str) -> None:
        """Let commands of the same user find the app."""
        app = RunningApp(os.getpid(), self._app_file, address, token, str(self.path))
        # Whole or not at all: a reader never sees half of it.
        draft = self.path / "app.json.new"
        with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(app), file)
        draft.rename(self.path / "app.json")

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def running_apps() -> list[RunningApp]:
    """Return the apps of this user that run on this machine, oldest first."""
    found = []
    for folder in _folders(_base()):
        with suppress(OSError, ValueError, TypeError):
            app = RunningApp(**json.loads((folder / "app.json").read_text()))
            if _is_alive(app.pid):
                found.append((folder.stat().st_mtime, app))
    return [app for _, app in sorted(found, key=lambda pair: pair[0])]


def _base() -> Path:
    where = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    base = Path(where) / f"lightgrid-{os.getuid()}"
    base.mkdir(mode=0o700, exist_ok=True)
    facts = base.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or base.is_symlink():
        raise LightgridError(
            f"{base} is not a folder of yours alone; remove it, or set XDG_RUNTIME_DIR"
        )
    return base


def _folders(base: Path) -> Iterator[Path]:
    return (folder for folder in base.iterdir() if folder.name.partition("-")[0].isdigit())


def _dead(base: Path) -> list[Path]:
    return [
        folder for folder in _folders(base) if not _is_alive(int(folder.name.partition("-")[0]))
    ]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
