"""A work's connection: the two streams, opened and read as `Membership` says."""

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

from lightgrid.errors import FlowUnavailableError, LightgridError, RefusedError
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.limits import Limits
from lightgrid.protocol.membership import Leave, Membership
from lightgrid.protocol.messages import Ack, Command
from lightgrid.protocol.outbox import Outbox

if TYPE_CHECKING:
    from lightgrid.client.work_client import DeltaStream, WorkClient

logger = logging.getLogger("lightgrid.work")

#: How often to see whether it is time for a goodbye.
_GOODBYE_INTERVAL_S: Final = 0.005
#: What a stream that cannot be written to may take to say how it ended.
_END_S: Final = 1.0


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
        deliver: Called with each command that is left to do, as `Membership.take` says.
        on_progress: Called when the server said how far it is, or a stream is up.
        collect: Called when the stream can take more, before the outbox is looked into;
            returns in how many seconds to call it again, unless `wake` comes first.
        calls: What is known of calls already.
        launch_id: By which launch this process was started, if it was.
        wants_state: As `Membership`.
        waits_for_holder: As `Membership`.
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
        calls: KnownCalls | None = None,
        *,
        launch_id: str = "",
        wants_state: bool = False,
        waits_for_holder: bool = True,
    ) -> None:
        self._launch_id = launch_id
        self._membership = Membership(
            outbox,
            random.random,
            calls,
            wants_state=wants_state,
            waits_for_holder=waits_for_holder,
        )
        self._client = client
        self._work = work
        self._outbox = outbox
        self._features = features
        self._deliver = deliver
        self._on_progress = on_progress
        self._collect = collect
        self._instance_id = secrets.token_hex(16)
        self._wake = _Wake()

    @property
    def is_up(self) -> bool:
        """Whether batches can be sent."""
        return self._membership.is_up

    @property
    def applied_seq(self) -> int:
        """The last batch that the flow's next run sees."""
        return self._membership.applied_seq

    @property
    def limits(self) -> Limits:
        """What the server accepts."""
        return self._membership.limits

    def wake(self) -> None:
        """Say that there may be something to collect or to send. Only in the loop's thread."""
        self._wake.set()

    def ask_for_ack(self) -> None:
        """Have the server say how far it is as soon as it can, and not when it suits it."""
        self._membership.ask_for_ack()
        self._wake.set()

    async def run(self, user_agent: str) -> None:
        """Stay registered until cancelled.

        Raises:
            RefusedError: The server wants this process to leave, or does not
                understand it; nothing would be better the next time.
        """
        membership = self._membership
        while True:
            membership.begin(time.monotonic())
            why: LightgridError | None = None
            try:
                await self._join(user_agent)
            except (FlowUnavailableError, RefusedError) as error:
                logger.debug("%s: %s", self._work, error)
                why = error
            step = membership.ended(why, time.monotonic())
            if isinstance(step, Leave):
                raise step.error
            await asyncio.sleep(step.after_s)

    async def release(self) -> bool:
        """Say goodbye behind the last batch, as often as it takes.

        Returns:
            Whether the server took it; not when it knows this process no more, or has
            acknowledged too little for too long.

        Raises:
            RefusedError: For a reason that a goodbye should not meet.
        """
        membership = self._membership
        membership.leave(time.monotonic())
        while not membership.is_over:
            final_seq = membership.goodbye(time.monotonic())
            if final_seq is not None:
                try:
                    await self._client.release(membership.session_id, final_seq)
                except (FlowUnavailableError, RefusedError) as error:
                    membership.not_released(error, time.monotonic())
                else:
                    membership.released()
            if not membership.is_over:
                await asyncio.sleep(_GOODBYE_INTERVAL_S)
        return membership.was_released

    async def _join(self, user_agent: str) -> None:
        """Register, and go on until one of the streams ends.

        Raises:
            RefusedError: Why it ended, unless the server just drains.
            FlowUnavailableError: The connection was lost.
        """
        registration = await self._client.register(
            self._work, self._instance_id, self._features, user_agent, self._launch_id
        )
        logger.debug("%s: epoch %d, %s", self._work, registration.epoch, registration)
        self._membership.registered(registration)
        stream = self._client.open_deltas(registration.session_id, registration.limits)
        tasks = [_task(self._watch()), _task(self._pump(stream)), _task(stream.wait_end())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            watching, pumping, ending = tasks
            if pumping.done() and not ending.done():
                # A stream that cannot be written to has ended: how, it says itself.
                await asyncio.wait([ending], timeout=_END_S)
            for task in (ending, watching, pumping):
                if task.done():
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(self, stream: DeltaStream) -> None:
        """Collect and send what there is.

        One coroutine does both, so that a change goes out in the step of the loop
        that found it, and nothing is collected while the network takes nothing.
        """
        membership = self._membership
        is_up = False
        while True:
            collect_in_s = self._collect() if is_up else math.inf
            now_s = time.monotonic()
            while (message := membership.next_message(now_s)) is not None:
                await stream.send(message)
                now_s = time.monotonic()
            if membership.is_up and not is_up:
                is_up = True
                self._on_progress()
            else:
                heartbeat_in_s = membership.next_heartbeat_s - now_s
                await self._wake.wait(min(collect_in_s, heartbeat_in_s))

    async def _watch(self) -> None:
        membership = self._membership
        commands = self._client.watch_commands(
            membership.session_id,
            membership.open_commands(),
            membership.limits,
            include_state=membership.wants_state,
        )
        async for command in commands:
            left = membership.take(command)
            if left is not None:
                self._deliver(left)
            if isinstance(command, Ack):
                self._on_progress()
            else:
                self._wake.set()


def _task(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    return asyncio.get_running_loop().create_task(coroutine)


async def ignore_errors(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError, LightgridError):
        await task
