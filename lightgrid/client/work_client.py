"""The flow server as a work sees it: registering, the two streams, leaving."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc

from lightgrid.client.channel import OPTIONS, UNARY_TIMEOUT_S, token_metadata, told_errors
from lightgrid.errors import FlowUnavailableError
from lightgrid.protocol.limits import Limits
from lightgrid.protocol.messages import Batch, Command, Registration
from lightgrid.wire.batches import encode_batch
from lightgrid.wire.commands import CommandJoiner
from lightgrid.wire.registration import decode_registration
from lightgrid_protos.v1 import (
    delta_service_pb2,
    delta_service_pb2_grpc,
    work_service_pb2,
    work_service_pb2_grpc,
)


class DeltaStream:
    """The live delta stream of a session."""

    def __init__(self, call: Any, session_id: str, limits: Limits) -> None:
        self._call = call
        self._session_id = session_id
        self._limits = limits

    async def send(self, batch: Batch) -> None:
        """Send a batch, or a heartbeat, number 0; waits while the network takes no more.

        Raises:
            UnsupportedValueError: A value in it does not fit into a message; nothing was sent.
            FlowUnavailableError: The stream has ended; `wait_end` says how.
        """
        messages = encode_batch(
            batch,
            self._session_id,
            self._limits.max_message_bytes,
            self._limits.max_ops_per_message,
        )
        for message in messages:
            await self._write(message)

    async def wait_end(self) -> int:
        """Wait until the server ends the stream; return the last batch that it took.

        Raises:
            RefusedError: It ended it for a reason.
            FlowUnavailableError: The connection was lost.
        """
        with told_errors():
            return int((await self._call).acked_seq)

    async def _write(self, message: delta_service_pb2.StreamDeltasRequest) -> None:
        try:
            await self._call.write(message)
        # The last when it had ended before it was written to.
        except (grpc.RpcError, grpc.aio.UsageError, asyncio.InvalidStateError) as error:
            raise FlowUnavailableError(f"the delta stream has ended: {error}") from None


class WorkClient:
    """A work's connection. Made and used in one thread, which runs the asyncio loop.

    Args:
        address: "host:port" of the flow server.
        token: Opens the work.
        root_certificates: PEM of who signed the server's certificate; None for no TLS.
    """

    def __init__(self, address: str, token: str, root_certificates: bytes | None = None) -> None:
        if root_certificates is None:
            self._channel = grpc.aio.insecure_channel(address, OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.aio.secure_channel(address, credentials, OPTIONS)
        self._metadata = token_metadata(token)
        self._works: Any = work_service_pb2_grpc.WorkServiceStub(self._channel)
        self._deltas: Any = delta_service_pb2_grpc.DeltaServiceStub(self._channel)

    async def register(
        self,
        work: str,
        instance_id: str,
        features: Sequence[str],
        user_agent: str,
        launch_id: str = "",
    ) -> Registration:
        """Join as a work; return the session, and what the server accepts.

        Raises:
            RefusedError: The server says why.
            FlowUnavailableError: It cannot be reached.
        """
        request = work_service_pb2.RegisterWorkRequest(
            work=work,
            instance_id=instance_id,
            features=features,
            user_agent=user_agent,
            launch_id=launch_id,
        )
        with told_errors():
            return decode_registration(await self._unary(self._works.RegisterWork, request))

    async def release(self, session_id: str, final_seq: int) -> None:
        """Leave.

        Raises:
            RefusedError: BATCHES_PENDING while not all is there, or another reason.
            FlowUnavailableError: The server cannot be reached.
        """
        request = work_service_pb2.ReleaseWorkRequest(session_id=session_id, final_seq=final_seq)
        with told_errors():
            await self._unary(self._works.ReleaseWork, request)

    def open_deltas(self, session_id: str, limits: Limits) -> DeltaStream:
        """Open the session's delta stream."""
        return DeltaStream(self._deltas.StreamDeltas(metadata=self._metadata), session_id, limits)

    async def watch_commands(
        self, session_id: str, seen_revision: int, limits: Limits, *, include_state: bool
    ) -> AsyncIterator[Command]:
        """Yield what the server tells the work, until it ends the stream.

        Raises:
            RefusedError: It ended it for a reason.
            FlowUnavailableError: The connection was lost.
        """
        request = work_service_pb2.WatchCommandsRequest(
            session_id=session_id, seen_revision=seen_revision, include_state=include_state
        )
        joiner = CommandJoiner(limits)
        call = self._works.WatchCommands(request, metadata=self._metadata)
        try:
            with told_errors():
                async for message in call:
                    command = joiner.offer(message)
                    if command is not None:
                        yield command
        finally:
            call.cancel()

    async def close(self) -> None:
        """End all that goes on and close the connection."""
        await self._channel.close()

    async def _unary(self, method: Any, request: Any) -> Any:
        return await method(request, metadata=self._metadata, timeout=UNARY_TIMEOUT_S)
