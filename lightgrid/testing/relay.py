"""A TCP relay between works and their flow server, for faults of the network."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

_CHUNK_BYTES: Final = 1 << 16


@dataclass(slots=True)
class _Line:
    """What lies between one work and the server.

    Attributes:
        target: Where the server listens.
        delay_s: How long everything takes on its way, in either direction.
        is_cut: New connections are refused.
        writers: Both ends of every connection.
    """

    target: str
    delay_s: float = 0.0
    is_cut: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def break_connections(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Relay:
    """Has a port for each work and hands on what comes, in a thread of its own."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._addresses: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="lightgrid relay", daemon=True)
        self._thread.start()

    def address_of(self, work: str, target: str, delay_s: float = 0.0) -> str:
        """Return the address that a work is to dial in place of the server's.

        Args:
            work: Its name; or whoever else has a line of its own.
            target: HOST:PORT of the server.
            delay_s: How long everything takes, from its first connection on.
        """
        if work not in self._addresses:
            self._lines[work] = _Line(target, delay_s)
            self._addresses[work] = self._ask(self._listen(self._lines[work]))
        return self._addresses[work]

    def delay(self, work: str, seconds: float) -> None:
        """Have everything from and to a work take longer from now on."""
        self._line_of(work).delay_s = seconds

    def break_connections(self, work: str) -> None:
        """Break all connections of a work."""
        self._loop.call_soon_threadsafe(self._line_of(work).break_connections)

    def cut(self, work: str, *, is_cut: bool) -> None:
        """Refuse connections of a work from now on, or accept them again."""
        self._line_of(work).is_cut = is_cut

    def close(self) -> None:
        """Break everything and end the thread."""
        if self._thread.is_alive():
            self._ask(self._close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _line_of(self, work: str) -> _Line:
        if work not in self._lines:
            raise LookupError(f"{work} has no process; call run or start first")
        return self._lines[work]

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    def _ask(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        answer: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return answer.result()

    async def _listen(self, line: _Line) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                await _relay(line, reader, writer)
            except asyncio.CancelledError:
                pass  # asyncio would log it
            finally:
                self._tasks.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        self._servers.append(server)
        return f"127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for line in self._lines.values():
            line.break_connections()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _relay(line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Hand on both ways until either side, or the line, ends it."""
    if line.is_cut:
        writer.transport.abort()
        return
    host, _, port = line.target.rpartition(":")
    try:
        server_reader, server_writer = await asyncio.open_connection(host, int(port))
    except OSError:
        writer.transport.abort()
        return
    ends = {writer, server_writer}
    line.writers |= ends
    ways = [
        asyncio.ensure_future(_hand_on(line, reader, server_writer)),
        asyncio.ensure_future(_hand_on(line, server_reader, writer)),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        line.writers -= ends
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        for end in ends:
            end.transport.abort()


async def _hand_on(line: _Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def read() -> None:
        data = b" "
        while data:
            try:
                data = await reader.read(_CHUNK_BYTES)
            except OSError:
                data = b""
            waiting.put_nowait((loop.time() + line.delay_s, data))

    reading = asyncio.ensure_future(read())
    try:
        with suppress(OSError):
            while True:
                due_s, data = await waiting.get()
                await asyncio.sleep(due_s - loop.time())
                if not data:
                    return
                writer.write(data)
                await writer.drain()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
