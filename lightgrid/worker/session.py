"""Keeping a work registered: the two streams, and what to do when they end.

What an answer of the server means for a work is said in errors.proto; the
simulator's model of a work does the same.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import secrets
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from lightgrid.errors import FlowUnavailableError, LightgridError, Reason, RefusedError
from lightgrid.protocol.link import Settings
from lightgrid.protocol.messages import Ack, Command, Registration, Resync, Update
from lightgrid.protocol.outbox import Outbox

if TYPE_CHECKING:
    from lightgrid.client.work_client import DeltaStream, WorkClient

logger = logging.getLogger("lightgrid.work")

_MAX_PAUSE_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.1
#: A connection that held for this long was a good one: the next attempt is a first one.
_STEADY_S: Final = 2.0
#: What an older process of the same work may take to be found dead.
_MAX_HELD_S: Final = 60.0
_RELEASE_PAUSE_S: Final = 0.005
#: Leaving, a work waits this long for a server that cannot be reached to come back.
_UNREACHABLE_S: Final = 1.0

_JOIN_AGAIN: Final = frozenset(
    {Reason.SESSION_UNKNOWN, Reason.STREAM_SUPERSEDED, Reason.SEQUENCE_GAP}
)


class _Wake:
    """Lets one coroutine sleep until something happened, or a time has passed."""

    def __init__(self) -> None:
        self._is_set = False
        self._sleep: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Wake it. Only in the loop's thread."""
        self._is_set = True
        if self._sleep is not None and not self._sleep.done():
            self._sleep.set_result(None)

    async def wait(self, timeout_s: float) -> None:
        """Sleep; not at all if `set` was called since the last time."""
        if not self._is_set:
            # A future and a timer: a fraction of what asyncio.wait_for costs, which makes a task.
            loop = asyncio.get_running_loop()
            self._sleep = loop.create_future()
            timer = loop.call_later(timeout_s, self.set)
            try:
                await self._sleep
            finally:
                timer.cancel()
        self._is_set = False


class WorkSession:
    """Registers a work and registers it again, for as long as the process lives.

    Args:
        client: The connection.
        work: The work's name.
        outbox: What is to be sent.
        features: What this process knows of the protocol.
        deliver: Called with each command of the server but for `Ack` and `Resync`.
        on_progress: Called when the server said how far it is, or a stream is up.
        collect: Called when the stream can take more, before the outbox is looked into;
            returns in how many seconds to call it again, unless `wake` comes first.
        wants_state: Begin with the variables as the flow has them; nothing is sent before.
        waits_for_holder: Keep asking while another process holds the work: it may be a
            dead one of which the server does not know yet.

    Attributes:
        is_up: Batches can be sent.
        applied_seq: The last batch that the flow's next run sees.
        limits: What the server accepts.
    """

    def __init__(
        self,
        client: WorkClient,
        work: str,
        outbox: Outbox,
        features: Sequence[str],
        deliver: Callable[[Command], None],
        on_progress: Callable[[], None],
        collect: Callable[[], float] = lambda: math.inf,
        *,
        wants_state: bool = False,
        waits_for_holder: bool = True,
    ) -> None:
        self.is_up = False
        self.applied_seq = 0
        self.limits = Settings()
        self._client = client
        self._work = work
        self._outbox = outbox
        self._features = features
        self._deliver = deliver
        self._on_progress = on_progress
        self._collect = collect
        self._wants_state = wants_state
        self._waits_for_holder = waits_for_holder
        self._instance_id = secrets.token_hex(16)
        self._session_id = ""
        self._epoch = 0
        self._wake = _Wake()
        self._wants_ack = False
        self._has_state = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to collect or to send. Only in the loop's thread."""
        self._wake.set()

    def ask_for_ack(self) -> None:
        """Have the server say how far it is as soon as it can, and not when it suits it."""
        self._wants_ack = True
        self._wake.set()

    async def run(self, user_agent: str) -> None:
        """Stay registered until cancelled.

        Raises:
            RefusedError: The server wants this process to leave, or does not
                understand it; nothing would be better the next time.
        """
        failures = 0
        held_since_s: float | None = None
        while True:
            begin_s, acked_seq = time.monotonic(), self._outbox.acked_seq
            least_pause_s = 0.0
            try:
                await self._join(user_agent)
                held_since_s = None
            except FlowUnavailableError as error:
                logger.debug("%s: the flow server cannot be reached: %s", self._work, error)
            except RefusedError as error:
                logger.debug("%s: refused: %s", self._work, error)
                if error.reason is Reason.SNAPSHOT_REQUIRED:
                    self._outbox.demand_snapshot()
                elif error.reason is Reason.WORK_HELD and self._waits_for_holder:
                    held_since_s = held_since_s or begin_s
                    if begin_s - held_since_s > _MAX_HELD_S:
                        raise
                    least_pause_s = float(error.facts.get("retry_after_s", 1.0))
                elif error.reason not in _JOIN_AGAIN:
                    raise
            finally:
                self._session_id = ""
            now_s = time.monotonic()
            if now_s - begin_s > _STEADY_S or self._outbox.acked_seq > acked_seq:
                failures = 0
            await asyncio.sleep(max(least_pause_s, pause_s(failures)))
            failures += 1

    async def release(self) -> bool:
        """Say goodbye behind the last batch, as often as it takes.

        Returns:
            Whether the server took it; not when it knows this process no more, or
            cannot be reached for a while: a flow that is gone waits for no goodbye.
        """
        last_up_s = time.monotonic()
        while time.monotonic() - last_up_s < _UNREACHABLE_S:
            if self.is_up:
                last_up_s = time.monotonic()
            if self._session_id and self.is_up and not self._outbox.has_unsent:
                try:
                    await self._client.release(self._session_id, self._outbox.last_seq)
                except RefusedError as error:
                    if error.reason in (Reason.EPOCH_FENCED, Reason.WORK_STOPPED):
                        return False
                    if error.reason not in (Reason.BATCHES_PENDING, *_JOIN_AGAIN):
                        raise
                except FlowUnavailableError:
                    await asyncio.sleep(_FIRST_PAUSE_S)
                else:
                    return True
            await asyncio.sleep(_RELEASE_PAUSE_S)
        return False

    async def _join(self, user_agent: str) -> None:
        """Register, and go on until one of the streams ends.

        Raises:
            RefusedError: Why it ended, unless the server just drains.
            FlowUnavailableError: The connection was lost.
        """
        registration, self.limits = await self._client.register(
            self._work, self._instance_id, self._features, user_agent
        )
        logger.debug("%s: epoch %d, %s", self._work, registration.epoch, registration)
        if registration.epoch != self._epoch:
            self._epoch, self.applied_seq = registration.epoch, 0
        self._session_id = registration.session_id
        self._outbox.registered(
            registration.acked_seq, snapshot_required=registration.snapshot_required
        )
        stream = self._client.open_deltas(registration.session_id, self.limits)
        tasks = [
            _task(self._watch(registration)),
            _task(self._pump(stream, registration.heartbeat_interval_s)),
            _task(stream.wait_end()),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            watching, pumping, ending = tasks
            if pumping.done() and not ending.done():
                # A stream that cannot be written to has ended: how, it says itself.
                await asyncio.wait([ending], timeout=1.0)
            for task in (ending, watching, pumping):
                if task.done():
                    task.result()
        finally:
            self.is_up = False
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, stream: DeltaStream, heartbeat_interval_s: float) -> None:
        """Collect and send what there is; a heartbeat when there was nothing for long.

        One coroutine does both, so that a change goes out in the step of the loop
        that found it, and nothing is collected while the network takes nothing.
        The server counts a stream from its first message: hence a heartbeat at first.
        """
        await stream.send_heartbeat()
        if self._wants_state:
            await self._has_state.wait()
        self.is_up = True
        self._on_progress()
        sent_at_s = time.monotonic()
        while True:
            collect_in_s = self._collect()
            while (batch := self._outbox.next()) is not None:
                await stream.send(batch)
                sent_at_s = time.monotonic()
            heartbeat_in_s = sent_at_s + heartbeat_interval_s - time.monotonic()
            if self._wants_ack or heartbeat_in_s <= 0:
                self._wants_ack = False
                await stream.send_heartbeat()
                sent_at_s, heartbeat_in_s = time.monotonic(), heartbeat_interval_s
            await self._wake.wait(min(collect_in_s, heartbeat_in_s))

    async def _watch(self, registration: Registration) -> None:
        commands = self._client.watch_commands(
            registration.session_id,
            max(0, self._outbox.seen_revision),
            self.limits,
            include_state=self._wants_state,
        )
        async for command in commands:
            if isinstance(command, Ack):
                self._outbox.acked(command.acked_seq)
                self.applied_seq = max(self.applied_seq, command.applied_seq)
                self._on_progress()
            elif isinstance(command, Resync):
                self._outbox.need_snapshot()
                self.wake()
            else:
                self._deliver(command)
                if isinstance(command, Update) and command.snapshot:
                    self._wants_state = False
                    self._has_state.set()


def pause_s(failures: int) -> float:
    """Return how long to wait after so many attempts in a row that came to nothing.

    All of the time is random: works that lost one server do not come back as one.
    """
    if failures == 0:
        return 0.0
    return random.random() * min(_MAX_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16))


def _task(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(coroutine)


async def ignore_errors(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError, LightgridError):
        await task
