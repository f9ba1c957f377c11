"""What happens in the thread of a work's process that owns the network.

It collects at the first assignment after a collection, at once, then at most every few
ms, and sends what it has found; it takes in commands, and keeps the order in which both
count. User code goes on in other threads meanwhile, and never waits for it but where it
asks (see `WorkSide`).
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from lightgrid.client.work_client import WorkClient
from lightgrid.component.node import node_of
from lightgrid.component.work import Work
from lightgrid.errors import (
    ComponentError,
    FlowUnavailableError,
    LightgridError,
    UnsupportedValueError,
    short_name,
)
from lightgrid.protocol.features import PYTHON_ARGUMENTS, UPDATES
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.limits import Limits
from lightgrid.protocol.messages import (
    CallState,
    CallUpdate,
    Cancel,
    Command,
    Run,
    Stop,
    Update,
)
from lightgrid.worker.collector import Collector
from lightgrid.worker.ends import Leftovers, spoilt
from lightgrid.worker.interrupt import CallCancelled, Interrupter
from lightgrid.worker.output import say
from lightgrid.worker.pace import MAX_IDLE_INTERVAL_S, MAX_INTERVAL_S, MIN_INTERVAL_S
from lightgrid.worker.session import WorkSession, ignore_errors

if TYPE_CHECKING:
    from lightgrid.process.wakeup import Wakeup
    from lightgrid.worker.side import Joining

logger = logging.getLogger("lightgrid.work")

#: The part of the time of a thread that makes one batch after the other, to be collected in.
_BATCH_SHARE: Final = 0.1


class WorkLoop:
    """Owns a work's connection. All but `__init__` happens in one thread: see `WorkSide`.

    Args:
        work: Its variables are collected.
        joining: How it gets to its flow.
        interrupter: Ends user code that is to end.
        inbox: Where calls to make go; None when there will be no more.
        updated: Set when an update of the flow was applied.

    Attributes:
        refusal: Why the server wants no more of this process, if so.
        stop_grace_s: How long leaving may take, if the server said so.
        wants_news: The next mark has to wake the loop's thread. Also for other threads.
    """

    def __init__(
        self,
        work: Work,
        joining: Joining,
        interrupter: Interrupter,
        inbox: SimpleQueue[Run | None],
        updated: Wakeup,
    ) -> None:
        self.refusal: LightgridError | None = None
        self.stop_grace_s: float | None = None
        self.wants_news = False
        self._joining = joining
        self._name = short_name(joining.work)
        self._interrupter = interrupter
        self._inbox = inbox
        self._node = node_of(work)
        self._features = [PYTHON_ARGUMENTS, *([UPDATES] if work.receive_updates else [])]
        self._collector = Collector(work, max(0, joining.seen_revision))
        self._outbox = self._collector.outbox
        self._session: WorkSession
        self._collected_at_s = -math.inf
        self._cost_s = 0.0  # of the last collection
        self._calls = KnownCalls()
        self._complaints: set[str] = set()
        self._leftovers = Leftovers()
        self._holds: set[tuple[int, object]] = set()  # by thread: batches that are open
        self._held_back: list[Update] = []
        self._batch_ended = False  # the next collection is to find all that it changed
        self._updated = updated
        self._progress: asyncio.Event
        self._closing: asyncio.Event

    @property
    def limits(self) -> Limits:
        """What the server accepts."""
        return self._session.limits

    def ended(self, error: BaseException | None) -> None:
        """Have the process leave: there is no connection any more."""
        if error is not None:
            logger.error("%s: the connection has failed", self._joining.work, exc_info=error)
            self.refusal = LightgridError(f"{type(error).__name__}: {error}")
        self._node.notify = None
        self._interrupter.stop()

    async def main(self) -> None:
        """Stay connected until the work leaves."""
        joining = self._joining
        self._progress, self._closing = asyncio.Event(), asyncio.Event()
        client = WorkClient(joining.address, joining.token, joining.root_certificates)
        self._session = WorkSession(
            client,
            joining.work,
            self._outbox,
            self._features,
            self._on_command,
            self._on_progress,
            self._collect_if_due,
            self._calls,
            launch_id=joining.launch_id,
            wants_state=joining.seen_revision < 0,
            waits_for_holder=joining.seen_revision >= 0,
        )
        user_agent = f"lightgrid-python (pid {os.getpid()} on {socket.gethostname()})"
        session = asyncio.create_task(self._session.run(user_agent))
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait((session, closing), return_when=asyncio.FIRST_COMPLETED)
            if session.done():
                self._note_refusal(session.exception())
                # Leave in order: what is asked until then finds the thread here.
                self._interrupter.stop()
                await self._closing.wait()
        finally:
            for task in (session, closing):
                await ignore_errors(task)
            await client.close()

    def hear(self, signals: bytes) -> None:
        """Hear that something changed; stop at a signal that the main thread did not get to.

        One that arrives just before the main thread blocks would wait with it.
        """
        if self._interrupter.is_stop_signal(signals):
            self._interrupter.stop()
        self._session.wake()

    def _note_refusal(self, error: BaseException | None) -> None:
        if isinstance(error, LightgridError):
            self.refusal = error
        elif error is not None:
            raise error

    def _collect_if_due(self) -> float:
        """Collect if there is something to; return in how many seconds to look again."""
        self.wants_news = False
        if self._holds or not self._outbox.has_room:
            return math.inf
        now_s = time.monotonic()
        pause_s = self._collected_at_s + MIN_INTERVAL_S - now_s
        if pause_s > 0:
            return pause_s
        collector = self._collector
        wait_s = collector.next_due_s() - now_s
        self.wants_news = True
        if not (collector.has_marks or wait_s <= 0 or self._batch_ended):
            # User code may have been interrupted between its assignment and the wake-up that
            # belongs to it: while a call runs, look again after a while in any case.
            return wait_s if self._calls.current is None else min(wait_s, MAX_INTERVAL_S)
        self.wants_news = False
        everything, self._batch_ended = self._batch_ended, False
        self._complain(collector.collect(everything=everything))
        self._collected_at_s = time.monotonic()
        self._cost_s = self._collected_at_s - now_s
        return MIN_INTERVAL_S

    def _collect(self, *calls: CallUpdate, everything: bool = False) -> list[UnsupportedValueError]:
        errors = self._collector.collect(lambda _: calls, everything=everything)
        self._session.wake()
        return errors

    def _complain(self, errors: list[UnsupportedValueError]) -> None:
        """Fail the running call for what cannot be state; between calls, say it, but once."""
        if self._calls.current is not None:
            first = self._leftovers.first_beside(errors, time.monotonic())
            if first is None:
                return
            self._complaints.add(str(first))
            self._interrupter.interrupt(first.again)
            return
        for error in errors:
            if str(error) not in self._complaints:
                self._complaints.add(str(error))
                say(f"lightgrid: {error}\n")

    def _on_progress(self) -> None:
        budget, limits = self._collector.budget, self._session.limits
        budget.max_nodes, budget.max_bytes = limits.max_nodes, limits.max_batch_bytes
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()
        self._session.wake()

    def _on_command(self, command: Command) -> None:
        if isinstance(command, Run):
            self._inbox.put(command)
        elif isinstance(command, Cancel):
            self._interrupter.interrupt(CallCancelled)
        elif isinstance(command, Stop):
            self.stop_grace_s = command.grace_s
            self._interrupter.stop()
        elif isinstance(command, Update):
            self._held_back.append(command)
            if not self._holds:
                self._receive_updates()

    def _receive_updates(self) -> None:
        """Apply what the flow wrote; not inside a batch, which it would cut in two."""
        updates, self._held_back = self._held_back, []
        for update in updates:
            try:
                self._complain(self._collector.receive(update))
            except Exception as error:  # of the user's apply_flow_delta
                self._fail(error)
            if not update.snapshot:
                self._updated.set()
        self._session.wake()

    def _fail(self, error: Exception) -> None:
        logger.error("%s: apply_flow_delta has failed", self._joining.work, exc_info=error)
        if self._calls.current is not None:
            self._interrupter.interrupt(lambda: error)

    async def hold(self, token: tuple[int, object]) -> None:
        """Collect nothing until `let_go`: a batch is open.

        Args:
            token: Names the thread, and the batch.
        """
        passed_s = time.monotonic() - self._collected_at_s
        if self._batch_ended and self._session.is_up and passed_s * _BATCH_SHARE > self._cost_s:
            # A thread may open one batch right after the other. What the last one changed is
            # collected now, or it would never be. User code waits for that, so it may take
            # only a share of the time.
            self._collect_if_due()
            self._session.wake()
        self._holds.add(token)

    def let_go(self, token: tuple[int, object]) -> None:
        """Note the end of a batch."""
        self._holds.discard(token)
        if not self._holds:
            if self._held_back:
                # An update closes the batch before it, which is to be the whole one.
                self._complain(self._collect(everything=True))
            else:
                self._batch_ended = True
            self._receive_updates()

    async def begin_call(self, run: Run) -> bool:
        """Take in what came with a call and tell that it begins; not if it was cancelled."""
        begun = self._calls.begin(run)
        if begun is None:
            return False
        errors = self._collector.receive(Update(run.revision, run.ops))
        if begun.state.is_end:
            self._end(begun)
            return False
        self._leftovers.call_begins(time.monotonic())
        self._collector.pace_for_call(MAX_INTERVAL_S)
        errors += self._collect(begun)
        self._complain(errors)
        return True

    async def end_call(self, update: CallUpdate) -> CallUpdate:
        """Collect everything and tell it with a call's end; return the end that was told."""
        return self._end(update)

    def _end(self, update: CallUpdate) -> CallUpdate:
        # From here on no cancel ends this call, and no error is raised into user code for it.
        self._interrupter.end_call()
        # Where user code was interrupted, its `with self.batch()` may not have been left.
        main_thread = threading.main_thread().ident
        for token in [token for token in self._holds if token[0] == main_thread]:
            self.let_go(token)
        ends: list[CallUpdate] = []

        def end_after(errors: list[UnsupportedValueError]) -> list[CallUpdate]:
            self._leftovers.call_ends(errors)
            is_spoilt = errors and update.state is CallState.SUCCEEDED
            self._complaints.update(str(error) for error in errors[:1] if is_spoilt)
            ends.append(spoilt(update, errors[0]) if is_spoilt else update)
            return ends if self._calls.end(update.call_id) else []

        self._collector.collect(end_after, everything=True)
        (end,) = ends
        self._collector.pace_for_call(MAX_IDLE_INTERVAL_S)
        self._session.wake()
        return end

    async def flush(self, timeout_s: float) -> None:
        """Wait until the flow has everything changed so far."""
        if self._holds:
            raise ComponentError(f"{self._name}.flush() inside of batch()")
        deadline_s = time.monotonic() + timeout_s
        errors = self._collect(everything=True)
        if errors:
            raise errors[0]
        # What is not sent yet has no final number: it may be sent as part of a snapshot.
        await self._wait_until(lambda: not self._outbox.has_unsent, deadline_s)
        target_seq = self._outbox.last_seq
        self._session.ask_for_ack()
        await self._wait_until(lambda: self._session.applied_seq >= target_seq, deadline_s)

    async def _wait_until(self, condition: Callable[[], bool], deadline_s: float) -> None:
        while not condition():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self.refusal is not None:
                raise FlowUnavailableError(f"{self._name}: the flow does not have all changes yet")
            # `_progress` is set by acknowledgements alone, and a refusal counts, too.
            try:
                await asyncio.wait_for(self._progress.wait(), min(left_s, 0.05))
            except TimeoutError:
                continue

    async def leave(self, end: CallUpdate | None, within_s: float) -> None:
        """Collect everything, tell it with the end of an open call, and say goodbye."""
        try:
            ends = (end,) if end is not None and self._calls.end(end.call_id) else ()
            self._calls.current = None
            self._complain(self._collect(*ends, everything=True))
            if self.refusal is None:
                await asyncio.wait_for(self._session.release(), within_s)
        finally:
            self._closing.set()
