"""The processes of works on this machine: started, asked to end, seen to end."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress

from lightgrid.process.told_environment import LAUNCH_VARIABLE, untold_environment
from lightgrid.runtime.launch.guard import kill_group, kill_marked
from lightgrid.runtime.launch.guard_client import GuardClient
from lightgrid.runtime.launch.launcher import LaunchSpec, OnExit


class LocalLauncher:
    """Starts works as processes of this machine, each in a session of its own.

    A guard process ends them when this process is gone, however it ended.
    """

    def __init__(self) -> None:
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        self._guard = GuardClient()
        _count_children()

    def start(self, spec: LaunchSpec, on_exit: OnExit) -> str:
        """Start a process; see `Launcher.start`."""
        # A file without a name: a pipe holds 64 KiB until somebody reads.
        with tempfile.TemporaryFile() as handed_over, spec.log_file.open("ab") as log:
            handed_over.write(spec.handed_over)
            handed_over.seek(0)
            process = subprocess.Popen(
                spec.command,
                env={**untold_environment(), **spec.environment, LAUNCH_VARIABLE: spec.launch_id},
                stdin=handed_over if spec.handed_over else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        mark = f"{LAUNCH_VARIABLE}={spec.launch_id}"
        self._guard.add(process.pid, spec.stop_grace_s, mark)
        running = _Running(process, spec.stop_grace_s, mark)
        with self._lock:
            self._running[spec.launch_id] = running
        self.started(spec.work, process.pid)
        threading.Thread(
            target=self._wait,
            args=(spec.launch_id, running, on_exit),
            name=f"lightgrid wait {spec.work}",
            daemon=True,
        ).start()
        return f"pid {process.pid}"

    def stop(self, launch_id: str) -> None:
        """Ask a process to end; see `Launcher.stop`."""
        running = self._find(launch_id)
        if running is not None:
            running.stop()

    def kill(self, launch_id: str) -> None:
        """Kill a process; see `Launcher.kill`."""
        running = self._find(launch_id)
        if running is not None:
            running.kill()

    @property
    def pids(self) -> set[int]:
        """The numbers of the processes that are left."""
        with self._lock:
            return {running.pid for running in self._running.values()}

    def started(self, work: str, pid: int) -> None:
        """Called when a process was started; for who wants to know its number."""

    def close(self) -> None:
        """Kill what is left and let the guard go."""
        with self._lock:
            left = list(self._running.values())
        for running in left:
            running.kill()
        for running in left:
            running.exited.wait(5.0)
        self._guard.close()

    def _find(self, launch_id: str) -> _Running | None:
        with self._lock:
            return self._running.get(launch_id)

    def _wait(self, launch_id: str, running: _Running, on_exit: OnExit) -> None:
        code = running.wait()
        self._guard.remove(running.pid)
        with self._lock:
            del self._running[launch_id]
        on_exit(launch_id, code)


class _Running:
    """A process of this machine, from its start until it was waited for."""

    def __init__(self, process: subprocess.Popen[bytes], stop_grace_s: float, mark: str) -> None:
        self.exited = threading.Event()
        self._process = process
        self._stop_grace_s = stop_grace_s
        self._mark = mark
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        with self._lock:
            if self.exited.is_set() or self._timer is not None:
                return
            # On its own thread: the flow's may be busy in user code when the time is up.
            self._timer = threading.Timer(self._stop_grace_s, self.kill)
            self._timer.daemon = True
            self._timer.start()
            with suppress(ProcessLookupError):  # gone, and its thread is about to say so
                os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        with self._lock:
            if not self.exited.is_set():
                kill_group(self.pid)

    def wait(self) -> int | None:
        """Wait for the process, kill what it has left behind, and return its exit code."""
        try:
            # Until it is reaped its number, which is its group's, belongs to no one else.
            end = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        except ChildProcessError:
            end = None  # reaped by something else: `os.wait()` of user code, a C library
        with self._lock:
            code = None
            if end is not None:
                kill_group(self.pid)
                code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                with suppress(ChildProcessError):
                    os.waitpid(self.pid, 0)
            kill_marked(self._mark)
            self._process.returncode = -1 if code is None else code  # it has been waited for
            self.exited.set()
            if self._timer is not None:
                self._timer.cancel()
        return code


def _count_children() -> None:
    """Have the ends of children told, where whoever started this process had them ignored.

    A shell's `trap '' CHLD` outlives exec, and then nobody learns an exit code.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
