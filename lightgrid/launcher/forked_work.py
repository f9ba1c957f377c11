"""A forked child becomes the work that it was forked for: as if it had been executed."""

from __future__ import annotations

import gc
import importlib
import io
import locale
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

from lightgrid.launcher.exiting import call, exit_process
from lightgrid.launcher.family import LAUNCH_VARIABLE
from lightgrid.launcher.inherited import Inherited
from lightgrid.launcher.roles import close_all_but

#: As long as the longest id of a launch that can be written over it.
PLACEHOLDER: Final = "-" * 64
_TITLE_BYTES: Final = 400
#: A last argument of the launcher, which `ps` shows as nothing: room for the command of a work.
TITLE_ROOM: Final = " " * _TITLE_BYTES


class Origin(NamedTuple):
    """What a forked work has of the fork server.

    Attributes:
        pid: The fork server's.
        opened: Descriptors that the imported modules hold, and go on using.
        files: The file objects that they have made.
        restore: Sets what signals did before the launcher had them do something else.
    """

    pid: int
    opened: frozenset[int]
    files: Sequence[io.IOBase]
    restore: Callable[[], None]


def be_work(launch_id: str, entry: str, file: int, log: int, origin: Origin) -> int:
    """Be a work, in a child of the fork server.

    Args:
        launch_id: Names its launch.
        entry: "module:function", which is called; it returns the exit code, or exits.
        file: See `execute`.
        log: See `execute`.
        origin: Of this process.
    """
    # First of all, so that it is found whatever happens to it, and to who has forked it.
    os.setsid()
    mark(launch_id)
    if os.getppid() != origin.pid:  # whoever looked for what that has left did not find this
        return 1
    gc.enable()
    inherited = Inherited.read(file)
    os.dup2(file, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    close_all_but(*origin.opened)
    origin.restore()
    name_process(inherited.command)
    sys.orig_argv[:] = inherited.command
    try:
        inherited.enter()
    except OSError as error:
        print(f"cannot start: {error.filename}: {error.strerror}", file=sys.stderr, flush=True)
        return 1
    _forget_environment()
    _seed_anew()
    exit_process(call(lambda: _entry(entry)()), origin.files)


def _entry(name: str) -> Callable[[], object]:
    module, _, function = name.partition(":")
    found: Callable[[], object] = getattr(importlib.import_module(module), function)
    return found


def mark(launch_id: str) -> None:
    """Write the id of a launch into the environment that /proc shows of this process.

    `os.environ` is another place: what /proc shows is where the kernel put the environment at
    the start, and what a child forked from here has there, too. So daemons that a work forks
    are found by it, as those are that it executes.

    Raises:
        OSError: There is no /proc, or no placeholder, or it is too short.
    """
    begin, end = _area(2)
    with open("/proc/self/mem", "r+b", buffering=0) as memory:
        memory.seek(begin)
        name = f"{LAUNCH_VARIABLE}=".encode()
        place = memory.read(end - begin).find(name + PLACEHOLDER.encode())
        if place < 0 or len(launch_id.encode()) > len(PLACEHOLDER):
            raise OSError("the environment has no room for the id of a launch")
        memory.seek(begin + place + len(name))
        memory.write(launch_id.encode().ljust(len(PLACEHOLDER), b"\0"))


def name_process(command: object) -> None:
    """Have `ps` show a command as this process's, as far as there is room."""
    assert isinstance(command, list)
    with suppress(OSError):
        begin, end = _area(0)
        title = "\0".join(command).encode(errors="replace")[: end - begin - 1]
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(begin)
            memory.write(title.ljust(end - begin, b"\0"))


def _area(index: int) -> tuple[int, int]:
    """Return where the kernel has put the arguments (0) or the environment (2): begin and end."""
    with open("/proc/self/stat") as file:
        # Fields 48 to 51 of proc(5); behind the name, which may have spaces, comes field 3.
        numbers = file.read().rpartition(")")[2].split()[45:49]
    begin, end = int(numbers[index]), int(numbers[index + 1])
    if begin == 0:
        raise OSError("the kernel does not say where the environment is")
    return begin, end


def _forget_environment() -> None:
    """Drop what was taken from the environment of the fork server when it started."""
    if "tempfile" in sys.modules:
        sys.modules["tempfile"].tempdir = None  # type: ignore[attr-defined]
    time.tzset()
    with suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")


def _seed_anew() -> None:
    """Have random numbers differ from those of others that were forked; Python's own do already."""
    modules: dict[str, Any] = sys.modules
    if "numpy.random" in modules:
        modules["numpy.random"].seed()
    if "torch" in modules:
        modules["torch"].seed()
