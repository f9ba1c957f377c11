"""The near end of a command that leads elsewhere: what is said to the far end, and what it says."""

from __future__ import annotations

import base64
import json
import os
import select
import shlex
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from lightgrid.launcher.channel import Message
from lightgrid.launcher.endings import how_it_ended
from lightgrid.launcher.executing import popen
from lightgrid.launcher.family import kill_group, send_signal
from lightgrid.launcher.inherited import Inherited

#: The blank line between what brings up the far end and what is for it alone: this is not said
#: before it is there to hear it. Who else is at the other end, a shell, say, is not to have it.
PART: Final = b"\n\n"
_AT_ONCE: Final = 1 << 16
_MAX_LINE: Final = 1 << 20
#: How many lines of what the command itself says are kept for a reason.
_KEPT_LINES: Final = 5
#: How long the far end may take to answer an order, beside the work's grace, in seconds; also
#: how long the command may take to end after it.
_ANSWER_S: Final = 10.0
#: What a shell ends with that does not find a program.
_NOT_FOUND: Final = 127
#: Between the SIGTERM and the SIGKILL of a command: `srun` gives its place back in it.
_LAST_S: Final = 2.0


class Contact:
    """A command that leads elsewhere, with pipes for its three streams.

    Args:
        launch_id: Names the launch.
        stop_grace_s: How long the work may take to end when it is asked.
        file: What `Inherited.write` has written; behind it, what is said first, `PART`, and what
            is said when the far end is there.
        log: Takes what the work writes; closed by `close`.
        tell: Called with what the flow is to be told.

    Raises:
        OSError: The command cannot be started; with a message for people.

    Attributes:
        pid: Of the command's process, which leads a group.
    """

    def __init__(
        self,
        launch_id: str,
        stop_grace_s: float,
        file: int,
        log: int,
        tell: Callable[[Message], None],
    ) -> None:
        inherited = Inherited.read(file)
        with open(file, "rb", closefd=False) as rest:
            opening, _, self._rest = rest.read().partition(PART)
        # The last word begins the far end; people have given those before.
        self._command = shlex.join(inherited.command[:-1])
        self._shown = f"`{self._command}`"
        process = popen(inherited, subprocess.PIPE, subprocess.PIPE, subprocess.PIPE)
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        self._in, self._out = process.stdin, process.stdout
        self._open = (process.stdin, process.stdout, process.stderr)
        for one in self._open:
            os.set_blocking(one.fileno(), False)
        self._launch_id = launch_id
        self._stop_grace_s = stop_grace_s
        self._log = log
        self._tell_flow = tell
        self._unsaid = bytearray(opening + b"\n")
        self._heard = {one.fileno(): bytearray() for one in self._open[1:]}
        self._words: deque[str] = deque(maxlen=_KEPT_LINES)
        self._is_there = self._has_started = self._has_ended = False
        self._order = ""
        self._overdue_at_s: float | None = None
        self._is_terminated = False
        self._say()

    # --- what is ordered ------------------------------------------------------------------------

    def stop(self) -> None:
        """Have the work asked to end. Once: it may be at it."""
        if not self._order:
            self._give("stop", self._stop_grace_s + _ANSWER_S)

    def kill(self) -> None:
        """Have the work killed with all it started."""
        if self._order != "kill":
            self._give("kill", _ANSWER_S)

    def _give(self, order: str, answer_s: float) -> None:
        if self._has_ended:
            return
        self._order = order
        if self._is_there:
            self._unsaid += json.dumps({"order": order}).encode() + b"\n"
            self._overdue_at_s = time.monotonic() + answer_s
            self._say()
        else:
            self._terminate()  # nothing has been started, so there is nobody to ask

    def end_overdue(self) -> float | None:
        """End a command that takes too long; return in how many seconds that is to be asked again.

        It has not answered an order, or has nothing left to do.
        """
        if self._overdue_at_s is None:
            return None
        left_s = self._overdue_at_s - time.monotonic()
        if left_s > 0:
            return left_s
        if self._is_terminated:
            kill_group(self.pid)
            self._overdue_at_s = None  # it is about to be reaped
            return None
        if self._is_there and not self._has_ended:
            self._words.append("the far end did not answer")
        self._terminate()
        return _LAST_S

    def _terminate(self) -> None:
        self._is_terminated = True
        self._overdue_at_s = time.monotonic() + _LAST_S
        send_signal(os.killpg, self.pid, signal.SIGTERM)

    # --- what is said and heard -----------------------------------------------------------------

    def wants(self) -> dict[int, int]:
        """Return the descriptors that are waited for, and for what."""
        wanted = dict.fromkeys(self._heard, select.POLLIN)
        if self._unsaid:
            wanted[self._in.fileno()] = select.POLLOUT
        return wanted

    def go_on(self) -> None:
        """Say and hear what there is, but not for long: others wait."""
        self._say()
        for one in tuple(self._heard):
            self._hear(one)

    def is_gone(self, code: int) -> None:
        """Take note that the command has ended, and say so, unless the far end has said more.

        Args:
            code: Its exit code; negative for a signal. A hint at most: `srun` has ended with 0
                when its node was lost.
        """
        for one in tuple(self._heard):
            while self._hear(one):
                pass
        if self._has_ended:
            return
        how = how_it_ended(code)
        words = ": " + "; ".join(self._words) if self._words else ""
        if self._has_started:
            reason = f"contact to it is lost, {self._shown} {how}{words}"
            self._end("ended", code=None, reason=reason)
        elif self._order:
            killed = -signal.SIGKILL if self._order == "kill" else None
            reason = f"it was ended while it waited for {self._shown}"
            self._end("ended", code=killed, reason=reason)
        else:
            reason = f"{self._shown} {how} and has started nothing{words}. {self._advice(code)}"
            self._end("not_started", reason=reason)

    def _advice(self, code: int) -> str:
        if code == 0:
            return "It has to hand on its standard input, as docker run does with -i"
        if code == _NOT_FOUND:
            return (
                "A shell has to be there, and a Python of 3.8 or newer, as python3 or by the name "
                "that LIGHTGRID_PYTHON in the environment of the flow gives"
            )
        return f"See what comes of: {self._command} true"

    def close(self) -> None:
        """Close all that is open, of which the far end's input is its lifeline."""
        for stream in self._open:
            stream.close()
        self._heard.clear()
        os.close(self._log)

    def _say(self) -> None:
        while self._unsaid:
            try:
                del self._unsaid[: os.write(self._in.fileno(), self._unsaid[:_AT_ONCE])]
            except BlockingIOError:
                return
            except OSError:  # nobody reads any more; the end of the command tells why
                self._unsaid.clear()

    def _hear(self, one: int) -> bool:
        """Take in what has come; return whether there may be more."""
        heard = self._heard[one]
        try:
            data = os.read(one, _AT_ONCE)
        except BlockingIOError:
            return False
        heard += data
        *lines, left = heard.split(b"\n")
        if not data or len(left) > _MAX_LINE:
            lines.append(left)
            left = bytearray()
        heard[:] = left
        if not data:
            del self._heard[one]
        for line in lines:
            self._take(line, is_word=one != self._out.fileno())
        return bool(data)

    def _take(self, line: bytearray, *, is_word: bool) -> None:
        message = None if is_word else _event(line)
        if message is None:
            self._take_word(line.decode(errors="replace").strip())
        elif message["event"] == "there":
            self._begin()
        elif message["event"] == "output":
            self._write(base64.b64decode(message["data"]))
        elif message["event"] == "started":
            self._has_started = True
            self._tell_flow({**message, "id": self._launch_id})
        else:
            self._end(**message)

    def _begin(self) -> None:
        """Have the far end, which is there, start the work."""
        self._is_there = True
        if not self._order:
            self._unsaid += self._rest
            self._say()
        self._rest = b""

    def _take_word(self, word: str) -> None:
        """Take what the command itself says: why it waits, or ends."""
        if not word:
            return
        self._words.append(word)
        if self._has_started:
            self._write(word.encode() + b"\n")
        else:
            self._tell_flow({"event": "pending", "id": self._launch_id, "reason": word})

    def _write(self, data: bytes) -> None:
        with suppress(OSError):  # the disk is full: that is no reason to end the work
            while data:
                data = data[os.write(self._log, data) :]

    def _end(self, event: str, **more: object) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._overdue_at_s = time.monotonic() + _ANSWER_S
            self._tell_flow({"event": event, "id": self._launch_id, **more})


def _event(line: bytearray) -> dict[str, Any] | None:
    """Return what a line says, if it is one of the far end."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and "event" in message else None
