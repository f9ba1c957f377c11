"""WorkService: works join, are told what to do, and leave."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, Final

from lightgrid.errors import ClosedError, Reason, RefusedError
from lightgrid.protocol.stream import Wake
from lightgrid.runtime.hub import Hub
from lightgrid.server.edge import caller
from lightgrid.server.rotation import Rotation
from lightgrid.wire.commands import encode_command
from lightgrid.wire.registration import encode_registration
from lightgrid_protos.v1 import work_service_pb2, work_service_pb2_grpc

#: What gRPC's clients take in one message unless they are told otherwise.
_MAX_COMMAND_BYTES: Final = 4 * 2**20


class WorkServicer(work_service_pb2_grpc.WorkServiceServicer):
    """Thin over the hub."""

    def __init__(self, hub: Hub, rotation: Rotation) -> None:
        self._hub = hub
        self._rotation = rotation

    async def RegisterWork(  # noqa: N802 - the contract's name
        self, request: work_service_pb2.RegisterWorkRequest, context: Any
    ) -> work_service_pb2.RegisterWorkResponse:
        """Let a process join as a work."""
        generation = self._hub.works.generation_of(request.work)
        caller().check_work(request.work, generation)
        if self._hub.is_draining:  # its streams would end at once
            raise ClosedError("the server ends; try again")
        if not request.instance_id:
            raise RefusedError(Reason.BAD_OP, "instance_id is empty")
        registration = self._hub.works.register(
            request.work,
            request.instance_id,
            list(request.features),
            request.user_agent,
            request.launch_id,
        )
        return encode_registration(registration)

    async def ReleaseWork(  # noqa: N802 - the contract's name
        self, request: work_service_pb2.ReleaseWorkRequest, context: Any
    ) -> work_service_pb2.ReleaseWorkResponse:
        """Let a work leave."""
        self._check_session(request.session_id, context)
        self._hub.works.release(request.session_id, request.final_seq)
        return work_service_pb2.ReleaseWorkResponse()

    async def WatchCommands(  # noqa: N802 - the contract's name
        self, request: work_service_pb2.WatchCommandsRequest, context: Any
    ) -> AsyncIterator[work_service_pb2.WatchCommandsResponse]:
        """Tell a work what holds, then what is new."""
        self._check_session(request.session_id, context)
        works, limits = self._hub.works, self._hub.limits
        most_bytes = min(limits.max_message_bytes, _MAX_COMMAND_BYTES)
        stream = works.open_stream(request.session_id, "commands", request.seen_revision)
        include_state = request.include_state
        end_s = time.monotonic() + self._rotation.lifetime_s()
        with works.listening(stream, Wake.COMMANDS) as bell:
            try:
                while (left_s := end_s - time.monotonic()) > 0:
                    works.check_live(stream)
                    if self._hub.is_draining:
                        break
                    commands = works.commands(stream, include_state=include_state)
                    include_state = False
                    for command in commands:
                        for message in encode_command(
                            command, most_bytes, limits.max_ops_per_message
                        ):
                            yield message
                    if not commands:
                        await bell.wait(left_s)
            finally:
                works.close_stream(stream)

    def _check_session(self, session_id: str, context: Any) -> None:
        work, generation = self._hub.works.work_of(session_id)
        caller().check_work(work, generation)
