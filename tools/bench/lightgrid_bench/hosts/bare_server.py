"""A bare gRPC server for the same stream and messages, with no lightgrid behind it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import grpc

from lightgrid_bench.clocks import memory_bytes, process_cpu_s, thread_cpu_s
from lightgrid_bench.hosts.flow import arguments
from lightgrid_bench.hosts.keepalive import SERVER_OPTIONS
from lightgrid_bench.peers import serve
from lightgrid_protos.v1 import delta_service_pb2, delta_service_pb2_grpc


class Bare(delta_service_pb2_grpc.DeltaServiceServicer):
    """Reads messages and does with each what the row compares with."""

    def __init__(self) -> None:
        self.op_count = 0
        self.ages_ms: list[float] = []
        self.take: Callable[[Any], None] = self.take_all

    async def StreamDeltas(  # noqa: N802 - the contract's name
        self, _requests: Any, context: Any
    ) -> delta_service_pb2.StreamDeltasResponse:
        """Read to the end."""
        while (message := await context.read()) is not grpc.aio.EOF:
            self.take(message)
        return delta_service_pb2.StreamDeltasResponse()

    def take_all(self, message: Any) -> None:
        """Make the path and the Python value of each op, of whatever kind, as fast as can be.

        To ask each value for its kind, as one would write it, would take twice as long.
        """
        for op in message.ops:
            tuple(op.path)
            value = op.set
            if not (value.int_value or value.double_value or value.string_value):
                getattr(value, value.WhichOneof("kind"))
        self.op_count += len(message.ops)

    def take_stamp(self, message: Any) -> None:
        """Note the age of a message whose first op sets the time."""
        self.ages_ms.append((time.monotonic_ns() - message.ops[0].set.int_value) / 1e6)

    def take_stamp_and_values(self, message: Any) -> None:
        """Make path and value, and note the age."""
        self.take_all(message)
        self.take_stamp(message)

    def take_text(self, message: Any) -> None:
        """Note the age of a text that begins with the time."""
        text = message.ops[0].set.string_value
        self.ages_ms.append((time.monotonic_ns() - int(text[:20])) / 1e6)

    def take_floats(self, message: Any) -> None:
        """Note the age of a list that begins with the time."""
        items = message.ops[0].set.double_list.values[:]
        self.ages_ms.append((time.monotonic_ns() - items[0]) / 1e6)


def main() -> None:
    """Serve until the bench lets go."""
    path, _ = arguments()
    bare = Bare()
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="bare server", daemon=True).start()

    async def start() -> int:
        server = grpc.aio.server(options=SERVER_OPTIONS)
        delta_service_pb2_grpc.add_DeltaServiceServicer_to_server(bare, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        bare.server = server  # type: ignore[attr-defined]  # it lives as long as we do
        return port

    port = asyncio.run_coroutine_threadsafe(start(), loop).result()

    def take(how: str) -> None:
        bare.take = getattr(bare, f"take_{how}")

    def ages() -> list[float]:
        taken = bare.ages_ms[:]
        del bare.ages_ms[: len(taken)]
        return taken

    serve(
        path,
        {
            "address": lambda: f"127.0.0.1:{port}",
            "take": take,
            "ages": ages,
            "counts": lambda: {"ops": bare.op_count},
            "memory": memory_bytes,
            "cpu": lambda: {"process": process_cpu_s(), "server": thread_cpu_s("bare server")},
        },
    )


if __name__ == "__main__":
    main()
