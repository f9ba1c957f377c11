"""The flow's end of one launcher process."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import lightgrid.launcher
from lightgrid.launcher.channel import Message, channel_pair
from lightgrid.launcher.endings import how_it_ended
from lightgrid.launcher.family import kill_group, kill_marked, marked
from lightgrid.launcher.forked_work import PLACEHOLDER, TITLE_ROOM
from lightgrid.launcher.inherited import Inherited, user_of_this_process
from lightgrid.process.interpreter import interpreter_command
from lightgrid.process.told_environment import (
    FLOW_PID_VARIABLE,
    LAUNCH_VARIABLE,
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
from lightgrid.wire.grpc_environment import prepare_grpc

#: What the launcher process may take to kill what is left, and then to end, in seconds.
_LAST_S: Final = 5.0
#: How often is looked whether somebody closes, while a sentinel gives works their grace.
_LOOK_S: Final = 0.05
_log = logging.getLogger("lightgrid")


@dataclass(slots=True)
class _Launch:
    tell: Tell
    stop_grace_s: float
    pid: int = 0


class LauncherClient:
    """A launcher process, from its start to its end. Thread-safe.

    Args:
        modules: What the fork server imports; none for no fork server.
        preload: What it imports beside that, for the user.
        leads_elsewhere: What is started are commands that lead to works; see `Contact`.

    Raises:
        OSError: No process can be started.

    Attributes:
        environment: What the launcher process was started with.
        user: Who it belongs to; see `user_of_this_process`.
    """

    def __init__(
        self, modules: Sequence[str], preload: Sequence[str], *, leads_elsewhere: bool = False
    ) -> None:
        prepare_grpc()  # as the flow's server does, later: works are to differ in nothing
        self.environment = {
            **untold_environment(),
            LAUNCH_VARIABLE: PLACEHOLDER,
            # For `lightgrid ps`, to which /proc shows this as what a forked work was started with.
            FLOW_PID_VARIABLE: str(os.getpid()),
        }
        self.user = user_of_this_process()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._launches: dict[str, _Launch] = {}
        self._is_gone = self._closing = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self._channel, theirs = channel_pair()
        self._over, over = os.pipe()
        try:
            given = {
                "flow": theirs.fileno(),
                "over": over,
                "modules": list(modules),
                "preload": list(preload),
                "leads_elsewhere": leads_elsewhere,
            }
            self._process = subprocess.Popen(
                [*_command(), json.dumps(given), TITLE_ROOM],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                pass_fds=(theirs.fileno(), over),
                start_new_session=True,
            )
        except BaseException:
            self._channel.close()
            os.close(self._over)
            self._errors.close()
            raise
        finally:
            theirs.close()
            os.close(over)
        self._reader = threading.Thread(target=self._read, name="lightgrid launcher", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The number of the launcher process."""
        return self._process.pid

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, or is about to; what it had started may be left for a while."""
        return self._is_gone

    @property
    def has_launches(self) -> bool:
        """Whether there are launches whose ends have not been told."""
        return bool(self._launches)

    def start(self, spec: LaunchSpec, entry: str, environment: dict[str, str], tell: Tell) -> bool:
        """Order a start; return False when there is no process any more to do it.

        Args:
            spec: What to start.
            entry: What a forked process calls in place of executing the command; "" for none.
            environment: All that the process is to have.
            tell: Called with its events.

        Raises:
            OSError: It cannot be asked for.
        """
        environment = {**environment, FLOW_PID_VARIABLE: str(os.getpid())}
        inherited = Inherited.of_this_process(spec.command, environment)
        log = os.open(spec.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        file = -1
        try:
            file = _unnamed_file()
            inherited.write(file, spec.handed_over)
        except BaseException:
            os.close(log)
            if file >= 0:
                os.close(file)
            raise
        order = {
            "order": "start",
            "id": spec.launch_id,
            "stop_grace_s": spec.stop_grace_s,
            "entry": entry,
        }
        with self._lock:
            if self._is_gone:
                os.close(file)
                os.close(log)
                return False
            self._launches[spec.launch_id] = _Launch(tell, spec.stop_grace_s)
            self._send(order, [file, log])
        return True

    def order(self, order: str, launch_id: str) -> None:
        """Order a launch to be stopped or killed, unless it has ended."""
        with self._lock:
            launch = self._launches.get(launch_id)
            if launch is not None and not self._is_gone:
                self._process.send_signal(signal.SIGCONT)  # somebody may have stopped it
                self._send({"order": order, "id": launch_id})
            elif launch is not None and order == "kill":  # its sentinel asks it to end
                _kill(launch_id, launch.pid)

    def preload(self, modules: Sequence[str]) -> None:
        """Have more modules imported by the fork server, before it forks the next work."""
        with self._lock:
            if not self._is_gone:
                self._send({"order": "preload", "modules": list(modules)})

    def close(self) -> None:
        """Kill all that is left, and end the launcher process once it has told so."""
        with self._lock:
            self._closing = True
            for launch_id in self._launches:
                self._send({"order": "kill", "id": launch_id})
            self._changed.wait_for(lambda: not self._launches, _LAST_S)
            if not self._is_gone:
                self._channel.end()
        # One that was stopped, by Ctrl-Z in another place, say, does not end by itself.
        self._reader.join(_LAST_S)
        if self._reader.is_alive():
            self._process.kill()
            self._reader.join()

    def forget_in_child(self) -> None:
        """Close the channel in a forked child of the flow, where nothing of it is left to do."""
        self._channel.close()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._launches = {}
        self._is_gone = True

    def _send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        self._channel.send(message, descriptors)
        self._channel.drain()

    # --- the reading thread -------------------------------------------------------------------

    def _read(self) -> None:
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        is_there = True
        while is_there:
            poll.poll()
            is_there = self._channel.read()
            for message, _ in self._channel.messages():
                self._take(message)
        self._bury()

    def _take(self, message: Message) -> None:
        kind, launch_id = message["event"], message.get("id", "")
        if kind == "said":
            _log.warning("%s", message["text"])
            return
        event: LaunchEvent
        with self._lock:
            launch = self._launches[launch_id]
            if kind == "started":
                launch.pid = message["pid"]
                event = Started(launch_id, launch.pid, message.get("host", ""))
            elif kind == "pending":
                event = Pending(launch_id, message["reason"])
            else:
                del self._launches[launch_id]
                if kind == "ended":
                    event = Ended(launch_id, message["code"], message["reason"])
                else:
                    event = NotStarted(launch_id, message["reason"])
        launch.tell(event)
        with self._lock:  # who waits for the end of all is to find them told
            self._changed.notify_all()

    def _bury(self) -> None:
        """See to it that nothing is left of what a launcher process had, and tell the ends."""
        with self._lock:
            self._is_gone = True
            left = dict(self._launches)
        if left:
            # Its sentinel is ending them, and closes its end of this when that is done.
            longest_s = max(launch.stop_grace_s for launch in left.values())
            poll = select.poll()
            poll.register(self._over, select.POLLIN)
            until_s = time.monotonic() + longest_s + _LAST_S
            while not self._closing and time.monotonic() < until_s:
                if poll.poll(_LOOK_S * 1000):
                    break
        code = self._process.wait()
        reason = "" if self._closing else self._obituary(code)
        if reason:
            _log.warning("%s", reason)
        for launch_id, launch in left.items():
            _kill(launch_id, launch.pid)  # its sentinel may have died with it
            with self._lock:
                del self._launches[launch_id]
            launch.tell(Ended(launch_id, None, reason))
        with self._lock:
            self._channel.close()
            os.close(self._over)
            self._errors.close()
            self._changed.notify_all()

    def _obituary(self, code: int) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        last = f": {lines[-1]}" if lines else ""
        return f"the launcher process (pid {self.pid}) {how_it_ended(code)}{last}"


def _command() -> list[str]:
    return [*interpreter_command(), str(Path(lightgrid.launcher.__file__).with_name("__main__.py"))]


def _unnamed_file() -> int:
    """Return a new file that only its descriptor leads to, and that is in no folder, if may be."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("lightgrid")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _kill(launch_id: str, pid: int) -> None:
    # Its number may be another's by now, where its mark cannot be seen.
    if pid in marked(launch_id):
        kill_group(pid)
    kill_marked(launch_id)
