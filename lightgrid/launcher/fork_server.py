"""The fork server: has imported what works need, and forks them."""

from __future__ import annotations

import gc
import importlib
import os
import select
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import Final

from lightgrid.launcher.channel import Channel, Message
from lightgrid.launcher.children import Children
from lightgrid.launcher.exiting import open_files
from lightgrid.launcher.forked_work import Origin, be_work
from lightgrid.launcher.orphans import killed_with
from lightgrid.launcher.roles import close_all_but, fork, open_descriptors
from lightgrid.launcher.signals import Signals

#: Libraries whose threads do no harm: they end them before a fork, and start them again.
_FORK_SAFE: Final = ("openblas",)


class ForkServer:
    """Forks works, until the launcher is gone; then ends them, as the sentinel does.

    It says when it is ready, or what forbids that, and is asked for nothing before.

    Args:
        launcher: The channel to it.
        modules: What works need; it is there.
        preload: What the user has named beside that.
        signals: What signals did before the launcher.
        launcher_pid: Of the process that forks it.
    """

    def __init__(
        self,
        launcher: Channel,
        modules: Sequence[str],
        preload: Sequence[str],
        signals: Signals,
        launcher_pid: int,
    ) -> None:
        self._launcher = launcher
        self._modules = modules
        self._preload = preload
        self._signals = signals
        self._launcher_pid = launcher_pid
        self._children = Children()
        self._origin = Origin(0, frozenset(), (), signals.restore)

    def run(self) -> int:
        """Be the fork server."""
        with ExitStack() as open_here:
            open_here.callback(self._launcher.close)
            close_all_but(self._launcher.fileno())
            ends = open_here.enter_context(self._signals.waiting_for_children())
            gc.disable()
            before = open_descriptors()
            with killed_with(self._launcher_pid):  # what a module does may take for ever
                self._import()
            opened = open_descriptors() - before
            self._origin = Origin(os.getpid(), opened, open_files(), self._signals.restore)
            gc.freeze()  # what lives until the end is not to be touched by a child's collections
            self._launcher.send({"event": "ready", "obstacle": obstacle_to_forks()})
            return self._serve(ends)

    def _import(self) -> None:
        # The bare package, by which the launcher has imported its own rooms.
        here = sys.modules.pop("lightgrid")
        for name in self._modules:
            importlib.import_module(name)
        sys.modules["lightgrid"].launcher = here.launcher  # type: ignore[attr-defined]
        for name in self._preload:
            try:
                importlib.import_module(name)
            except Exception as error:
                what = f"preload: {name} cannot be imported: {type(error).__name__}: {error}"
                self._launcher.send({"event": "said", "text": what})
        for stream in (sys.stdout, sys.stderr):  # or each work would print it once more
            stream.flush()

    def _serve(self, ends: int) -> int:
        poll = select.poll()
        poll.register(self._launcher, select.POLLIN)
        poll.register(ends, select.POLLIN)
        is_alone = False
        while True:
            left_s = self._children.kill_overdue()
            for descriptor, _ in poll.poll(None if left_s is None else left_s * 1000 + 1):
                if descriptor == ends:
                    os.read(ends, 4096)
                    continue
                is_alone = not self._launcher.read()
                for message, descriptors in self._launcher.messages():
                    self._take(message, descriptors)
                if is_alone:
                    poll.unregister(self._launcher)
                    self._children.stop_all()
            for launch_id, code in self._children.reap(lambda pid: None):
                self._tell({"event": "ended", "id": launch_id, "code": code})
            if is_alone and not self._children:
                return 0

    def _take(self, message: Message, descriptors: Sequence[int]) -> None:
        order, launch_id = message["order"], message["id"]
        if order == "start":
            try:
                pid = self._start(launch_id, message["entry"], *descriptors)
            except OSError as error:
                self._tell({"event": "not_started", "id": launch_id, "reason": str(error)})
            else:
                self._children.add(launch_id, pid, message["stop_grace_s"])
                self._tell({"event": "started", "id": launch_id, "pid": pid})
            finally:
                for one in descriptors:
                    os.close(one)
        elif order == "stop":
            self._children.stop(launch_id)
        else:
            self._children.kill(launch_id)

    def _start(self, launch_id: str, entry: str, file: int, log: int) -> int:
        origin = self._origin
        # Of its own, since those of the message are closed on the way to it.
        file, log = os.dup(file), os.dup(log)
        self._signals.hold()
        try:
            return fork(lambda: be_work(launch_id, entry, file, log, origin))
        finally:
            if os.getpid() == origin.pid:
                self._signals.let_go()
                os.close(file)
                os.close(log)

    def _tell(self, message: Message) -> None:
        self._launcher.send(message)
        self._launcher.drain()


def obstacle_to_forks() -> str:
    """Return why this process must not fork works: it has what does not live on in a child."""
    threads = [thread.name for thread in threading.enumerate()[1:]]
    if threads:
        return f"it has started threads ({', '.join(threads)})"
    try:
        with open("/proc/self/maps") as file:
            loaded = file.read()
        if len(os.listdir("/proc/self/task")) > 1 and not any(one in loaded for one in _FORK_SAFE):
            return "it has started threads"
        for name in os.listdir("/proc/self/fd"):
            with suppress(FileNotFoundError):  # that of the folder itself
                device = os.readlink(f"/proc/self/fd/{name}")
                if device.startswith("/dev/nvidia"):
                    return f"it has opened a GPU ({device})"
    except OSError:
        return "the system does not say what it has opened"
    return ""
