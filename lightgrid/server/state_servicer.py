"""StateService: shows the state tree, and lets it be changed from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from lightgrid.runtime.hub import Hub, OutsideUpdate
from lightgrid.state.delta import Path
from lightgrid.state.tree import Change
from lightgrid.wire.times import decode_duration
from lightgrid.wire.tree import (
    News,
    decode_update,
    encode_news,
    encode_state,
    ops_below,
    snapshot_news,
)
from lightgrid_protos.v1 import state_service_pb2, state_service_pb2_grpc


class StateServicer(state_service_pb2_grpc.StateServiceServicer):
    """Thin over the hub. Only the app's token opens it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def GetState(  # noqa: N802 - the contract's name
        self, request: state_service_pb2.GetStateRequest, context: Any
    ) -> state_service_pb2.GetStateResponse:
        """Return what is at a path."""
        revision, value = self._hub.read(tuple(request.path))
        limit = request.max_message_bytes or self._hub.limits.max_message_bytes
        return encode_state(self._hub.tree.tree_id, revision, value, limit)

    async def UpdateState(  # noqa: N802 - the contract's name
        self, request: state_service_pb2.UpdateStateRequest, context: Any
    ) -> state_service_pb2.UpdateStateResponse:
        """Change declared variables, between two runs of the flow."""
        update = decode_update(request, self._hub.limits)
        answer = self._hub.outside.request(
            OutsideUpdate(update.ops, f"outside:{update.client_name}", update.expected_revision),
            update.request_id,
        )
        # Shielded: the same request may come again and wait for the same answer.
        revision = await asyncio.shield(asyncio.wrap_future(answer))
        return state_service_pb2.UpdateStateResponse(revision=revision)

    async def WatchState(  # noqa: N802 - the contract's name
        self, request: state_service_pb2.WatchStateRequest, context: Any
    ) -> AsyncIterator[state_service_pb2.WatchStateResponse]:
        """Stream a snapshot, or the changes since a revision, then every change.

        A watcher that is too slow for the changes that are kept gets a
        snapshot again: what it costs is bounded by the state.
        """
        hub, watched = self._hub, tuple(request.path)
        limits = hub.limits
        min_interval_s = decode_duration(request.min_interval)
        revision = request.after_revision if request.tree_id == hub.tree.tree_id else None
        with hub.watchers.listening() as bell:
            while True:
                begin_s = time.monotonic()
                news, revision = self._news(watched, revision)
                if news is not None:
                    for message in encode_news(
                        news,
                        limits.max_message_bytes,
                        limits.max_ops_per_message,
                        request.max_message_bytes,
                    ):
                        yield message
                if hub.is_draining or (hub.is_closed and revision == hub.tree.revision):
                    return
                await bell.wait()
                pause_s = begin_s + min_interval_s - time.monotonic()
                if pause_s > 0:
                    await asyncio.sleep(pause_s)

    def _news(self, watched: Path, revision: int | None) -> tuple[News | None, int]:
        """Return what to tell after a revision, and the revision then."""
        tree_id = self._hub.tree.tree_id
        changes = None if revision is None else self._hub.changes_since(revision)
        if changes is not None:
            told = []
            for change in changes:
                ops = ops_below(change, watched)
                if ops is None:
                    break
                if ops:
                    told.append(Change(change.revision, change.time_s, change.origin, [((), ops)]))
            else:
                assert revision is not None
                newest = changes[-1].revision if changes else revision
                if not told:
                    return None, newest
                return News(tree_id, newest, told), newest
        newest, value = self._hub.read(watched)
        return snapshot_news(tree_id, newest, value, time.time()), newest
