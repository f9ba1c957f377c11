"""DeltaService: takes in what works change."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from lightgrid.protocol.stream import Stream, Wake
from lightgrid.runtime.hub import Hub
from lightgrid.server.edge import caller
from lightgrid.server.rotation import Rotation
from lightgrid.wire.batches import decode_batch_part
from lightgrid.wire.unreadable import readable
from lightgrid_protos.v1 import delta_service_pb2, delta_service_pb2_grpc


class DeltaServicer(delta_service_pb2_grpc.DeltaServiceServicer):
    """Thin over the hub: reads messages, says when a stream is to end."""

    def __init__(self, hub: Hub, rotation: Rotation) -> None:
        self._hub = hub
        self._rotation = rotation

    async def StreamDeltas(  # noqa: N802 - the contract's name
        self, _requests: Any, context: Any
    ) -> delta_service_pb2.StreamDeltasResponse:
        """Take batches until either side ends the stream."""
        works = self._hub.works
        first = await context.read()
        if first is grpc.aio.EOF:  # it names no session, but the token may
            named = caller().work
            if named is not None:
                caller().check_work(named, works.generation_of(named))
            return delta_service_pb2.StreamDeltasResponse(acked_seq=works.acked_seq_of(named))
        first = readable(first)
        work, generation = works.work_of(first.session_id)
        caller().check_work(work, generation)
        stream = works.open_stream(first.session_id, "deltas")
        reader = asyncio.ensure_future(self._read(context, first, stream))
        guard = asyncio.ensure_future(self._outlived(stream))
        try:
            await asyncio.wait(
                (reader, guard),
                timeout=self._rotation.lifetime_s(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in (guard, reader):
                if task.done():
                    task.result()
            # Ended by the work, rotated or drained: either way this is how far we are. A peer
            # that vanished looks the same here, and the answer reaches nobody.
            return delta_service_pb2.StreamDeltasResponse(acked_seq=works.acked_seq_of(work))
        finally:
            reader.cancel()
            guard.cancel()
            works.close_stream(stream)

    async def _read(self, context: Any, message: Any, stream: Stream) -> None:
        works, limits = self._hub.works, self._hub.limits
        with works.listening(stream, Wake.ROOM) as bell:
            while message is not grpc.aio.EOF:
                has_room = works.offer(stream, decode_batch_part(readable(message), limits))
                while not has_room:
                    # Not reading is what slows the work down; it is alive all the same.
                    await bell.wait(works.terms.heartbeat_interval_s)
                    has_room = works.has_room(stream)
                message = await context.read()

    async def _outlived(self, stream: Stream) -> None:
        """Return when the server drains.

        Raises:
            RefusedError: The stream does not count any more; see `Holder.check_live`.
        """
        works = self._hub.works
        with works.listening(stream, Wake.STREAMS) as bell:
            works.check_live(stream)
            while not self._hub.is_draining:
                await bell.wait()
                works.check_live(stream)
