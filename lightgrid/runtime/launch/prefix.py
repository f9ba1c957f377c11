"""Works elsewhere, by a command that is put before their own: `srun`, `ssh`, `docker run`."""

from __future__ import annotations

import base64
import json
import math
import os
import shlex
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import lightgrid.launcher
from lightgrid.component.resources import Resources
from lightgrid.errors import LightgridError
from lightgrid.launcher.contact import PART
from lightgrid.launcher.inherited import working_folder
from lightgrid.process.told_environment import (
    ADDRESS_VARIABLE,
    LAUNCH_VARIABLE,
    TOLD_VARIABLES,
    untold_environment,
)
from lightgrid.runtime.launch.events import (
    Ended,
    LaunchEvent,
    NotStarted,
    Pending,
    Started,
    Tell,
)
from lightgrid.runtime.launch.launcher import LaunchSpec
from lightgrid.runtime.launch.launcher_client import LauncherClient
from lightgrid.runtime.launch.succession import Succession

#: Names the Python at the far end, where that is not at the path of this one.
PYTHON_VARIABLE: Final = "LIGHTGRID_PYTHON"
#: What becomes the far end, each found by the next, in a process that has nothing of ours.
_SENT: Final = ("family", "far_end")
#: How much of a log's end says why Python did not begin.
_LAST_BYTES: Final = 2000
#: Read byte by byte, since what comes behind is for the one that it makes.
_BRING_UP: Final = """\
import json, sys, types
print('\\n{"event": "there"}', flush=True)
for name, text in json.loads(open(0, "rb", 0, closefd=False).readline()):
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
module.main()"""


class PrefixLauncher:
    """Starts works by a command that runs a shell somewhere, with the streams of the command.

    All that a work needs goes to the far end through the command's standard input; nothing of it
    stands in an argument, or in the environment of the command. See `lightgrid.launcher.far_end`.

    Args:
        words: The command: a program and its arguments.
        carried: What works are to have in their environment there, beside their own.

    Raises:
        LightgridError: There is no command.
        OSError: No process can be started.
    """

    name = "prefix"

    def __init__(self, words: Sequence[str], carried: Mapping[str, str] | None = None) -> None:
        if not words:
            raise LightgridError(
                f'launcher {self.name} needs a command: --launcher "{self.name}:ssh host"'
            )
        self._words = list(words)
        self._carried = dict(carried or {})
        self._shown = f"`{shlex.join(self._words)}`"
        self._is_slurm = os.path.basename(self._words[0]) == "srun"
        #: Of any other command nobody knows how it is told.
        self.honours = frozenset(_SLURM if self._is_slurm else ())
        self._processes = Succession(lambda: LauncherClient((), (), leads_elsewhere=True))

    def start(self, spec: LaunchSpec, tell: Tell) -> None:
        """Start the command; see `Launcher.start`."""

        def tell_more(event: LaunchEvent) -> None:
            if isinstance(event, NotStarted):
                event = replace(event, reason=f"launcher {self.name}: {event.reason}")
            elif isinstance(event, Started) and event.host == socket.gethostname():
                event = replace(event, host="")
            elif isinstance(event, Ended) and event.code == 1 and spec.entry:
                event = _with_missing_lightgrid(event, spec)
            tell(event)

        tell(Pending(spec.launch_id, f"waits for {self._shown}"))
        by_way_of, environment = self._by_way_of(spec), untold_environment()
        self._processes.start(by_way_of, lambda _client: "", environment, tell_more)

    def stop(self, launch_id: str) -> None:
        """Ask a process to end; see `Launcher.stop`."""
        self._processes.order("stop", launch_id)

    def kill(self, launch_id: str) -> None:
        """Kill a process; see `Launcher.kill`."""
        self._processes.order("kill", launch_id)

    def close(self) -> None:
        """Kill what is left and let the launcher process go."""
        self._processes.close()

    @property
    def pid(self) -> int:
        """The number of the launcher process."""
        return self._processes.client.pid

    def _by_way_of(self, spec: LaunchSpec) -> LaunchSpec:
        """Return how the command is started, and what is said to its far end."""
        environment = {**self._carried, **spec.environment, LAUNCH_VARIABLE: spec.launch_id}
        python = environment.get(PYTHON_VARIABLE) or os.environ.get(PYTHON_VARIABLE)
        command = list(spec.command)
        if spec.entry and python:
            command[0] = python
        start = {
            "order": "start",
            "id": spec.launch_id,
            "stop_grace_s": spec.stop_grace_s,
            "command": command,
            "is_ours": bool(spec.entry),
            "folder": working_folder(),
            "environment": environment,
            "told": sorted(TOLD_VARIABLES),
            "address": spec.environment.get(ADDRESS_VARIABLE, ""),
            "handed_over": base64.b64encode(spec.handed_over).decode(),
        }
        first = _shell_line(python or sys.executable, spec.work).encode()
        said = first + PART + _far_end() + b"\n" + json.dumps(start).encode() + b"\n"
        words = [self._words[0], *self._options(spec.resources), *self._words[1:]]
        return replace(spec, command=[*words, "sh"], handed_over=said)

    def _options(self, resources: Resources) -> list[str]:
        if not self._is_slurm:
            return []
        return [_SLURM[name](resources) for name in resources.needs()]


#: How `srun` is told what a work needs, by the name of that.
_SLURM: Final[Mapping[str, Callable[[Resources], str]]] = {
    "cpus": lambda needs: f"--cpus-per-task={math.ceil(needs.cpus)}",
    "gpus": lambda needs: f"--gres=gpu:{needs.gpus}",
    "memory": lambda needs: f"--mem={math.ceil(int(needs.memory) / 2**20)}M",
    "labels": lambda needs: "--constraint=" + "&".join(map("=".join, needs.labels.items())),
}


def _shell_line(python: str, work: str) -> str:
    """Return what is said to the shell, which becomes the Python that is to be the far end.

    A shell's own words, as some commands, such as `ssh`, have their arguments read by a shell, and
    others do not.
    """
    options = f"-I -S -c {shlex.quote(_BRING_UP)} {shlex.quote(work)}"
    found = f'command -v "$python" >/dev/null || python=python3; exec "$python" {options}'
    return f"python={shlex.quote(python)}; {found}"


@cache
def _far_end() -> bytes:
    """Return the line that makes a Python the far end: modules by name, with their texts."""
    folder = Path(lightgrid.launcher.__file__).parent
    texts = [(f"lightgrid.launcher.{name}", (folder / f"{name}.py").read_text()) for name in _SENT]
    return json.dumps(texts).encode()


def _with_missing_lightgrid(event: Ended, spec: LaunchSpec) -> Ended:
    """Say what to do where a work's Python has no lightgrid; its log has Python's own words."""
    with suppress(OSError), spec.log_file.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_BYTES))
        if b"No module named 'lightgrid'" in log.read():
            reason = (
                f"the Python there has no lightgrid: install it, or name another Python by "
                f"{PYTHON_VARIABLE} in the environment of the flow"
            )
            return replace(event, reason=reason)
    return event
