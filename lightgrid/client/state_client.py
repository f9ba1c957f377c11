"""The state of a running app as programs without an asyncio loop see it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc

from lightgrid.client.channel import (
    MAX_MESSAGE_BYTES,
    OPTIONS,
    UNARY_TIMEOUT_S,
    token_metadata,
    told_errors,
)
from lightgrid.state.delta import Op, Path
from lightgrid.state.values import Value
from lightgrid.wire.times import encode_duration
from lightgrid.wire.tree import News, NewsJoiner, StateUpdate, decode_state, encode_update
from lightgrid_protos.v1 import state_service_pb2, state_service_pb2_grpc


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
        if root_certificates is None:
            self._channel = grpc.insecure_channel(address, OPTIONS)
        else:
            credentials = grpc.ssl_channel_credentials(root_certificates)
            self._channel = grpc.secure_channel(address, credentials, OPTIONS)
        self._metadata = token_metadata(token)
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
        self, path: Path = (), timeout_s: float = UNARY_TIMEOUT_S
    ) -> tuple[str, int, Value]:
        """Return the tree's id, its revision, and what is at a path.

        Raises:
            RefusedError: NO_SUCH_PATH, LIMIT_EXCEEDED or another reason.
            FlowUnavailableError: The server cannot be reached.
        """
        request = state_service_pb2.GetStateRequest(path=path, max_message_bytes=MAX_MESSAGE_BYTES)
        with told_errors():
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
        request = state_service_pb2.WatchStateRequest(
            path=path,
            tree_id=tree_id,
            after_revision=after_revision,
            max_message_bytes=MAX_MESSAGE_BYTES,
        )
        encode_duration(min_interval_s, request.min_interval)
        joiner = NewsJoiner()
        call = self._stub.WatchState(request, metadata=self._metadata)
        try:
            with told_errors():
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
        timeout_s: float = UNARY_TIMEOUT_S,
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
        update = StateUpdate(ops, secrets.token_hex(16), expected_revision, self._client_name)
        request = encode_update(update)
        with told_errors():
            answer = self._stub.UpdateState(request, metadata=self._metadata, timeout=timeout_s)
            return int(answer.revision)

    def close(self) -> None:
        """Close the connection; what waits for an answer gets `FlowUnavailableError`."""
        self._channel.close()
