"""Starting the processes of works, and seeing them end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from lightgrid.runtime import guard


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """What to start.

    Attributes:
        work: The work's name.
        command: The program and its arguments.
        environment: Set beside what the flow's process has.
        log_file: Where its output goes, appended.
        stop_grace_s: How long it may take to end before it is killed.
        handed_over: Bytes that the process reads from a file descriptor whose
            number replaces "{fd}" in the command.
    """

    work: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    stop_grace_s: float
    handed_over: bytes = field(default=b"", repr=False)


class Handle(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its number, for people."""

    def stop(self) -> None:
        """Ask it to end; kill it, and all it started, when it has not after its grace."""

    def kill(self) -> None:
        """Kill it and all it started, now."""


class Launcher(Protocol):
    """Starts works somewhere. One for each kind of place that works can run in."""

    def start(self, spec: LaunchSpec, on_exit: Callable[[int, int], None]) -> Handle:
        """Start a process.

        Args:
            spec: What to start.
            on_exit: Called once, from any thread, with its pid and exit code when
                it has ended; the code is negative for the signal that killed it.

        Raises:
            OSError: It cannot be started.
        """

    def close(self) -> None:
        """Kill what is left."""


class LocalLauncher:
    """Starts works as processes of this machine, each in a session of its own.

    A guard process ends them when this process is gone, however it ended.
    """

    def __init__(self) -> None:
        self._handles: dict[int, _LocalHandle] = {}
        self._lock = threading.Lock()
        self._guard = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def start(self, spec: LaunchSpec, on_exit: Callable[[int, int], None]) -> Handle:
        """Start a process; see `Launcher.start`."""
        with tempfile.TemporaryFile() as handed_over, spec.log_file.open("ab") as log:
            handed_over.write(spec.handed_over)
            handed_over.seek(0)
            descriptor = handed_over.fileno()
            process = subprocess.Popen(
                [part.replace("{fd}", str(descriptor)) for part in spec.command],
                env={**os.environ, **spec.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(descriptor,),
                start_new_session=True,
            )
        self._tell_guard(f"+{process.pid} {spec.stop_grace_s}")
        handle = _LocalHandle(process, spec.stop_grace_s)
        with self._lock:
            self._handles[process.pid] = handle
        threading.Thread(
            target=self._wait,
            args=(handle, on_exit),
            name=f"lightgrid wait {spec.work}",
            daemon=True,
        ).start()
        return handle

    def close(self) -> None:
        """Kill what is left and let the guard go."""
        with self._lock:
            left = list(self._handles.values())
        for handle in left:
            handle.kill()
        for handle in left:
            handle.exited.wait(5.0)
        if self._guard.stdin is not None:
            with suppress(OSError):
                self._guard.stdin.close()
        self._guard.wait()

    def _wait(self, handle: _LocalHandle, on_exit: Callable[[int, int], None]) -> None:
        pid = handle.pid
        # Until it is reaped its number, which is its group's, belongs to no one else.
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        _kill_group(pid)
        code = handle.reap()
        self._tell_guard(f"-{pid}")
        with self._lock:
            del self._handles[pid]
        on_exit(pid, code)

    def _tell_guard(self, line: str) -> None:
        assert self._guard.stdin is not None
        with self._lock, suppress(OSError, ValueError):
            self._guard.stdin.write(f"{line}\n".encode())
            self._guard.stdin.flush()


class _LocalHandle:
    """A process of this machine."""

    def __init__(self, process: subprocess.Popen[bytes], stop_grace_s: float) -> None:
        self.exited = threading.Event()
        self._process = process
        self._stop_grace_s = stop_grace_s
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
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        with self._lock:
            if not self.exited.is_set():
                _kill_group(self.pid)

    def reap(self) -> int:
        with self._lock:
            code = self._process.wait()
            self.exited.set()
            if self._timer is not None:
                self._timer.cancel()
            return code


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
