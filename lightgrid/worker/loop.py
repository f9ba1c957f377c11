"""The thread of a work's process that owns the network, beside the user's code.

    user's thread       loop thread
    self.c += 1  ──▸ mark ──▸ collect ▸ outbox ▸ stream
    inbox.get()  ◂── Run, or the wish to stop ◂── commands

User code never waits for it; between two calls the main thread asks it to begin
and end calls. It wakes at the first assignment after a collection, collects at
once, then at most every few ms. The two threads share no lock: user code may be
interrupted at any bytecode, also inside a lock's `with`.
"""

from __future__ import annotations

import _thread
import asyncio
import logging
import math
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Final, TypeVar

from lightgrid.client.work_client import WorkClient
from lightgrid.component.work import Work
from lightgrid.errors import (
    ClosedError,
    ComponentError,
    FlowUnavailableError,
    LightgridError,
    UnsupportedValueError,
    short_name,
)
from lightgrid.process.wakeup import Wakeup
from lightgrid.protocol.link import PYTHON_ARGUMENTS, UPDATES
from lightgrid.protocol.messages import (
    CallError,
    CallState,
    CallUpdate,
    Cancel,
    Command,
    Run,
    Stop,
    Update,
)
from lightgrid.worker.collector import Collector
from lightgrid.worker.interrupt import CallCancelled, Interrupter
from lightgrid.worker.pace import MAX_IDLE_INTERVAL_S, MAX_INTERVAL_S, MIN_INTERVAL_S
from lightgrid.worker.session import WorkSession, ignore_errors

AnswerT = TypeVar("AnswerT")

logger = logging.getLogger("lightgrid.work")

#: Ended calls whose ids are remembered: a command stream that was opened while they ran
#: may still bring them.
_MAX_KEPT_ENDS: Final = 10_000
#: Told by one byte, as signals are by their numbers.
_CHANGED: Final = b"\0"
#: What a message needs besides the largest str or bytes in it.
_ENVELOPE_BYTES: Final = 4096


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
    """

    address: str
    work: str
    token: str
    seen_revision: int = 0
    root_certificates: bytes | None = None


class WorkLoop:
    """Owns a work's connection, in a thread of its own.

    Args:
        work: Its variables are collected.
        joining: How it gets to its flow.
        interrupter: Ends user code that is to end.
        inbox: Where calls to make go; None when there will be no more.

    Attributes:
        refusal: Why the server wants no more of this process, if so.
        stop_grace_s: How long leaving may take, if the server said so.
    """

    def __init__(
        self,
        work: Work,
        joining: Joining,
        interrupter: Interrupter,
        inbox: SimpleQueue[Run | None],
    ) -> None:
        self.refusal: LightgridError | None = None
        self.stop_grace_s: float | None = None
        self._joining = joining
        self._name = short_name(joining.work)
        self._interrupter = interrupter
        self._inbox = inbox
        self._node = work._lightgrid_node
        self._features = [PYTHON_ARGUMENTS, *([UPDATES] if work.receive_updates else [])]
        self._collector = Collector(work, max(0, joining.seen_revision))
        self._outbox = self._collector.outbox
        self._pid = os.getpid()
        self._loop: asyncio.AbstractEventLoop
        self._session: WorkSession
        self._wants_news = False  # the next mark has to wake the loop's thread
        self._collected_at_s = -math.inf
        self._current: str | None = None
        self._known: set[str] = set()  # ids of calls that wait, run, or have ended
        self._ended: deque[str] = deque()  # of these
        self._cancelled: set[str] = set()
        self._complaints: set[str] = set()
        self._holds: set[tuple[int, object]] = set()  # by thread: batches that are open
        self._held_back: list[Update] = []
        self._batch_ended = False  # the next collection is to find all that it changed
        self._updated = Wakeup()
        self._progress: asyncio.Event
        self._closing: asyncio.Event
        self._thread = threading.Thread(target=self._run, name="lightgrid work", daemon=True)
        self._started = threading.Event()

    # --- the main thread ---------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect."""
        self._signals, writer = socket.socketpair()
        for end in (self._signals, writer):
            end.setblocking(False)
        self._waker = writer  # the signal handler has its descriptor, and `_notify` sends
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        self._thread.start()
        self._started.wait()
        self._node.notify = self._notify

    def begin_call(self, run: Run) -> bool:
        """Take in what came with a call and tell that it begins; not if it was cancelled."""
        return self._ask(self._begin_call(run))

    def end_call(self, update: CallUpdate) -> CallUpdate:
        """Collect everything and tell it with a call's end, in one batch.

        Returns:
            The end that was told: a call that leaves what cannot be state has failed.
        """
        return self._ask(self._end_call(update))

    def flush(self, timeout_s: float) -> None:
        """Wait until the flow has everything changed so far. For any thread.

        Raises:
            UnsupportedValueError: A variable holds what cannot be state.
            FlowUnavailableError: It took longer than `timeout_s` seconds.
            ClosedError: The work has left.
        """
        if os.getpid() == self._pid:
            self._ask(self._flush(timeout_s))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Collect nothing meanwhile; what is changed goes into one batch. For any thread."""
        if os.getpid() != self._pid or self._is_own_thread():
            yield  # nobody collects there, and what `apply_flow_delta` changes is one batch
            return
        token = (threading.get_ident(), object())
        try:
            # Asked, not just said: a collection may be under way, and has to end first.
            self._ask(self._hold(token))
            yield
        finally:
            with suppress(RuntimeError):  # the loop is closed: the work has left
                # In two steps: behind the task of `_hold`, should an interrupt have come early.
                self._loop.call_soon_threadsafe(self._loop.call_soon, self._let_go, token)

    def wait_for_update(self, timeout_s: float | None) -> bool:
        """Wait until an update has been applied since the last time. For any thread."""
        if self._is_own_thread():
            raise ComponentError(f"{self._name}.wait_for_update() inside of apply_flow_delta")
        return self._updated.wait(timeout_s)

    def leave(self, end: CallUpdate | None, within_s: float) -> None:
        """Collect everything, tell it with the end of an open call, and say goodbye.

        Args:
            end: Of the open call, if there is one.
            within_s: Give up after this long; the server then finds out by itself.
        """
        try:
            self._ask(self._leave(end, within_s))
        except (LightgridError, TimeoutError) as error:
            logger.debug("%s: left without a goodbye: %s", self._joining.work, error)
        self._thread.join(1.0)

    def forget_in_child(self) -> None:
        """Take no part in anything, in a forked child: the thread is not there."""
        self._node.notify = None
        signal.set_wakeup_fd(-1)

    def _ask(self, coroutine: Coroutine[Any, Any, AnswerT]) -> AnswerT:
        """Have the loop's thread execute something and wait for it.

        The lock is a bare one that this call alone knows: the exception of an
        interrupt may leave it in any state.
        """
        if self._is_own_thread():  # it would wait for itself
            coroutine.close()
            raise ComponentError(f"{self._name}: not possible inside of apply_flow_delta")
        answers: list[AnswerT | BaseException] = []
        done = _thread.allocate_lock()
        done.acquire()

        def finish(task: asyncio.Task[AnswerT]) -> None:
            error = ClosedError("the work has left") if task.cancelled() else task.exception()
            answers.append(task.result() if error is None else error)
            done.release()

        def begin() -> None:
            self._loop.create_task(coroutine).add_done_callback(finish)

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:
            coroutine.close()
            raise ClosedError("the work has left") from None
        while not done.acquire(timeout=1.0):
            if not self._thread.is_alive() and not answers:
                coroutine.close()
                raise ClosedError("the work has left")
        answer = answers[0]
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _is_own_thread(self) -> bool:
        """Tell whether this is the loop's thread, where only `apply_flow_delta` is the user's."""
        return threading.current_thread() is self._thread

    def _notify(self) -> None:
        """Wake the collection at the first mark after one. Called by user code.

        The loop's thread says that it wants news, then looks for marks once more;
        here the mark was set before. So one of the two sees the other.
        """
        if self._wants_news:
            self._wants_news = False
            # A byte that is no signal's number, where the loop listens for these: cheaper than
            # call_soon_threadsafe, which makes a handle and a context besides.
            try:  # noqa: SIM105 - suppress() costs as much as the send
                self._waker.send(_CHANGED)
            except BlockingIOError:
                pass  # full: the thread will wake all the same

    # --- the loop's thread -----------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:
            logger.exception("%s: the connection has failed", self._joining.work)
            self.refusal = LightgridError(f"{type(error).__name__}: {error}")
        finally:
            self._node.notify = None
            self._started.set()
            self._interrupter.stop()

    async def _main(self) -> None:
        joining = self._joining
        self._loop = asyncio.get_running_loop()
        self._progress, self._closing = asyncio.Event(), asyncio.Event()
        self._loop.add_reader(self._signals.fileno(), self._on_signals)
        client = WorkClient(joining.address, joining.token, joining.root_certificates)
        self._session = WorkSession(
            client,
            joining.work,
            self._outbox,
            self._features,
            self._on_command,
            self._on_progress,
            self._collect_if_due,
            wants_state=joining.seen_revision < 0,
            waits_for_holder=joining.seen_revision >= 0,
        )
        user_agent = f"lightgrid-python (pid {os.getpid()} on {socket.gethostname()})"
        session = self._loop.create_task(self._session.run(user_agent))
        closing = self._loop.create_task(self._closing.wait())
        self._started.set()
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

    def _on_signals(self) -> None:
        """Hear that something changed; stop at a signal that the main thread did not get to.

        One that arrives just before the main thread blocks would wait with it.
        """
        numbers = self._signals.recv(64)
        if self._interrupter.is_stop_signal(numbers):
            self._interrupter.stop()
        self._session.wake()

    def _note_refusal(self, error: BaseException | None) -> None:
        if isinstance(error, LightgridError):
            self.refusal = error
        elif error is not None:
            raise error

    def _collect_if_due(self) -> float:
        """Collect if there is something to; return in how many seconds to look again."""
        self._wants_news = False
        if self._holds or not self._outbox.has_room:
            return math.inf
        now_s = time.monotonic()
        pause_s = self._collected_at_s + MIN_INTERVAL_S - now_s
        if pause_s > 0:
            return pause_s
        collector = self._collector
        wait_s = collector.next_due_s() - now_s
        self._wants_news = True
        if not (collector.has_marks or wait_s <= 0 or self._batch_ended):
            # An interrupt may have come between an assignment and its mark's news.
            return wait_s if self._current is None else min(wait_s, MAX_INTERVAL_S)
        self._wants_news = False
        everything, self._batch_ended = self._batch_ended, False
        self._complain(collector.collect(everything=everything))
        self._collected_at_s = time.monotonic()
        return MIN_INTERVAL_S

    def _collect(self, *calls: CallUpdate, everything: bool = False) -> list[UnsupportedValueError]:
        errors = self._collector.collect(lambda _: calls, everything=everything)
        self._session.wake()
        return errors

    def _complain(self, errors: list[UnsupportedValueError]) -> None:
        """Fail the running call for what cannot be state; between calls, say it, but once."""
        if errors and self._current is not None:
            first = errors[0]
            self._complaints.add(str(first))
            self._interrupter.interrupt(
                lambda: UnsupportedValueError(first.path, first.what, first.component)
            )
            return
        for error in errors:
            if str(error) not in self._complaints:
                self._complaints.add(str(error))
                print(f"lightgrid: {error}", file=sys.stderr)

    def _on_progress(self) -> None:
        self._collector.max_leaf_bytes = self._session.limits.max_message_bytes - _ENVELOPE_BYTES
        progress, self._progress = self._progress, asyncio.Event()
        progress.set()
        self._session.wake()

    def _on_command(self, command: Command) -> None:
        if isinstance(command, Run):
            self._on_run(command)
        elif isinstance(command, Cancel):
            if command.call_id == self._current:
                self._interrupter.interrupt(CallCancelled)
            else:
                self._cancelled.add(command.call_id)
        elif isinstance(command, Stop):
            self.stop_grace_s = command.grace_s
            self._interrupter.stop()
        elif isinstance(command, Update):
            self._held_back.append(command)
            if not self._holds:
                self._receive_updates()

    def _on_run(self, run: Run) -> None:
        # A known one comes again on a new stream. Its end, if it has one, is the outbox's to
        # tell, until the server has taken it.
        if run.call_id not in self._known:
            self._known.add(run.call_id)
            self._inbox.put(run)

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
        if self._current is not None:
            self._interrupter.interrupt(lambda: error)

    async def _hold(self, token: tuple[int, object]) -> None:
        self._holds.add(token)

    def _let_go(self, token: tuple[int, object]) -> None:
        self._holds.discard(token)
        if not self._holds:
            if self._held_back:
                # An update closes the batch before it, which is to be the whole one.
                self._complain(self._collect(everything=True))
            else:
                self._batch_ended = True
            self._receive_updates()

    async def _begin_call(self, run: Run) -> bool:
        errors = self._collector.receive(Update(run.revision, run.ops))
        if run.call_id in self._cancelled:
            self._end(CallUpdate(run.call_id, CallState.CANCELLED))
            return False
        self._current = run.call_id
        self._collector.pace_for_call(MAX_INTERVAL_S)
        errors += self._collect(CallUpdate(run.call_id, CallState.RUNNING))
        self._complain(errors)
        return True

    async def _end_call(self, update: CallUpdate) -> CallUpdate:
        return self._end(update)

    def _end(self, update: CallUpdate) -> CallUpdate:
        # From here on a cancel comes too late, and what was to be raised is not any more.
        self._interrupter.end_call()
        # An interrupt may have come before a batch of the call's own thread was let go.
        main_thread = threading.main_thread().ident
        for token in [token for token in self._holds if token[0] == main_thread]:
            self._let_go(token)
        ends: list[CallUpdate] = []

        def end_after(errors: list[UnsupportedValueError]) -> list[CallUpdate]:
            spoilt = errors and update.state is CallState.SUCCEEDED
            self._complaints.update(str(error) for error in errors[:1] if spoilt)
            ends.append(_failed(update, errors[0]) if spoilt else update)
            return ends

        self._collector.collect(end_after, everything=True)
        (end,) = ends
        self._current = None
        self._collector.pace_for_call(MAX_IDLE_INTERVAL_S)
        self._ended.append(end.call_id)
        if len(self._ended) > _MAX_KEPT_ENDS:
            self._known.discard(self._ended.popleft())
        self._cancelled.discard(end.call_id)
        self._session.wake()
        return end

    async def _flush(self, timeout_s: float) -> None:
        if self._holds:
            raise ComponentError(f"{self._name}.flush() inside of batch()")
        deadline_s = time.monotonic() + timeout_s
        errors = self._collect(everything=True)
        if errors:
            raise errors[0]
        # What is not sent yet may become a snapshot, with a number still to come.
        await self._wait_until(lambda: not self._outbox.has_unsent, deadline_s)
        target_seq = self._outbox.last_seq
        self._session.ask_for_ack()
        await self._wait_until(lambda: self._session.applied_seq >= target_seq, deadline_s)

    async def _wait_until(self, condition: Callable[[], bool], deadline_s: float) -> None:
        while not condition():
            left_s = deadline_s - time.monotonic()
            if left_s <= 0 or self.refusal is not None:
                raise FlowUnavailableError(f"{self._name}: the flow does not have all changes yet")
            # Not all that counts is told as progress: look now and then.
            try:
                await asyncio.wait_for(self._progress.wait(), min(left_s, 0.05))
            except TimeoutError:
                continue

    async def _leave(self, end: CallUpdate | None, within_s: float) -> None:
        try:
            self._current = None
            ends = () if end is None else (end,)
            self._complain(self._collect(*ends, everything=True))
            if self.refusal is None:
                await asyncio.wait_for(self._session.release(), within_s)
        finally:
            self._closing.set()


def _failed(update: CallUpdate, error: UnsupportedValueError) -> CallUpdate:
    told = CallError(type(error).__name__, str(error), f"{type(error).__name__}: {error}\n")
    return CallUpdate(update.call_id, CallState.FAILED, error=told)
