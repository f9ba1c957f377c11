"""The launcher: starts, stops and reaps the processes of works, as the flow orders."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Sequence
from typing import Final

from lightgrid.launcher.channel import Channel, Message, channel_pair
from lightgrid.launcher.children import Children
from lightgrid.launcher.executing import execute
from lightgrid.launcher.family import kill_group, kill_marked
from lightgrid.launcher.fork_server import ForkServer
from lightgrid.launcher.orphans import Orphans
from lightgrid.launcher.roles import end_child, fork
from lightgrid.launcher.serving import serving
from lightgrid.launcher.signals import Signals

_DESCRIPTORS: Final = 2  # come with the order to start
_TOO_MANY_OPEN: Final = "the launcher process may not open more files (ulimit -n)"


class LauncherProcess:
    """Starts what the flow orders, by itself or by the fork server, and tells how it ends.

    Orders: {"order": "start", "id", "stop_grace_s", "entry"} with two descriptors (see
    `execute`), where "entry" is "module:function" for what can be forked, and else ""; "stop"
    and "kill" with "id"; "preload" with "modules", for what is forked from then on.

    Events: {"event": "started", "id", "pid"}; {"event": "not_started", "id", "reason"} or
    {"event": "ended", "id", "code", "reason"} for each start, as the last; {"event": "said",
    "text"}. When the flow says no more, what is left is ended.

    Args:
        flow: The channel to it.
        over: Held by whoever may have works to end; its other end tells the flow when none is.
        modules: See `ForkServer`; none if nothing is to be forked.
        preload: See `ForkServer`.
    """

    def __init__(
        self, flow: Channel, over: int, modules: Sequence[str], preload: Sequence[str]
    ) -> None:
        self._flow = flow
        self._over = over
        self._modules = modules
        self._preload = preload
        self._signals = Signals()
        self._children = Children()
        self._forked: dict[str, int] = {}
        self._forks: Channel | None = None
        self._forks_pid = 0
        # The starts that are ordered before the fork server is ready, None once it is: until
        # then it is not known whether it can be the one to do it.
        self._early: list[tuple[Message, Sequence[int]]] | None = None
        self._can_fork = bool(modules)
        self._preload_has_changed = False
        self._has_flow = True

    def run(self) -> int:
        """Be the launcher."""
        with serving(self._flow, self._over, self._signals) as (ends, self._sentinel):
            self._orphans = Orphans()
            try:
                if self._can_fork:
                    self._start_fork_server()
                self._serve(ends)
                self._end_fork_server()
            finally:
                self._close_forks()
        return 0

    def _serve(self, ends: int) -> None:
        while self._has_flow or self._children or self._forked:
            left_s = self._children.kill_overdue()
            poll = select.poll()
            poll.register(ends, select.POLLIN)
            for channel in self._channels():
                poll.register(channel, channel.wants)
            ready = {one for one, _ in poll.poll(None if left_s is None else left_s * 1000 + 1)}
            if ends in ready:
                os.read(ends, 4096)
            self._reap()
            if self._has_flow and self._flow.fileno() in ready:
                self._hear_flow()
            if self._forks is not None and self._forks.fileno() in ready:
                self._hear_fork_server(self._forks)

    def _channels(self) -> list[Channel]:
        flow = [self._flow] if self._has_flow else []
        return flow if self._forks is None else [*flow, self._forks]

    # --- what the flow orders ----------------------------------------------------------------

    def _hear_flow(self) -> None:
        self._flow.flush()
        self._has_flow = self._flow.read()
        for message, descriptors in self._flow.messages():
            self._obey(message, descriptors)
        if not self._has_flow:
            self._children.stop_all()
            for launch_id in list(self._forked):
                self._obey({"order": "stop", "id": launch_id}, ())

    def _obey(self, message: Message, descriptors: Sequence[int]) -> None:
        launch_id = message.get("id", "")
        if message["order"] == "preload":
            self._preload = [*self._preload, *message["modules"]]
            self._preload_has_changed = True
            self._renew_fork_server()
        elif message["order"] == "start":
            self._start(message, descriptors)
        elif launch_id in self._forked and self._early is not None:
            self._drop_early(launch_id)
        elif launch_id in self._forked:
            self._order_forks(message)
        elif message["order"] == "stop":
            self._children.stop(launch_id)
        else:
            self._children.kill(launch_id)

    def _start(self, message: Message, descriptors: Sequence[int]) -> None:
        launch_id = message["id"]
        if len(descriptors) < _DESCRIPTORS:
            for one in descriptors:
                os.close(one)
            what = {"event": "not_started", "id": launch_id, "reason": _TOO_MANY_OPEN}
            self._flow.send(what)
            return
        self._sentinel.add(launch_id, message["stop_grace_s"])
        if message["entry"] and self._can_fork:
            self._renew_fork_server()
            if self._forks is None:
                self._start_fork_server()
            self._forked[launch_id] = 0
            self._order_forks(message, descriptors)
        else:
            self._execute(message, descriptors)

    def _execute(self, message: Message, descriptors: Sequence[int]) -> None:
        launch_id = message["id"]
        try:
            pid = execute(*descriptors)
        except OSError as error:
            self._sentinel.remove(launch_id)
            self._flow.send({"event": "not_started", "id": launch_id, "reason": str(error)})
        else:
            self._children.add(launch_id, pid, message["stop_grace_s"])
            self._started(launch_id, pid)
        finally:
            for one in descriptors:
                os.close(one)

    # --- what happens ---------------------------------------------------------------------------

    def _started(self, launch_id: str, pid: int) -> None:
        self._sentinel.started(launch_id, pid)
        self._flow.send({"event": "started", "id": launch_id, "pid": pid})

    def _ended(self, launch_id: str, code: int | None, reason: str = "") -> None:
        """Kill what a launch has left behind, and tell its end."""
        # Beside its works, the launcher has two: the sentinel and the fork server.
        if self._orphans.may_be_left(len(self._children) + 1 + bool(self._forks_pid)):
            kill_marked(launch_id)
        self._sentinel.remove(launch_id)
        self._flow.send({"event": "ended", "id": launch_id, "code": code, "reason": reason})

    def _reap(self) -> None:
        for launch_id, code in self._children.reap(self._other_has_ended):
            self._ended(launch_id, code)

    def _other_has_ended(self, pid: int) -> None:
        if pid == self._forks_pid:
            self._forks_pid = 0
        self._sentinel.has_ended(pid)

    # --- the fork server ------------------------------------------------------------------------

    def _start_fork_server(self) -> None:
        ours, theirs = channel_pair()
        self._forks, self._early, self._preload_has_changed = ours, [], False
        server = ForkServer(
            Channel(theirs), self._modules, self._preload, self._signals, os.getpid()
        )
        self._forks_pid = fork(server.run)
        theirs.close()

    def _renew_fork_server(self) -> None:
        """Have one that has imported what is to be preloaded, unless the one there has works."""
        if self._preload_has_changed and self._can_fork and not self._forked:
            self._end_fork_server()  # it may never come to the end of an import
            self._start_fork_server()

    def _order_forks(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        assert self._forks is not None
        if self._early is None:
            if message["order"] != "start" and self._forks_pid:
                os.kill(self._forks_pid, signal.SIGCONT)  # somebody may have stopped it
            self._forks.send(message, descriptors)
        else:
            self._early.append((message, descriptors))

    def _hear_fork_server(self, forks: Channel) -> None:
        forks.flush()
        is_there = forks.read()
        for message, _ in forks.messages():
            self._note(message)
        if not is_there:
            self._fork_server_is_gone()

    def _note(self, message: Message) -> None:
        event, launch_id = message["event"], message.get("id", "")
        if event == "started":
            self._forked[launch_id] = message["pid"]
            self._started(launch_id, message["pid"])
        elif event == "ended":
            del self._forked[launch_id]
            self._reap()
            self._ended(launch_id, message["code"])
        elif event == "not_started":
            del self._forked[launch_id]
            self._sentinel.remove(launch_id)
            self._flow.send(message)
        elif event == "ready":
            self._fork_server_is_ready(message["obstacle"])
        else:
            self._flow.send(message)

    def _fork_server_is_ready(self, obstacle: str) -> None:
        if obstacle:
            self._give_up_forks(obstacle)
            return
        early, self._early = self._early or [], None
        for order, descriptors in early:
            self._order_forks(order, descriptors)

    def _fork_server_is_gone(self) -> None:
        if self._early is not None:
            self._give_up_forks("it has ended while it imported what works need")
            return
        self._close_forks()
        left, self._forked = self._forked, {}
        for launch_id, pid in left.items():
            if pid:
                kill_group(pid)
            kill_marked(launch_id)
            self._ended(launch_id, None, "the fork server, its parent, is gone")

    def _drop_early(self, launch_id: str) -> None:
        """End a launch that has no process yet."""
        assert self._early is not None
        (dropped,) = (one for one in self._early if one[0]["id"] == launch_id)
        self._early.remove(dropped)
        for one in dropped[1]:
            os.close(one)
        del self._forked[launch_id]
        self._ended(launch_id, None, "it was ended before it had a process")

    def _give_up_forks(self, obstacle: str) -> None:
        """Execute from now on what was to be forked, also what waits for that."""
        self._can_fork = False
        self._end_fork_server()
        preloaded = f" with preload {', '.join(self._preload)}" if self._preload else ""
        what = (
            f"works are started anew and not forked: the fork server{preloaded} cannot, {obstacle}"
        )
        self._flow.send({"event": "said", "text": what})
        early, self._early = self._early or [], None
        self._forked.clear()
        for order, descriptors in early:
            self._execute(order, descriptors)

    def _end_fork_server(self) -> None:
        self._close_forks()
        if self._forks_pid:
            end_child(self._forks_pid)
            self._forks_pid = 0

    def _close_forks(self) -> None:
        if self._forks is not None:
            self._forks.close()
            self._forks = None
