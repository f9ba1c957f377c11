"""The folder of one running app: its logs, and how to reach it.

    lightgrid-UID/PID/app.json    address, token, whom to trust, file; for the user alone
    lightgrid-UID/PID/ca.pem      whom to trust, for people; where the app speaks TLS
    lightgrid-UID/PID/logs/W.log  what a work printed; "/" in W is %2F, as in a URL

Lies where only the user can look. A folder whose process is gone is removed by
the next app that starts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from lightgrid.errors import LightgridError
from lightgrid.process.told_environment import TLS_CA_VARIABLE

_LOGS: Final = "logs"


#: Of a log's file name, in bytes; file systems take 255.
_MAX_FILE_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class RunningApp:
    """How to reach a running app.

    Attributes:
        pid: Of the flow's process.
        app_file: The file that it runs.
        address: HOST:PORT to dial.
        token: Opens it.
        run_dir: Where its logs are.
        root_certificates: The certificates to trust, as PEM text; None without TLS.
    """

    pid: int
    app_file: str
    address: str
    token: str
    run_dir: str
    root_certificates: str | None = None

    def log_file(self, work: str) -> Path:
        """Return the file that has what a work printed."""
        return _log_file(Path(self.run_dir), work)


class RunDir:
    """The folder of the app that this process runs.

    Args:
        app_file: As `RunningApp`.

    Raises:
        LightgridError: It cannot be made.
    """

    def __init__(self, app_file: str) -> None:
        self._app_file = app_file
        with _told_errors():
            base = _base()
            base.mkdir(mode=0o700, exist_ok=True)
            _check_is_ours(base)
            for stale in _dead(base):
                shutil.rmtree(stale, ignore_errors=True)
            self.path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=base))
            self._ca_file = self.path / "ca.pem"
            (self.path / _LOGS).mkdir()

    def log_file(self, work: str) -> Path:
        """Return the file that takes what a work prints."""
        return _log_file(self.path, work)

    def publish(self, address: str, token: str, root_certificates: bytes | None = None) -> None:
        """Let commands of the same user find the app, and trust it.

        Raises:
            LightgridError: The folder cannot be written.
        """
        trusted = None if root_certificates is None else root_certificates.decode()
        app = RunningApp(os.getpid(), self._app_file, address, token, str(self.path), trusted)
        # Whole or not at all: a reader never sees half of it.
        draft = self.path / "app.json.new"
        with _told_errors():
            if root_certificates is not None:
                self._ca_file.write_bytes(root_certificates)
            with open(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
                json.dump(asdict(app), file)
            draft.rename(self.path / "app.json")

    def as_typed(self, told: Mapping[str, str]) -> str:
        """Return what a work is told in its environment, for a shell and in one line.

        The certificates are too long for that: it has them from a file here.
        """
        shown = dict(told)
        if TLS_CA_VARIABLE in shown:
            shown[TLS_CA_VARIABLE] = f'"$(cat {shlex.quote(str(self._ca_file))})"'
        return " ".join(f"{name}={text}" for name, text in shown.items())

    def remove(self) -> None:
        """Remove the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def running_apps() -> list[RunningApp]:
    """Return the apps of this user that run on this machine, oldest first.

    Raises:
        LightgridError: The folder where they say so is not the user's alone.
    """
    with _told_errors():
        base = _base()
        if not base.exists():
            return []
        _check_is_ours(base)
        folders = list(_folders(base))
    found = []
    for folder in folders:
        with suppress(OSError, ValueError, TypeError):
            app = RunningApp(**json.loads((folder / "app.json").read_text()))
            if _is_alive(app.pid):
                found.append((folder.stat().st_mtime, app))
    return [app for _, app in sorted(found, key=lambda pair: pair[0])]


def _base() -> Path:
    where = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(where) / f"lightgrid-{os.getuid()}"


def _check_is_ours(base: Path) -> None:
    facts = base.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or base.is_symlink():
        raise LightgridError(
            f"{base} is not a folder of yours alone; remove it, or set XDG_RUNTIME_DIR"
        )


@contextmanager
def _told_errors() -> Iterator[None]:
    """Say what became of the folder, where it is, and how to have another."""
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise LightgridError(
            f"the folder for the app's address and logs cannot be used: {where}"
            f"{error.strerror or error}. Make room there, or set XDG_RUNTIME_DIR to a folder "
            "that you can write"
        ) from None


def _log_file(run_dir: Path, work: str) -> Path:
    name = work.replace("%", "%25").replace("/", "%2F")
    data = name.encode()
    if len(data) > _MAX_FILE_NAME:
        name = data[:_MAX_FILE_NAME].decode(errors="ignore")
        name += f"-{hashlib.sha256(work.encode()).hexdigest()[:16]}"
    return run_dir / _LOGS / f"{name}.log"


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
