"""The edge of the server, for a service that nobody has thought of yet."""

import asyncio

import grpc
import pytest

from lightgrid.server.auth import Auth
from lightgrid.server.edge import Edge, caller
from lightgrid.wire.rpc_errors import from_rpc_error
from lightgrid_protos.v1.state_service_pb2 import GetStateRequest, GetStateResponse

AUTH = Auth()


async def _answer(_request, _context):
    return GetStateResponse(tree_id=caller().work or "the app")


async def _call(token):
    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(
        _answer, GetStateRequest.FromString, GetStateResponse.SerializeToString
    )
    Edge(server, AUTH, 1000).add_registered_method_handlers("some.NewService", {"Get": handler})
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            get = channel.unary_unary(
                "/some.NewService/Get",
                GetStateRequest.SerializeToString,
                GetStateResponse.FromString,
            )
            metadata = (("authorization", f"Bearer {token}"),)
            return await get(GetStateRequest(), metadata=metadata, timeout=30.0)
    finally:
        await server.stop(None)


def test_a_service_that_is_added_is_there_for_the_apps_token():
    assert asyncio.run(_call(AUTH.app_token)).tree_id == "the app"


@pytest.mark.parametrize(
    ("token", "reason"),
    [(AUTH.work_token("root.w", 1), "NOT_ALLOWED"), ("x", "TOKEN_INVALID")],
    ids=["work", "stranger"],  # a token is another one in each process that collects tests
)
def test_a_service_that_is_added_is_closed_to_works_and_strangers(token, reason):
    with pytest.raises(grpc.RpcError) as refused:
        asyncio.run(_call(token))
    assert from_rpc_error(refused.value).reason.name == reason
