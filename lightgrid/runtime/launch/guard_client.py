"""The flow's end of the guard: a guard that is always there and never waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import weakref
from contextlib import suppress

from lightgrid.process.told_environment import untold_environment
from lightgrid.runtime.launch import guard

#: What a guard may take to end once it has nothing left to do, in seconds.
_LAST_S = 2.0


class GuardClient:
    """Tells a guard which works live. One that was killed, or does not read, is replaced.

    So the works of a flow that dies are only left behind when the guard dies in the same
    moment, or stands still just then: that is noticed when its pipe is full. All methods
    are thread-safe, and none waits for the guard but `close`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[int, str] = {}
        self._closed = False
        self._guard = self._start()
        _clients.add(self)

    def add(self, pid: int, stop_grace_s: float, mark: str) -> None:
        """Have a work ended when this process is gone.

        Args:
            pid: The work's own process.
            stop_grace_s: How long it may take to end.
            mark: "NAME=VALUE", which all that it starts has in its environment.
        """
        with self._lock:
            self._lines[pid] = f"+{pid} {stop_grace_s} {mark}\n"
            self._tell(self._lines[pid])

    def remove(self, pid: int) -> None:
        """Note that a work's process is gone: its number may soon be another's."""
        with self._lock:
            if self._lines.pop(pid, None) is not None:
                self._tell(f"-{pid}\n")

    def close(self) -> None:
        """Let the guard go."""
        with self._lock:
            self._closed = True
            one = self._guard
            self._let_go(one)
        # One that was stopped, by Ctrl-Z in another place, say, does not end by itself.
        try:
            one.wait(_LAST_S)
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()

    def forget_in_child(self) -> None:
        """Close this end in a forked child: the guard is to see the end of the flow, not of it."""
        self._let_go(self._guard)

    def _start(self) -> subprocess.Popen[bytes]:
        one = subprocess.Popen(
            [sys.executable, "-I", "-S", guard.__file__],
            bufsize=0,
            # Without the mark that an outer app has given us: it kills what has it, and the
            # guard is there for exactly that moment.
            env=untold_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert one.stdin is not None
        os.set_blocking(one.stdin.fileno(), False)
        threading.Thread(
            target=self._watch, args=(one,), name="lightgrid guard", daemon=True
        ).start()
        return one

    def _watch(self, one: subprocess.Popen[bytes]) -> None:
        """Wait for the end of a guard, and replace it."""
        # Its output ends with it. Not its exit code, which something else may have taken.
        assert one.stdout is not None
        with one.stdout as output:
            output.read()
        with self._lock:
            if self._guard is one and not self._closed:
                self._replace()

    def _tell(self, line: str) -> None:
        if self._closed:
            return
        told = line.encode()
        try:
            assert self._guard.stdin is not None
            # A pipe takes so few bytes whole or not at all; one that is full returns None.
            took_all = self._guard.stdin.write(told) == len(told)
        except OSError:
            took_all = False
        if not took_all:
            self._replace()

    def _replace(self) -> None:
        """Start another guard that knows all; the old one must not act on what it knows."""
        self._guard.kill()
        self._let_go(self._guard)
        self._guard.wait()
        with suppress(OSError):  # no process can be started now: the next line tries again
            self._guard = self._start()
            assert self._guard.stdin is not None
            os.set_blocking(self._guard.stdin.fileno(), True)  # it has just begun to read
            self._guard.stdin.write("".join(self._lines.values()).encode())
            os.set_blocking(self._guard.stdin.fileno(), False)

    @staticmethod
    def _let_go(one: subprocess.Popen[bytes]) -> None:
        if one.stdin is not None:
            with suppress(OSError):
                one.stdin.close()


_clients: weakref.WeakSet[GuardClient] = weakref.WeakSet()


def _forget_in_child() -> None:
    for client in list(_clients):
        client.forget_in_child()


os.register_at_fork(after_in_child=_forget_in_child)
