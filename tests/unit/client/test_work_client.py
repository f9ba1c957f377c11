"""A work's streams, seen from the work."""

import asyncio

import pytest

from lightgrid.client.work_client import DeltaStream
from lightgrid.errors import FlowUnavailableError
from lightgrid.protocol.limits import Limits
from lightgrid.protocol.messages import Batch


class EndedCall:
    """A call that the server has ended, as grpc.aio tells whoever writes to it."""

    async def write(self, _message):
        raise asyncio.InvalidStateError("RPC already finished.")


def test_a_stream_that_ended_before_it_was_written_to_is_one_that_has_to_be_opened_again():
    stream = DeltaStream(EndedCall(), "session", Limits())
    with pytest.raises(FlowUnavailableError, match="already finished"):
        asyncio.run(stream.send(Batch(0)))
