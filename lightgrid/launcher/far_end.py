"""The far end of a command that leads elsewhere: starts one work there, and stands in for it.

It is sent as text, with `family`, to a Python that may have nothing of ours; its version may be
3.8. Its standard input is its lifeline: lines of JSON, of which the first says what to start and
each of the others is an order, {"order": "stop"} or "kill". At the end of the input the work is
asked to end, and killed when its grace is over. What happens is told by lines of JSON on the
standard output: {"event": "output", "data"} with what the work has written, in base64, and as the
flow is told by a launcher "started", and "ended" or "not_started" as the last. Lines, and no
lengths before bytes, because what is in between may hand on only whole lines, as Slurm does, or
add lines of its own.
"""

from __future__ import annotations

import base64
import ctypes
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from typing import Any, Final

from lightgrid.launcher.family import kill_group, kill_marked, send_signal

#: Base64 of it, with what is around it, is below what a pipe takes whole.
_AT_ONCE: Final = 1 << 14
#: The work waits while so much of its output is not sent yet.
_MAX_UNSENT: Final = 1 << 20
#: What a connection to the flow may take, in seconds, before it is said that there is none.
_CONNECT_S: Final = 10.0
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_SET_PARENT_DEATH_SIGNAL: Final = 1  # of prctl(2)
_PROXIES: Final = ("grpc_proxy", "https_proxy", "http_proxy")


class FarEnd:
    """One work, from what is said of it on standard input to its end."""

    def __init__(self) -> None:
        self._heard = bytearray()
        self._unsent = bytearray()
        self._hears = self._is_heard = True
        self._launch_id = ""
        self._grace_s = 0.0
        self._pid = 0
        self._output = -1
        self._kill_at_s: float | None = None

    def run(self) -> int:
        """Be it, and return the exit code, which says nothing of the work's."""
        for number in _ENDING:
            signal.signal(number, _do_nothing)
        signal.signal(signal.SIGCHLD, _do_nothing)
        os.set_blocking(1, False)
        signals, wakeup = os.pipe()
        for one in (signals, wakeup):
            os.set_blocking(one, False)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
        while self._hears and not self._pid:
            self._hear()
        try:
            if self._pid:
                self._serve(signals)
        except NotStartedError as error:
            self._tell(event="not_started", reason=str(error))
        while self._unsent and self._is_heard:
            select.select([], [1], [])
            self._send()
        return 0

    def _serve(self, signals: int) -> None:
        while True:
            left_s = self._kill_overdue()
            poll = select.poll()
            poll.register(signals, select.POLLIN)
            if self._hears:
                poll.register(0, select.POLLIN)
            if self._is_heard:  # without a mask it says still that nobody reads any more
                poll.register(1, select.POLLOUT if self._unsent else 0)
            if self._output >= 0 and len(self._unsent) < _MAX_UNSENT:
                poll.register(self._output, select.POLLIN)
            ready = dict(poll.poll(None if left_s is None else left_s * 1000 + 1))
            if signals in ready and set(os.read(signals, 4096)) & set(_ENDING):
                self._stop()
            if 0 in ready:
                self._hear()
            if self._output in ready:
                self._pass_on_output()
            if ready.get(1, 0) & select.POLLOUT:
                self._send()
            elif 1 in ready:
                self._is_unheard()
            if self._has_ended():
                return

    # --- what is ordered ------------------------------------------------------------------------

    def _hear(self) -> None:
        data = os.read(0, 1 << 16)
        self._heard += data
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        if not data:
            self._hears = False
            self._stop()

    def _obey(self, message: dict[str, Any]) -> None:
        order = message["order"]
        if order == "start":
            self._start(message)
        elif order == "stop":
            self._stop()
        else:
            kill_group(self._pid)

    def _start(self, message: dict[str, Any]) -> None:
        self._launch_id, self._grace_s = message["id"], message["stop_grace_s"]
        environment = {k: v for k, v in os.environ.items() if k not in message["told"]}
        environment.update(message["environment"])
        _refuse_what_cannot_be(message)
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        command = message["command"]
        with tempfile.TemporaryFile() as handed_over:
            handed_over.write(base64.b64decode(message["handed_over"]))
            handed_over.seek(0)
            try:
                process = subprocess.Popen(
                    command,
                    env=environment,
                    cwd=message["folder"] or None,
                    stdin=handed_over,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=_end_with_parent,
                )
            except (OSError, ValueError, subprocess.SubprocessError) as error:
                cause = getattr(error, "strerror", None) or str(error)
                raise NotStartedError(f"cannot start {command[0]} on {_host()}: {cause}") from None
            finally:
                os.close(output)
        process.returncode = 0  # it is reaped here
        self._pid = process.pid
        self._tell(event="started", pid=self._pid, host=_host())

    def _stop(self) -> None:
        if self._pid and self._kill_at_s is None:
            self._kill_at_s = time.monotonic() + self._grace_s
            send_signal(os.kill, self._pid, signal.SIGTERM)

    def _kill_overdue(self) -> float | None:
        if self._kill_at_s is None:
            return None
        left_s = self._kill_at_s - time.monotonic()
        if left_s > 0:
            return left_s
        kill_group(self._pid)
        return None

    # --- what happens ---------------------------------------------------------------------------

    def _has_ended(self) -> bool:
        """Reap what has ended; if it is the work, end its family, and tell all of it."""
        while True:
            # Where this is the first process of a container, also what others have left.
            end = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if end is None:
                return False
            if end.si_pid == self._pid:
                kill_group(self._pid)  # until it is reaped its number is no one else's
            os.waitpid(end.si_pid, 0)
            if end.si_pid == self._pid:
                break
        kill_marked(self._launch_id)
        while self._output >= 0 and self._pass_on_output():
            pass
        code = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
        self._tell(event="ended", code=code, reason="")
        return True

    def _pass_on_output(self) -> bool:
        """Tell what the work has written; return whether there was something."""
        try:
            data = os.read(self._output, _AT_ONCE)
        except BlockingIOError:
            return False
        if data:
            self._tell(event="output", data=base64.b64encode(data).decode())
        else:
            os.close(self._output)
            self._output = -1
        return bool(data)

    def _tell(self, **message: Any) -> None:
        self._unsent += json.dumps(message).encode() + b"\n"
        self._send()

    def _send(self) -> None:
        with suppress(BlockingIOError):
            try:
                while self._unsent and self._is_heard:
                    del self._unsent[: os.write(1, self._unsent[: 1 << 16])]
            except BrokenPipeError:
                self._is_unheard()

    def _is_unheard(self) -> None:
        self._is_heard = False
        self._unsent.clear()
        self._stop()


class NotStartedError(Exception):
    """The work cannot be started here; says why."""


def main() -> None:
    """Be the far end of what this process was started for."""
    sys.exit(FarEnd().run())


def _refuse_what_cannot_be(message: dict[str, Any]) -> None:
    """Say what is missing here, where that would else be found out late, or in other words."""
    folder, program, address = message["folder"], message["command"][0], message["address"]
    if folder and not os.path.isdir(folder):
        raise NotStartedError(
            f"on {_host()} there is no folder {folder}, in which the flow runs: works need it there"
        )
    if message["is_ours"] and not os.access(program, os.X_OK) and "/" in program:
        raise NotStartedError(
            f"on {_host()} there is no {program}: install lightgrid there, and name that Python "
            f"by LIGHTGRID_PYTHON in the environment of the flow"
        )
    if address and not any(name in os.environ for name in _PROXIES):
        host, _, port = address.rpartition(":")
        try:
            with closing(socket.create_connection((host.strip("[]"), int(port)), _CONNECT_S)):
                pass
        except OSError as error:
            cause = error.strerror or error
            raise NotStartedError(
                f"{_host()} does not reach the flow at {address} ({cause}): run the flow with "
                f"--listen and an address that is reached from there, or tell it by --advertise"
            ) from None


def _host() -> str:
    return socket.gethostname()


def _end_with_parent() -> None:
    """Have the kernel kill this process when its parent is killed, where it can."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _do_nothing(_number: int, _frame: object) -> None:
    pass
