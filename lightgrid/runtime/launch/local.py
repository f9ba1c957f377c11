"""The processes of works on this machine: children of a launcher process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lightgrid.launcher.inherited import user_of_this_process
from lightgrid.process.told_environment import LAUNCH_VARIABLE, untold_environment
from lightgrid.runtime.launch.events import Ended, LaunchEvent, NotStarted, Pending, Tell
from lightgrid.runtime.launch.gpus import VISIBLE_VARIABLE, Gpus, gpus_here
from lightgrid.runtime.launch.launcher import LOCAL, LaunchSpec
from lightgrid.runtime.launch.launcher_client import LauncherClient
from lightgrid.runtime.launch.succession import Succession

#: What every work needs: its own room, and what an app file imports with `import lightgrid`.
_WORK_MODULES: Final = ("lightgrid", "lightgrid.worker.work_process")
#: Begins the names of variables that are read once, by the loader, by Python, or by a library
#: as it is loaded: in a forked work it would be too late for them.
_READ_ONCE: Final = (
    "PYTHON", "LD_", "MALLOC_", "GLIBC_", "LC_", "LANG", "GRPC_", "PROTOCOL_BUFFERS_",
)  # fmt: skip
#: The same for libraries that are only there if they are preloaded.
_READ_ONCE_BY_PRELOADED: Final = (
    "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "NUMEXPR_", "VECLIB_",
    "TORCH_", "PYTORCH_", "TF_", "XLA_", "JAX_", "CUDA_", "NPY_", "NUMPY_",
)  # fmt: skip


class LocalLauncher:
    """Starts works as processes of this machine, each in a session of its own.

    A launcher process is their parent: it and its sentinel end them when this process is gone,
    however it ended. Works in Python are forked from one that has imported what they need.

    Args:
        preload: Modules that works are forked with, beside what each of them needs.
        forks: Whether works are forked, where the system can; else each is executed.
    """

    name = LOCAL
    #: Of processors and memory it takes note: whoever starts the app has to know what is there.
    honours = frozenset({"cpus", "memory", "gpus"})

    def __init__(self, preload: Sequence[str] = (), *, forks: bool = True) -> None:
        self._gpus = Gpus(gpus_here())
        self._waiting: dict[str, tuple[LaunchSpec, Tell]] = {}
        self._preload = tuple(preload)
        # Elsewhere a forked process is not found by its launch, and macOS's own libraries
        # do not live on in one.
        self._modules = _WORK_MODULES if forks and sys.platform == "linux" else ()
        # Held while GPUs go from one launch to the next: a stop is not to come in between.
        self._lock = threading.RLock()
        self._processes = Succession(lambda: LauncherClient(self._modules, self._preload))

    def start(self, spec: LaunchSpec, tell: Tell) -> None:
        """Start a process; see `Launcher.start`."""
        if not spec.resources.gpus:
            self._start(spec, tell)
            return
        needed, there = spec.resources.gpus, self._gpus.count
        if needed > there:
            reason = f"launcher {self.name}: it needs {needed} GPUs, and this machine has {there}"
            tell(NotStarted(spec.launch_id, reason))
            return

        def give_back(event: LaunchEvent) -> None:
            tell(event)
            if isinstance(event, NotStarted | Ended):
                self._give_back(spec.launch_id)

        with self._lock:
            given = self._gpus.ask(spec.launch_id, needed)
            if given is None:
                self._waiting[spec.launch_id] = (spec, give_back)
                free = self._gpus.free_count
        if given is None:
            reason = f"waits for {needed} GPUs; {free} of {there} are free"
            tell(Pending(spec.launch_id, reason))
        else:
            self._start_with(given, spec, give_back)

    def _start_with(self, gpus: Sequence[str], spec: LaunchSpec, tell: Tell) -> None:
        environment = {**spec.environment, VISIBLE_VARIABLE: ",".join(gpus)}
        self._start(replace(spec, environment=environment), tell)

    def _give_back(self, launch_id: str) -> None:
        with self._lock:
            self._waiting.pop(launch_id, None)
            given = self._gpus.give_back(launch_id)
            next_ones = [(gpus, *self._waiting.pop(one)) for one, gpus in given.items()]
            for gpus, spec, tell in next_ones:
                self._start_with(gpus, spec, tell)

    def _take_from_queue(self, launch_id: str) -> bool:
        """End a launch that has no process yet; return whether it was one."""
        with self._lock:
            waiting = self._waiting.pop(launch_id, None)
        if waiting is not None:
            _, tell = waiting
            tell(Ended(launch_id, None, "it was ended while it waited for GPUs"))
        return waiting is not None

    def _start(self, spec: LaunchSpec, tell: Tell) -> None:
        environment = {
            **untold_environment(),
            **spec.environment,
            LAUNCH_VARIABLE: spec.launch_id,
        }

        def entry_of(client: LauncherClient) -> str:
            return spec.entry if self._can_fork(client, environment) else ""

        self._processes.start(spec, entry_of, environment, tell)

    def stop(self, launch_id: str) -> None:
        """Ask a process to end; see `Launcher.stop`."""
        if not self._take_from_queue(launch_id):
            self._processes.order("stop", launch_id)

    def kill(self, launch_id: str) -> None:
        """Kill a process; see `Launcher.kill`."""
        if not self._take_from_queue(launch_id):
            self._processes.order("kill", launch_id)

    def preload(self, modules: Sequence[str]) -> None:
        """Have works forked with more modules, from the next start on."""
        with self._lock:
            new = tuple(name for name in modules if name not in self._preload)
            self._preload += new
            if new:
                self._processes.client.preload(new)

    def close(self) -> None:
        """Kill what is left and let the launcher process go."""
        # The last ones first: it is to be nobody's turn by that.
        for launch_id in reversed(list(self._waiting)):
            self._take_from_queue(launch_id)
        self._processes.close()

    @property
    def pid(self) -> int:
        """The number of the launcher process."""
        return self._processes.client.pid

    def _can_fork(self, client: LauncherClient, environment: dict[str, str]) -> bool:
        """Tell whether a forked process could be what an executed one would be.

        What it reads once has to be in its environment from the first; and who has dropped
        privileges without executing anything may not look into its own /proc.
        """
        if client.user != user_of_this_process():
            return False
        names = _READ_ONCE + (_READ_ONCE_BY_PRELOADED if self._preload else ())
        return _chosen(environment, names) == _chosen(client.environment, names)


def _chosen(environment: dict[str, str], beginnings: tuple[str, ...]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(beginnings)}
