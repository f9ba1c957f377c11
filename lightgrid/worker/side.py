"""What the threads of a work's process ask of the one that owns the network.

    user's threads      loop thread
    self.c += 1  ──▸ mark ──▸ collect ▸ outbox ▸ stream
    inbox.get()  ◂── Run, or the wish to stop ◂── commands

Between two calls the main thread asks it to begin and end calls; user code may ask it in
any thread to flush, to hold still for a batch, or to say when an update has come.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lightgrid.component.node import node_of
from lightgrid.errors import ComponentError, LightgridError, short_name
from lightgrid.process.wakeup import Wakeup
from lightgrid.worker.bridge import Bridge
from lightgrid.worker.loop import WorkLoop

if TYPE_CHECKING:
    from queue import SimpleQueue

    from lightgrid.component.work import Work
    from lightgrid.protocol.limits import Limits
    from lightgrid.protocol.messages import CallUpdate, Run
    from lightgrid.worker.interrupt import Interrupter

logger = logging.getLogger("lightgrid.work")


@dataclass(frozen=True, slots=True)
class Joining:
    """How a work gets to its flow.

    Attributes:
        address: "host:port" of the flow server.
        work: The work's name.
        token: Opens it.
        seen_revision: The tree's revision when the variables were taken; -1 when
            they were not taken from the tree at all, and the tree's are wanted.
        root_certificates: PEM, for TLS.
        launch_id: By which launch the process was started, if it was.
    """

    address: str
    work: str
    token: str
    seen_revision: int = 0
    root_certificates: bytes | None = None
    launch_id: str = ""


class WorkSide:
    """The side of a work's connection that other threads hold. It is the work's `ProcessSide`.

    Args:
        work: Its variables are collected.
        joining: How it gets to its flow.
        interrupter: Ends user code that is to end.
        inbox: Where calls to make go; None when there will be no more.

    Attributes:
        loop: What happens in the thread that owns the network.
    """

    def __init__(
        self,
        work: Work,
        joining: Joining,
        interrupter: Interrupter,
        inbox: SimpleQueue[Run | None],
    ) -> None:
        self._node = node_of(work)
        self._name = short_name(joining.work)
        self._pid = os.getpid()
        self._updated = Wakeup()
        self.loop = WorkLoop(work, joining, interrupter, inbox, self._updated)
        self._bridge = Bridge(self._name, self.loop.main, self.loop.ended, self.loop.hear)

    def start(self) -> None:
        """Begin to connect."""
        self._bridge.start()
        self._node.notify = self._notify

    def begin_call(self, run: Run) -> bool:
        """Take in what came with a call and tell that it begins; not if it was cancelled."""
        self._bridge.hear_signals()
        return self._bridge.ask(self.loop.begin_call(run))

    def end_call(self, update: CallUpdate) -> CallUpdate:
        """Collect everything and tell it with a call's end, in one batch.

        Returns:
            The end that was told: a call that leaves what cannot be state has failed.
        """
        return self._bridge.ask(self.loop.end_call(update))

    def flush(self, timeout_s: float) -> None:
        """Wait until the flow has everything changed so far. For any thread.

        Raises:
            UnsupportedValueError: A variable holds what cannot be state.
            FlowUnavailableError: It took longer than `timeout_s` seconds.
            ClosedError: The work has left.
        """
        if os.getpid() == self._pid:
            self._bridge.ask(self.loop.flush(timeout_s))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect nothing meanwhile; what is changed goes into one batch. For any thread."""
        if os.getpid() != self._pid or self._bridge.is_own_thread:
            yield  # nobody collects there, and what `apply_flow_delta` changes is one batch
            return
        token = (threading.get_ident(), object())
        try:
            # Asked, not just said: a collection may be under way, and has to end first.
            self._bridge.ask(self.loop.hold(token))
            yield
        finally:
            self._bridge.call_after_asked(self.loop.let_go, token)

    def wait_for_update(self, timeout_s: float | None) -> bool:
        """Wait until an update has been applied since the last time. For any thread."""
        if self._bridge.is_own_thread:
            raise ComponentError(f"{self._name}.wait_for_update() inside of apply_flow_delta")
        return self._updated.wait(timeout_s)

    def leave(self, end: CallUpdate | None, within_s: float) -> None:
        """Collect everything, tell it with the end of an open call, and say goodbye.

        Args:
            end: Of the open call, if there is one.
            within_s: Give up after this long; the server then finds out by itself.
        """
        try:
            self._bridge.ask(self.loop.leave(end, within_s))
        except (LightgridError, TimeoutError) as error:
            logger.debug("%s: left without a goodbye: %s", self._name, error)
        self._bridge.join(1.0)

    def forget_in_child(self) -> None:
        """Take no part in anything, in a forked child: the thread is not there."""
        self._node.notify = None
        self._bridge.close()

    @property
    def limits(self) -> Limits:
        """What the server accepts."""
        return self.loop.limits

    @property
    def refusal(self) -> LightgridError | None:
        """Why the server wants no more of this process, if so."""
        return self.loop.refusal

    @property
    def stop_grace_s(self) -> float | None:
        """How long leaving may take, if the server said so."""
        return self.loop.stop_grace_s

    def _notify(self) -> None:
        """Wake the collection at the first mark after one. Called by user code.

        The loop's thread says that it wants news, then looks for marks once more;
        here the mark was set before. So one of the two sees the other.
        """
        if self.loop.wants_news:
            self.loop.wants_news = False
            self._bridge.tell()
