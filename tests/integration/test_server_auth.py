"""Which token opens which call."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lightgrid.runtime.hub import Hub
from lightgrid.server.auth import Auth
from lightgrid.server.listen import Listen
from lightgrid.server.server import Server
from lightgrid.state.delta import Set
from lightgrid.wire.rpc_errors import from_rpc_error
from lightgrid_protos.v1 import (
    delta_service_pb2,
    delta_service_pb2_grpc,
    state_service_pb2,
    state_service_pb2_grpc,
    work_service_pb2,
    work_service_pb2_grpc,
)

TIMEOUT_S = 30.0
APP_CALLS = ["GetState", "WatchState", "UpdateState"]
WORK_CALLS = ["RegisterWork", "ReleaseWork", "WatchCommands", "StreamDeltas"]


@pytest.fixture(scope="module")
def served():
    hub, auth = Hub(), Auth()
    hub.commit("root", [((), [Set((), {"works": {"v": {"vars": {}}, "w": {"vars": {}}}})])])
    for name in ("v", "w"):
        hub.add_work(f"root.{name}", ("works", name, "vars"), {}, receives_updates=False)
    server = Server(hub, auth, Listen())
    channel = grpc.insecure_channel(server.start())
    yield hub, auth, channel
    channel.close()
    server.stop()


@pytest.fixture(scope="module")
def call(served):
    """Return a function that makes one of the calls, as far as its first answer."""
    hub, _, channel = served
    session_id = hub.works.register("root.w", "i", [], "").session_id
    state = state_service_pb2_grpc.StateServiceStub(channel)
    works = work_service_pb2_grpc.WorkServiceStub(channel)
    deltas = delta_service_pb2_grpc.DeltaServiceStub(channel)
    delta = delta_service_pb2.StreamDeltasRequest(session_id=session_id)
    # An update that is refused for another reason behind the gate: nobody runs the flow here.
    bad = state_service_pb2.UpdateStateRequest()
    bad.ops.add()
    calls = {
        "GetState": (state.GetState, state_service_pb2.GetStateRequest()),
        "WatchState": (state.WatchState, state_service_pb2.WatchStateRequest()),
        "UpdateState": (state.UpdateState, bad),
        "RegisterWork": (
            works.RegisterWork,
            work_service_pb2.RegisterWorkRequest(work="root.w", instance_id="i"),
        ),
        "ReleaseWork": (
            works.ReleaseWork,
            work_service_pb2.ReleaseWorkRequest(session_id=session_id, final_seq=99),
        ),
        "WatchCommands": (
            works.WatchCommands,
            work_service_pb2.WatchCommandsRequest(session_id=session_id),
        ),
        "StreamDeltas": (deltas.StreamDeltas, delta),
    }

    def call(name, token):
        method, request = calls[name]
        metadata = () if token is None else (("authorization", token),)
        try:
            if name == "StreamDeltas":
                method(iter([request]), metadata=metadata, timeout=TIMEOUT_S)
            elif name.startswith("Watch"):
                stream = method(request, metadata=metadata, timeout=TIMEOUT_S)
                next(stream)
                stream.cancel()
            else:
                method(request, metadata=metadata, timeout=TIMEOUT_S)
        except grpc.RpcError as error:
            return error.code().name, from_rpc_error(error).reason.value
        return "OK", ""

    return call


@pytest.mark.parametrize("name", APP_CALLS + WORK_CALLS)
def test_no_call_is_answered_without_a_token(call, name):
    assert call(name, None) == ("UNAUTHENTICATED", "TOKEN_MISSING")
    assert call(name, "Bearer ") == ("UNAUTHENTICATED", "TOKEN_MISSING")
    assert call(name, "Basic abc") == ("UNAUTHENTICATED", "TOKEN_MISSING")


@pytest.mark.parametrize("name", APP_CALLS)
def test_the_state_is_closed_to_a_wrong_token_and_to_works(call, served, name):
    _, auth, _ = served
    assert call(name, "Bearer wrong") == ("UNAUTHENTICATED", "TOKEN_INVALID")
    token = auth.work_token("root.w", 1)
    assert call(name, f"Bearer {token}") == ("PERMISSION_DENIED", "NOT_ALLOWED")


@pytest.mark.parametrize("name", WORK_CALLS)
def test_a_work_is_closed_to_a_wrong_token_and_to_other_works_and_to_its_past(call, served, name):
    _, auth, _ = served
    assert call(name, "Bearer wrong") == ("UNAUTHENTICATED", "TOKEN_INVALID")
    for token in (auth.work_token("root.v", 1), auth.work_token("root.w", 2)):
        assert call(name, f"Bearer {token}") == ("PERMISSION_DENIED", "NOT_ALLOWED")


@pytest.mark.parametrize("name", ["ReleaseWork", "WatchCommands", "StreamDeltas"])
def test_the_token_is_looked_at_before_the_session(served, name):
    _, auth, channel = served
    works = work_service_pb2_grpc.WorkServiceStub(channel)
    deltas = delta_service_pb2_grpc.DeltaServiceStub(channel)
    calls = {
        "ReleaseWork": lambda **to: works.ReleaseWork(
            work_service_pb2.ReleaseWorkRequest(session_id="nobody's"), **to
        ),
        "WatchCommands": lambda **to: next(
            works.WatchCommands(work_service_pb2.WatchCommandsRequest(session_id="nobody's"), **to)
        ),
        "StreamDeltas": lambda **to: deltas.StreamDeltas(
            iter([delta_service_pb2.StreamDeltasRequest(session_id="nobody's")]), **to
        ),
    }
    for token, reason in (
        ("wrong", "TOKEN_INVALID"),
        (auth.work_token("root.w", 1), "SESSION_UNKNOWN"),
    ):
        metadata = (("authorization", f"Bearer {token}"),)
        with pytest.raises(grpc.RpcError) as caught:
            calls[name](metadata=metadata, timeout=TIMEOUT_S)
        assert from_rpc_error(caught.value).reason.value == reason


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token.replace("1.", "2.", 1),
        lambda token: token[:-2],
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token.upper(),
        lambda token: " ".join(token),
        lambda token: token + "?",
        lambda token: token.rpartition(".")[0],
        lambda token: "." + token,
    ],
)
def test_a_token_that_was_changed_is_nobodys(call, served, spoil):
    token = spoil(served[1].work_token("root.w", 1))
    assert call("RegisterWork", f"Bearer {token}") == ("UNAUTHENTICATED", "TOKEN_INVALID")


@pytest.mark.parametrize("name", APP_CALLS + WORK_CALLS)
def test_the_token_of_the_app_opens_everything(call, served, name):
    code, reason = call(name, f"Bearer {served[1].app_token}")
    assert reason not in ("TOKEN_MISSING", "TOKEN_INVALID", "NOT_ALLOWED")
    assert code in ("OK", "UNIMPLEMENTED", "FAILED_PRECONDITION")


@pytest.mark.parametrize("name", WORK_CALLS)
def test_the_token_of_a_work_opens_that_work(call, served, name):
    code, _ = call(name, f"bearer {served[1].work_token('root.w', 1)}")
    assert code in ("OK", "FAILED_PRECONDITION")


def test_every_call_of_every_service_is_in_this_list():
    services = [
        *delta_service_pb2.DESCRIPTOR.services_by_name.values(),
        *state_service_pb2.DESCRIPTOR.services_by_name.values(),
        *work_service_pb2.DESCRIPTOR.services_by_name.values(),
    ]
    names = {method.name for service in services for method in service.methods}
    assert names == {*APP_CALLS, *WORK_CALLS}


def test_who_has_no_token_learns_nothing_of_what_works_there_are(served):
    _, auth, channel = served
    works = work_service_pb2_grpc.WorkServiceStub(channel)
    metadata = (("authorization", f"Bearer {auth.work_token('root.v', 1)}"),)
    told = []
    for name in ("root.w", "root.nobody"):
        with pytest.raises(grpc.RpcError) as caught:
            works.RegisterWork(
                work_service_pb2.RegisterWorkRequest(work=name, instance_id="i"),
                metadata=metadata,
                timeout=TIMEOUT_S,
            )
        told.append((caught.value.code(), caught.value.details().replace(name, "NAME")))
    assert told[0] == told[1]


def test_health_needs_no_token(served):
    health = health_pb2_grpc.HealthStub(served[2])
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
