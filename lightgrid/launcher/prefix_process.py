"""The launcher of works elsewhere: the parent of the commands that lead there."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator, Sequence

from lightgrid.launcher.channel import Channel, Message
from lightgrid.launcher.contact import Contact
from lightgrid.launcher.serving import serving
from lightgrid.launcher.signals import Signals


class PrefixProcess:
    """Starts commands whose far ends start works, and passes on what is ordered and told.

    Orders and events are those of `LauncherProcess`, and {"event": "pending", "id", "reason"}.
    When the flow says no more, works are asked to end; when this process is gone, their far ends
    see that their input has ended, and do the same.

    Args:
        flow: The channel to it.
        over: See `LauncherProcess`.
    """

    def __init__(self, flow: Channel, over: int) -> None:
        self._flow = flow
        self._over = over
        self._signals = Signals()
        self._contacts: dict[str, Contact] = {}
        self._ids: dict[int, str] = {}
        self._has_flow = True

    def run(self) -> int:
        """Be the launcher."""
        with serving(self._flow, self._over, self._signals) as (ends, self._sentinel):
            while self._has_flow or self._contacts:
                self._take_turn(ends)
        return 0

    def _take_turn(self, ends: int) -> None:
        overdue_s = (contact.end_overdue() for contact in self._contacts.values())
        lefts_s = [left_s for left_s in overdue_s if left_s is not None]
        poll = select.poll()
        poll.register(ends, select.POLLIN)
        if self._has_flow:
            poll.register(self._flow, self._flow.wants)
        contacts = {}
        for contact in self._contacts.values():
            for descriptor, what in contact.wants().items():
                poll.register(descriptor, what)
                contacts[descriptor] = contact
        ready = {one for one, _ in poll.poll(min(lefts_s) * 1000 + 1 if lefts_s else None)}
        if ends in ready:
            os.read(ends, 4096)
        for contact in {contacts[one] for one in ready if one in contacts}:
            contact.go_on()
        for pid, code in _ended():
            self._is_gone(pid, code)
        if self._has_flow and self._flow.fileno() in ready:
            self._hear_flow()

    def _is_gone(self, pid: int, code: int) -> None:
        launch_id = self._ids.pop(pid, None)
        if launch_id is None:
            self._sentinel.has_ended(pid)
            return
        contact = self._contacts.pop(launch_id)
        contact.is_gone(code)
        contact.close()
        self._sentinel.remove(launch_id)

    def _hear_flow(self) -> None:
        self._flow.flush()
        self._has_flow = self._flow.read()
        for message, descriptors in self._flow.messages():
            self._obey(message, descriptors)
        if not self._has_flow:
            for contact in self._contacts.values():
                contact.stop()

    def _obey(self, message: Message, descriptors: Sequence[int]) -> None:
        if message["order"] == "start":
            self._start(message["id"], message["stop_grace_s"], *descriptors)
        elif (contact := self._contacts.get(message["id"])) is None:
            return
        elif message["order"] == "stop":
            contact.stop()
        else:
            contact.kill()

    def _start(self, launch_id: str, stop_grace_s: float, file: int, log: int) -> None:
        self._sentinel.add(launch_id, stop_grace_s)
        try:
            contact = Contact(launch_id, stop_grace_s, file, log, self._flow.send)
        except OSError as error:
            os.close(log)
            self._sentinel.remove(launch_id)
            self._flow.send({"event": "not_started", "id": launch_id, "reason": str(error)})
        else:
            self._contacts[launch_id] = contact
            self._ids[contact.pid] = launch_id
            self._sentinel.started(launch_id, contact.pid)
        finally:
            os.close(file)


def _ended() -> Iterator[tuple[int, int]]:
    """Reap what has ended; yield pids and exit codes.

    What the command has started is not killed, as what works have is: of a `srun` that is killed
    another process is left, which gives its place back. What reads from a pipe of ours ends by it.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)
