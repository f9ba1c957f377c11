"""What a process has from its parent; here, what a launcher's child has from the flow."""

from __future__ import annotations

import json
import os
import resource
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

_LENGTH_BYTES: Final = 8
_LIMITS: Final = sorted(name for name in dir(resource) if name.startswith("RLIMIT_"))


class Inherited(NamedTuple):
    """What is set in a child before it executes anything.

    Attributes:
        command: What it executes: a program and its arguments.
        environment: All of it.
        folder: Where it works; "" for a folder that is not there any more.
        umask: What new files are not to allow.
        limits: By their names in `resource`, each soft and hard.
        niceness: Higher is nicer.
        cpus: Those that it may run on; empty where that cannot be said.
        user: See `user_of_this_process`.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    umask: int
    limits: Mapping[str, tuple[int, int]]
    niceness: int
    cpus: Sequence[int]
    user: Sequence[Sequence[int]]

    @classmethod
    def of_this_process(cls, command: Sequence[str], environment: Mapping[str, str]) -> Inherited:
        """Return what a child of this process would have, but for its environment."""
        return cls(
            command=list(command),
            environment=dict(environment),
            folder=working_folder(),
            umask=_umask(),
            limits={name: resource.getrlimit(getattr(resource, name)) for name in _LIMITS},
            niceness=os.getpriority(os.PRIO_PROCESS, 0),
            cpus=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
            user=user_of_this_process(),
        )

    def write(self, file: int, handed_over: bytes) -> None:
        """Write it into a new file, and behind it what the child is to read."""
        head = json.dumps(self._asdict()).encode()
        _write_all(file, len(head).to_bytes(_LENGTH_BYTES, "big") + head)
        _write_all(file, handed_over)

    @classmethod
    def read(cls, file: int) -> Inherited:
        """Read it, and leave the file where what the child is to read begins."""
        os.lseek(file, 0, os.SEEK_SET)
        head = json.loads(_read_all(file, int.from_bytes(os.read(file, _LENGTH_BYTES), "big")))
        return cls(**head)

    def apply(self) -> None:
        """Set limits, niceness, processors and user; Popen and `enter` do the rest.

        What the kernel refuses stays as it is: the flow was started so, and was lowered since.

        Raises:
            OSError: It cannot become the flow's user.
        """
        for name, limit in self.limits.items():
            with suppress(OSError, ValueError):
                resource.setrlimit(getattr(resource, name), (limit[0], limit[1]))
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, self.niceness)
        if self.cpus:
            with suppress(OSError):
                os.sched_setaffinity(0, self.cpus)
        if [list(ids) for ids in self.user] != user_of_this_process():
            users, groups, more = self.user
            os.setgroups(more)
            os.setresgid(*groups)
            os.setresuid(*users)

    def enter(self) -> None:
        """Have all of it in this process.

        Raises:
            OSError: The folder is gone, or forbidden; or see `apply`.
        """
        self.apply()
        os.umask(self.umask)
        if self.folder:
            os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)


def user_of_this_process() -> list[list[int]]:
    """Return users (real, effective, saved), groups (the same), and supplementary groups."""
    if not hasattr(os, "getresuid"):  # macOS; there the launcher's user stays what it was
        return []
    return [list(os.getresuid()), list(os.getresgid()), sorted(os.getgroups())]


def working_folder() -> str:
    """Return where this process works; "" for a folder that is not there any more."""
    with suppress(OSError):
        return os.getcwd()
    return ""


def _umask() -> int:
    # To ask the kernel for it is to set it, for a moment and for all threads; Linux shows it.
    with suppress(OSError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _read_all(file: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        read = os.read(file, count - len(data))
        if not read:
            raise EOFError("what was to be inherited is cut off")
        data += read
    return data
