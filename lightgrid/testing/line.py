"""A connection between a test and the processes that it has started."""

from __future__ import annotations

import socket
from contextlib import suppress


class Line:
    """A connection that a launch's processes hold: they say on it how far they are.

    It is at its end when none is left that holds it, in whatever group, session or machine:
    which a wait for the exit of one process would not tell.

    Args:
        host: A name or address of this machine, at which the processes reach it.

    Attributes:
        address: What the first of the processes connects to; its children inherit that.
    """

    def __init__(self, host: str) -> None:
        self._listener = socket.create_server((host, 0))
        self._connection: socket.socket | None = None
        self.address: tuple[str, int] = (host, self._listener.getsockname()[1])

    def wait_for(self, count: int, patience_s: float) -> None:
        """Wait until the processes have sent so many bytes.

        Raises:
            AssertionError: They are gone, or silent for too long.
        """
        for _ in range(count):
            if not self._receive(patience_s):
                raise AssertionError("what was started did not get as far as it had to")

    def answer(self) -> None:
        """Let a process that reads one byte go on."""
        with suppress(ConnectionError):  # gone: the next wait says so
            if self._connection is not None:
                self._connection.sendall(b"r")

    def wait_until_let_go(self, patience_s: float) -> None:
        """Wait until no process is left that holds the line.

        Raises:
            AssertionError: One is, after that time.
        """
        if self._receive(patience_s) != b"":
            raise AssertionError("something that the launch has started is left")

    def close(self) -> None:
        """Let it go at this end."""
        self._listener.close()
        if self._connection is not None:
            self._connection.close()

    def _receive(self, patience_s: float) -> bytes | None:
        """Return the next byte, nothing at the end, and None when neither came in time."""
        try:
            if self._connection is None:
                self._listener.settimeout(patience_s)
                self._connection, _ = self._listener.accept()
            self._connection.settimeout(patience_s)
            return self._connection.recv(1)
        except TimeoutError:
            return None
        except ConnectionError:
            return b""
