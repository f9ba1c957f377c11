"""The flow server over links that take their time; one to a paused process is such a link."""

import asyncio

import pytest

from lightgrid.client.state_client import StateClient
from lightgrid.client.work_client import WorkClient
from lightgrid.runtime.hub import Hub
from lightgrid.server.auth import Auth
from lightgrid.server.listen import Listen
from lightgrid.server.server import Server
from lightgrid.state.delta import Set
from lightgrid.testing.relay import Relay

pytestmark = pytest.mark.timeout(150)

#: Each way: a satellite's. What is faster is no trouble then either.
DELAY_S = 0.3


@pytest.fixture(scope="module")
def served():
    """The token and the address, by a slow link, of a server with one work."""
    hub, auth = Hub(), Auth()
    hub.commit("root", [((), [Set((), {"works": {"w": {"vars": {}}}})])])
    hub.add_work("root.w", ("works", "w", "vars"), {}, receives_updates=False)
    server = Server(hub, auth, Listen())
    relay = Relay()
    yield auth.app_token, relay.address_of("anyone", server.start(), DELAY_S)
    relay.close()
    server.stop()


def test_the_state_is_read_over_a_slow_link(served):
    token, address = served
    with StateClient(address, token) as client:
        _, _, tree = client.get_state()
    assert tree == {"works": {"w": {"vars": {}}}}


def test_a_work_registers_over_a_slow_link(served):
    token, address = served

    async def register():
        client = WorkClient(address, token)
        try:
            return await client.register("root.w", "instance", [], "test")
        finally:
            await client.close()

    assert asyncio.run(register()).session_id
