"""DeltaService: takes in what works change."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from lightgrid.errors import Reason, RefusedError
from lightgrid.runtime.bell import listening
from lightgrid.runtime.hub import Hub
from lightgrid.runtime.port import Port
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
        first = await context.read()
        if first is grpc.aio.EOF:  # it names no session, but the token may
            acked_seq = self._hub.acked_seq_of(caller().work)
            return delta_service_pb2.StreamDeltasResponse(acked_seq=acked_seq)
        first = readable(first)
        work, generation = self._hub.work_of(first.session_id)
        caller().check_work(work, generation)
        port, stream = self._hub.open_delta_stream(first.session_id)
        reader = asyncio.ensure_future(self._read(context, first, port, stream))
        guard = asyncio.ensure_future(self._outlived(port, stream))
        try:
            await asyncio.wait(
                (reader, guard),
                timeout=self._rotation.lifetime_s(),
                return_when=asyncio.FIRST_COMPLETED,
            )
            if guard.done() and not self._hub.is_draining:
                raise RefusedError(Reason.STREAM_SUPERSEDED, f"another stream of {work} took over")
            if reader.done():
                reader.result()
            # Ended by the work, rotated or drained: either way this is how far we are. A peer
            # that vanished looks the same here, and the answer reaches nobody.
            return delta_service_pb2.StreamDeltasResponse(acked_seq=port.link.acked_seq)
        finally:
            reader.cancel()
            guard.cancel()
            self._hub.close_delta_stream(port, stream)

    async def _read(self, context: Any, message: Any, port: Port, stream: int) -> None:
        hub, settings = self._hub, self._hub.settings
        with listening(port.room_bells) as bell:
            while message is not grpc.aio.EOF:
                has_room = hub.offer(port, stream, decode_batch_part(readable(message), settings))
                while not has_room:
                    # Not reading is what slows the work down; it is alive all the same.
                    await bell.wait(settings.heartbeat_interval_s)
                    has_room = hub.has_room(port, stream)
                message = await context.read()

    async def _outlived(self, port: Port, stream: int) -> None:
        """Return when the stream does not count any more."""
        with listening(port.end_bells) as bell:
            while (
                not self._hub.is_draining
                and port.link.session is not None
                and port.link.session.is_live("deltas", stream)
            ):
                await bell.wait()
