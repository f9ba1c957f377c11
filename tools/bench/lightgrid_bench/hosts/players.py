"""Many works in one process, each on a connection of its own; and as many bare streams."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc

from lightgrid.client.work_client import WorkClient
from lightgrid.protocol.messages import Command
from lightgrid.protocol.outbox import Outbox
from lightgrid.state.delta import Op, Set
from lightgrid.worker.session import WorkSession
from lightgrid_bench.hosts.flow import arguments
from lightgrid_bench.hosts.keepalive import CLIENT_OPTIONS
from lightgrid_bench.peers import serve
from lightgrid_protos.v1 import delta_service_pb2_grpc
from lightgrid_protos.v1.delta_service_pb2 import StreamDeltasRequest

_OPS_PER_BATCH: Final = 256
#: Connections made at the same time: more would only wait for the server.
_JOINING_AT_ONCE: Final = 20


def scalars(round_number: int) -> list[Op]:
    """Return changes of 256 different variables, half of them ints, half floats."""
    return [
        Set((f"v{index}",), round_number * 1000 + index if index % 2 else round_number + index / 7)
        for index in range(1, _OPS_PER_BATCH + 1)
    ]


class Player:
    """A work as the server sees it: registered, with both streams. It has no user code."""

    def __init__(self, invitation: dict[str, str], variables: int) -> None:
        self.values: dict[str, Any] = {f"v{index}": 0 for index in range(variables)}
        self.outbox = Outbox(lambda: self.values)
        self.room = asyncio.Event()
        self._client = WorkClient(invitation["LIGHTGRID_ADDRESS"], invitation["LIGHTGRID_TOKEN"])
        self.session = WorkSession(
            self._client, invitation["LIGHTGRID_WORK"], self.outbox, (), _ignore, self.room.set
        )
        self.running: asyncio.Task[None] | None = None

    async def join(self) -> None:
        """Register, and return when the server has taken the first snapshot."""
        self.running = asyncio.ensure_future(self.session.run("bench"))
        while not (self.session.is_up and self.outbox.is_settled):
            await asyncio.sleep(0.005)

    def put(self, ops: Sequence[Op]) -> None:
        """Send a batch."""
        self.outbox.put(ops)
        self.session.wake()

    async def send_scalars(self, round_number: int) -> None:
        """Send a batch of 256 changes, when there is room."""
        while not self.outbox.has_room:
            self.room.clear()
            await self.room.wait()
        self.put(scalars(round_number))
        await asyncio.sleep(0)

    async def send_stamp(self) -> None:
        """Send the time."""
        self.put([Set(("v0",), time.monotonic_ns())])


class BareStream:
    """The same messages on a bare stream."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address, CLIENT_OPTIONS)
        stub: Any = delta_service_pb2_grpc.DeltaServiceStub(self._channel)
        self._call: Any = stub.StreamDeltas()
        self._seq = 0

    async def send(self, ops: Sequence[Op]) -> None:
        """Send a batch."""
        self._seq += 1
        await self._call.write(_plain_message(self._seq, ops))

    async def send_scalars(self, round_number: int) -> None:
        """Send a batch of 256 changes."""
        await self.send(scalars(round_number))

    async def send_stamp(self) -> None:
        """Send the time."""
        await self.send([Set(("v0",), time.monotonic_ns())])


Sender = Player | BareStream


class Players:
    """What the bench may ask for."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ours: list[Player] = []
        self._bare: list[BareStream] = []

    def join(self, invitations: list[dict[str, str]], variables: int) -> None:
        """Join as these works."""

        async def join_all() -> None:
            for start in range(0, len(invitations), _JOINING_AT_ONCE):
                some = [
                    Player(one, variables) for one in invitations[start : start + _JOINING_AT_ONCE]
                ]
                await asyncio.gather(*(player.join() for player in some))
                self._ours += some

        self._do(join_all())

    def open_bare(self, address: str, streams: int) -> None:
        """Open bare streams, and send one batch on each."""

        async def open_all() -> None:
            for _ in range(streams):
                stream = BareStream(address)
                await stream.send_stamp()
                self._bare.append(stream)

        self._do(open_all())

    def flood(self, who: str, works: int, seconds: float) -> int:
        """Send batches of 256 scalars as fast as they go; return how many changes that were."""
        batches: int = self._do(self._flood(self._senders(who)[:works], seconds))
        return _OPS_PER_BATCH * batches

    def tick(self, who: str, works: int, seconds: float, period_s: float) -> int:
        """Send the time once per period from each, evenly spread; return how often."""
        senders = self._senders(who)[:works]
        changes: int = self._do(self._tick(senders, seconds, period_s))
        return changes

    def pace(self, who: str, first_s: float, period_s: float, count: int) -> None:
        """Send the time at fixed moments, on the first stream."""
        (sender, *_) = self._senders(who)

        async def send_all() -> None:
            for index in range(count):
                await asyncio.sleep(first_s + index * period_s - time.monotonic())
                await sender.send_stamp()

        self._do(send_all())

    def large(self, kind: str, first_s: float, period_s: float, count: int, size: int) -> None:
        """Send large values that begin with the time, on the first bare stream."""
        stream = self._bare[0]
        make = large_maker(kind, size)

        async def send_all() -> None:
            for index in range(count):
                await asyncio.sleep(first_s + index * period_s - time.monotonic())
                await stream.send([Set(("payload",), make())])

        self._do(send_all())

    def _senders(self, who: str) -> Sequence[Sender]:
        return self._ours if who == "ours" else self._bare

    async def _flood(self, senders: Sequence[Sender], seconds: float) -> int:
        end_s = time.monotonic() + seconds

        async def send(sender: Sender) -> int:
            count = 0
            while time.monotonic() < end_s:
                count += 1
                await sender.send_scalars(count)
            return count

        return sum(await asyncio.gather(*map(send, senders)))

    async def _tick(self, senders: Sequence[Sender], seconds: float, period_s: float) -> int:
        begin_s = time.monotonic()
        count = 0
        due: list[tuple[float, Callable[[], Awaitable[None]]]] = []
        for turn in range(round(seconds / period_s)):
            for index, sender in enumerate(senders):
                at_s = begin_s + (turn + index / len(senders)) * period_s
                due.append((at_s, sender.send_stamp))
        for at_s, send in due:
            pause_s = at_s - time.monotonic()
            if pause_s > 0:
                await asyncio.sleep(pause_s)
            await send()
            count += 1
        return count

    def _do(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


def large_maker(kind: str, size: int) -> Callable[[], str | list[float]]:
    """Return what makes a new large value that begins with the time."""
    if kind == "text":
        tail = "x" * (size - 20)
        return lambda: f"{time.monotonic_ns():020d}{tail}"
    rounds = itertools.count(1)

    def make() -> list[float]:
        # All of them new: where only one differs, only one would be told.
        step = next(rounds) / 7
        fresh = [index * step for index in range(size)]
        fresh[0] = float(time.monotonic_ns())
        return fresh

    return make


def _plain_message(seq: int, ops: Sequence[Op]) -> StreamDeltasRequest:
    """Return ops as a message, as one writes it who has nothing but the stubs."""
    message = StreamDeltasRequest(session_id="0" * 32, seq=seq)
    for op in ops:
        assert isinstance(op, Set)
        told, value = message.ops.add(), op.value
        told.path.extend(op.path)
        if isinstance(value, int):
            told.set.int_value = value
        elif isinstance(value, float):
            told.set.double_value = value
        elif isinstance(value, str):
            told.set.string_value = value
        else:
            told.set.double_list.values.extend(value)
    return message


def _ignore(_command: Command) -> None:
    """Do nothing: the bench's works have nothing to execute."""


def main() -> None:
    """Play until the bench lets go."""
    path, _ = arguments()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="players", daemon=True).start()
    players = Players(loop)
    names = ("join", "open_bare", "flood", "tick", "pace", "large")
    serve(path, {name: getattr(players, name) for name in names})
    os._exit(0)  # a thousand connections need not be closed in order


if __name__ == "__main__":
    main()
