"""The flow server as its clients see it: the only module here that knows gRPC.

`WorkClient` is for the one loop thread of a work's process, `StateClient` for
command lines and tests. Both give and take plain values; what the server refuses
comes as `RefusedError`, and what may work later as `FlowUnavailableError`.
"""

from __future__ import annotations

import os

# Before grpc is imported: with its default, a process that forks while a stream is open
# (multiprocessing, data loaders) hangs for good in the first child.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import grpc

from lightgrid.errors import FlowUnavailableError
from lightgrid.protocol.link import Settings
from lightgrid.protocol.messages import Batch, Command, Registration
from lightgrid.state.delta import Op, Path
from lightgrid.state.values import Value
from lightgrid.wire.batches import encode_batch
from lightgrid.wire.commands import CommandJoiner
from lightgrid.wire.registration import decode_registration
from lightgrid.wire.rpc_errors import from_rpc_error
from lightgrid_protos.v1 import (
    delta_service_pb2,
    delta_service_pb2_grpc,
    work_service_pb2,
    work_service_pb2_grpc,
)

if TYPE_CHECKING:
    from lightgrid.wire.tree import News

# What `StateClient` needs besides is imported in its methods: processes of works have no use
# for it, and there are many of them.

#: Of both ends: a dead network is noticed within the sum. The server is to allow pings
#: this often ("grpc.http2.min_ping_interval_without_data_ms"), or it ends idle streams.
KEEPALIVE_S: Final = 10.0
KEEPALIVE_TIMEOUT_S: Final = 5.0
_OPTIONS: Final = [
    ("grpc.keepalive_time_ms", int(KEEPALIVE_S * 1000)),
    ("grpc.keepalive_timeout_ms", int(KEEPALIVE_TIMEOUT_S * 1000)),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # The limits are the protocol's, which names them; gRPC's would end the stream unnamed.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Where one process plays many works, each has a connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
    # When to connect again is decided by the caller: gRPC's own pause grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # The flow is where it said it is, whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
]
_UNARY_TIMEOUT_S: Final = 10.0


class DeltaStream:
    """The live delta stream of a session."""

    def __init__(self, call: Any, session_id: str, limits: Settings) -> None:
        self._call = call
        self._session_id = session_id
        self._limits = limits

    async def send(self, batch: Batch) -> None:
        """Send a batch; waits while the network takes no more.

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

    async def send_heartbeat(self) -> None:
        """Say that the work is alive.

        Raises:
            FlowUnavailableError: As `send`.
        """
        await self._write(delta_service_pb2.StreamDeltasRequest(session_id=self._session_id))

    async def wait_end(self) -> int:
        """Wait until the server ends the stream; return the last batch that it took.

        Raises:
            RefusedError: It ended it for a reason.
            FlowUnavailableError: The connection was lost.
        """
        with _errors():
            return int((await self._call).acked_seq)

    async def _write(self, message: delta_service_pb2.StreamDeltasRequest) -> None:
        try:
            await self._call.write(message)
        except (grpc.RpcError, grpc.aio.UsageError) as error:
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
            self._channel = grpc.aio.insecure_channel(address, _OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.aio.secure_channel(address, credentials, _OPTIONS)
        self._metadata = _metadata(token)
        self._works: Any = work_service_pb2_grpc.WorkServiceStub(self._channel)
        self._deltas: Any = delta_service_pb2_grpc.DeltaServiceStub(self._channel)

    async def register(
        self, work: str, instance_id: str, features: Sequence[str], user_agent: str
    ) -> tuple[Registration, Settings]:
        """Join as a work; return the session, and what the server accepts.

        Raises:
            RefusedError: The server says why.
            FlowUnavailableError: It cannot be reached.
        """
        request = work_service_pb2.RegisterWorkRequest(
            work=work, instance_id=instance_id, features=features, user_agent=user_agent
        )
        with _errors():
            return decode_registration(await self._unary(self._works.RegisterWork, request))

    async def release(self, session_id: str, final_seq: int) -> None:
        """Leave.

        Raises:
            RefusedError: BATCHES_PENDING while not all is there, or another reason.
            FlowUnavailableError: The server cannot be reached.
        """
        request = work_service_pb2.ReleaseWorkRequest(session_id=session_id, final_seq=final_seq)
        with _errors():
            await self._unary(self._works.ReleaseWork, request)

    def open_deltas(self, session_id: str, limits: Settings) -> DeltaStream:
        """Open the session's delta stream."""
        return DeltaStream(self._deltas.StreamDeltas(metadata=self._metadata), session_id, limits)

    async def watch_commands(
        self, session_id: str, seen_revision: int, limits: Settings, *, include_state: bool
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
            with _errors():
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
        return await method(request, metadata=self._metadata, timeout=_UNARY_TIMEOUT_S)


class StateClient:
    """The state of a running app, for programs without an asyncio loop. Thread-safe.

    Args:
        address: As `WorkClient`.
        token: The app's own, or one that may read and change state.
        root_certificates: As `WorkClient`.
        client_name: What changes are said to come from.
    """

    def __init__(
        self,
        address: str,
        token: str,
        root_certificates: bytes | None = None,
        client_name: str = "python",
    ) -> None:
        from lightgrid_protos.v1 import state_service_pb2_grpc

        if root_certificates is None:
            self._channel = grpc.insecure_channel(address, _OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.secure_channel(address, credentials, _OPTIONS)
        self._metadata = _metadata(token)
        self._client_name = client_name
        self._stub: Any = state_service_pb2_grpc.StateServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def get_state(
        self, path: Path = (), timeout_s: float = _UNARY_TIMEOUT_S
    ) -> tuple[str, int, Value]:
        """Return the tree's id, its revision, and what is at a path.

        Raises:
            RefusedError: NO_SUCH_PATH, LIMIT_EXCEEDED or another reason.
            FlowUnavailableError: The server cannot be reached.
        """
        from lightgrid.wire.tree import decode_state
        from lightgrid_protos.v1 import state_service_pb2

        request = state_service_pb2.GetStateRequest(path=path)
        with _errors():
            answer = self._stub.GetState(request, metadata=self._metadata, timeout=timeout_s)
            return decode_state(answer)

    def watch_state(
        self,
        path: Path = (),
        *,
        tree_id: str = "",
        after_revision: int = 0,
        min_interval_s: float = 0.0,
    ) -> Iterator[News]:
        """Yield the part of the tree at a path, then its changes; close the iterator to end it.

        Args:
            path: What to watch.
            tree_id: With `after_revision`: go on from there.
            after_revision: What the last news had.
            min_interval_s: Collect changes for at least this long.

        Raises:
            RefusedError: As `get_state`.
            FlowUnavailableError: The connection was lost, or the app has ended.
        """
        from lightgrid.wire.times import encode_duration
        from lightgrid.wire.tree import NewsJoiner
        from lightgrid_protos.v1 import state_service_pb2

        request = state_service_pb2.WatchStateRequest(
            path=path, tree_id=tree_id, after_revision=after_revision
        )
        encode_duration(min_interval_s, request.min_interval)
        joiner = NewsJoiner()
        call = self._stub.WatchState(request, metadata=self._metadata)
        try:
            with _errors():
                for message in call:
                    news = joiner.offer(message)
                    if news is not None:
                        yield news
        finally:
            call.cancel()

    def update_state(
        self,
        ops: Sequence[Op],
        *,
        expected_revision: int | None = None,
        timeout_s: float = _UNARY_TIMEOUT_S,
    ) -> int:
        """Change the tree, between two runs of the flow; return the revision that has it.

        Args:
            ops: With paths from the tree's root.
            expected_revision: Change nothing if these places changed after it.
            timeout_s: How long to wait.

        Raises:
            UnsupportedValueError: A value cannot be state.
            RefusedError: REVISION_CONFLICT, NO_SUCH_PATH, BAD_OP or another reason.
            FlowUnavailableError: The server cannot be reached.
        """
        from lightgrid.wire.tree import StateUpdate, encode_update

        update = StateUpdate(ops, secrets.token_hex(16), expected_revision, self._client_name)
        request = encode_update(update)
        with _errors():
            answer = self._stub.UpdateState(request, metadata=self._metadata, timeout=timeout_s)
            return int(answer.revision)

    def close(self) -> None:
        """Close the connection; what waits for an answer gets `FlowUnavailableError`."""
        self._channel.close()


def _metadata(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from None
