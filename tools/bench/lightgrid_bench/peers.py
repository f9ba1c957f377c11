"""Talking to the processes that are measured: one JSON line each way, over a Unix socket.

    bench: Stage.host(...) ▸ Peer.ask("flood", seconds=1.0)  ══▸  serve(path, {"flood": flood})

A work that its flow has launched connects in the same way, from inside its `run`.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

_CONNECT_S: Final = 120.0
_ANSWER_S: Final = 180.0
_END_S: Final = 20.0
_PACKAGE_ROOT: Final = Path(__file__).resolve().parent.parent


class PeerError(Exception):
    """A process that is measured has failed; what it said is the message."""


class Peer:
    """The bench's end of one process."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.name = name
        self.path = os.path.join(stage.folder, name)
        self._stage = stage
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(1)
        self._connection: socket.socket | None = None
        self._stream: Any = None

    def wait(self) -> None:
        """Wait until the process has connected."""
        if self._stream is not None:
            return
        self._wait_for(self._listener, _CONNECT_S)
        self._connection, _ = self._listener.accept()
        self._stream = self._connection.makefile("rw", encoding="utf-8")

    def tell(self, command: str, **arguments: Any) -> None:
        """Have something done; `answer` waits for it."""
        self.wait()
        try:
            self._stream.write(json.dumps([command, arguments]) + "\n")
            self._stream.flush()
        except OSError as error:
            raise PeerError(f"{self.name} is gone: {error}") from None

    def answer(self) -> Any:
        """Return what came of it.

        Raises:
            PeerError: It failed, or the process is gone.
        """
        assert self._connection is not None
        self._wait_for(self._connection, _ANSWER_S)
        line = self._stream.readline()
        if not line:
            raise PeerError(f"{self.name} is gone")
        result, error = json.loads(line)
        if error:
            raise PeerError(f"{self.name}: {error}")
        return result

    def ask(self, command: str, **arguments: Any) -> Any:
        """Have something done and return what came of it."""
        self.tell(command, **arguments)
        return self.answer()

    def close(self) -> None:
        """Let the process end by itself."""
        with suppress(OSError):
            if self._stream is not None:
                self._stream.close()
            if self._connection is not None:
                self._connection.close()
        self._listener.close()

    def _wait_for(self, waited_for: socket.socket, timeout_s: float) -> None:
        deadline_s = time.monotonic() + timeout_s
        while not select.select([waited_for], [], [], 0.2)[0]:
            self._stage.check()
            if time.monotonic() > deadline_s:
                raise PeerError(f"{self.name} was not heard of for {timeout_s:.0f} s")


class Stage:
    """The processes of one row. Leaving it ends them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lightgrid-bench-")
        self.folder = self._folder.name
        self._peers: list[Peer] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for peer in self._peers:
            peer.close()
        for process in self._processes:
            try:
                process.wait(_END_S if error is None else 1.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    def peer(self, name: str) -> Peer:
        """Expect a process that somebody else starts."""
        peer = Peer(self, name)
        self._peers.append(peer)
        return peer

    def host(self, module: str, name: str = "", **options: Any) -> Peer:
        """Start a module of `hosts`; its `main` gets the socket's path and the options."""
        return self.program(
            [sys.executable, "-P", "-m", f"lightgrid_bench.hosts.{module}"],
            name or module,
            **options,
        )

    def program(self, command: Sequence[str], name: str, **options: Any) -> Peer:
        """Start any program that serves a socket."""
        peer = self.peer(name)
        self._processes.append(
            subprocess.Popen(
                [*command, peer.path, json.dumps(options)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_python_path())},
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
            )
        )
        return peer

    def check(self) -> None:
        """Raise when a process has failed."""
        for process in self._processes:
            if process.poll():
                raise PeerError(f"{process.args!r} ended with code {process.returncode}")


def _python_path() -> list[str]:
    return [str(_PACKAGE_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]


def serve(path: str, commands: Mapping[str, Callable[..., Any]]) -> None:
    """Do what the bench says, in the process that is measured, until it lets go."""
    # An OSError: the bench is gone, and so are we.
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.connect(path)
        stream = connection.makefile("rw", encoding="utf-8")
        for line in stream:
            name, arguments = json.loads(line)
            try:
                answer = [commands[name](**arguments), ""]
            except Exception:
                answer = [None, traceback.format_exc()]
            stream.write(json.dumps(answer) + "\n")
            stream.flush()


def wait_until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait in a process that is measured.

    Raises:
        TimeoutError: It took too long.
    """
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {timeout_s} s")
        time.sleep(0.002)
