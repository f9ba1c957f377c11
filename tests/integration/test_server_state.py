"""The state service of a running app, spoken to by hand."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

import lightgrid as L
from lightgrid.errors import RefusedError
from lightgrid.testing import stepping
from lightgrid.wire.rpc_errors import from_rpc_error
from lightgrid.wire.values import decode_value, encode_value
from lightgrid_protos.v1 import state_service_pb2, state_service_pb2_grpc

TIMEOUT_S = 30.0


class Leaf(L.Flow):
    def __init__(self):
        super().__init__()
        self.level = 1

    def run(self):
        pass


class Quiet(L.Work):
    def __init__(self):
        super().__init__(parallel=True, start_with_flow=False)
        self.goal = 0

    def run(self):
        return self.goal


class Root(L.Flow):
    def __init__(self):
        super().__init__()
        self.count = 0
        self.items = ["a"]
        self.table = {"x": 1}
        self.leaf = Leaf()
        self.w = Quiet()
        self._count = 0
        self._has_read = None

    def run(self):
        self._count += 1
        self._has_read = (self.count, list(self.items))


class Client:
    def __init__(self, app):
        self.app = app
        self.channel = grpc.insecure_channel(app.address, [("grpc.max_send_message_length", -1)])
        self.stub = state_service_pb2_grpc.StateServiceStub(self.channel)
        self.metadata = (("authorization", f"Bearer {app.token}"),)

    def get(self, *path):
        answer = self.stub.GetState(
            state_service_pb2.GetStateRequest(path=path), metadata=self.metadata, timeout=TIMEOUT_S
        )
        return answer.revision, decode_value(answer.value, max_depth=46)

    def update(self, *ops, request_id=None, expected_revision=None, name="test"):
        request = state_service_pb2.UpdateStateRequest(
            request_id=request_id or secrets.token_hex(8),
            expected_revision=expected_revision,
            client_name=name,
        )
        for path, value in ops:
            op = request.ops.add(path=path)
            if value is REMOVE:
                op.remove.SetInParent()
            else:
                encode_value(value, op.set)
        call = self.stub.UpdateState.future(request, metadata=self.metadata, timeout=TIMEOUT_S)
        return call

    def watch(self, *path, **fields):
        request = state_service_pb2.WatchStateRequest(path=path, **fields)
        return self.stub.WatchState(request, metadata=self.metadata, timeout=TIMEOUT_S)


REMOVE = object()


@pytest.fixture(scope="module")
def app():
    with stepping(Root(), see=lambda: None) as app:
        app.run_until(lambda: True)
        app.run_for(0)  # from here on the flow runs by itself
        yield app


@pytest.fixture(scope="module")
def client(app):
    client = Client(app)
    yield client
    client.channel.close()


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = from_rpc_error(caught.value)
    assert isinstance(error, RefusedError), error
    error.code = caught.value.code().name
    return error


def ops_of(message):
    return [
        (change.origin, list(op.path), decode_value(op.set, max_depth=46))
        for change in message.changes
        for op in change.ops
    ]


def test_the_tree_is_read_whole_or_from_a_path(client):
    _, tree = client.get()
    assert tree["app_state"] == {"stage": "running"}
    assert tree["works"]["w"]["status"]["stage"] == "not_started"
    assert client.get("flows", "leaf", "vars")[1] == {"level": 1}
    assert client.get("vars", "items", "0")[1] == "a"


def test_reading_what_is_not_there_is_refused_by_name(client):
    error = refused(lambda: client.get("vars", "nothing"))
    assert (error.code, error.reason.value) == ("NOT_FOUND", "NO_SUCH_PATH")
    assert error.facts["path"] == "vars.nothing"


def test_an_update_is_made_between_two_runs_and_the_flow_runs_for_it(client, app):
    revision = client.update((["vars", "count"], 5), (["vars", "items"], ["b"])).result().revision
    assert client.get("vars", "count")[0] >= revision
    assert client.get("vars", "count")[1] == 5
    root = app.app.root
    app.run_until(lambda: root._has_read == (5, ["b"]))
    app.run_for(0)


def test_an_update_reaches_flows_below_and_works(client, app):
    client.update(
        (["flows", "leaf", "vars", "level"], 2), (["works", "w", "vars", "goal"], 7)
    ).result()
    root = app.app.root
    app.run_until(lambda: (root.leaf.level, root.w.goal) == (2, 7))
    root.w.run()
    app.run_until(lambda: root.w.has_succeeded)
    assert root.w.status.result == 7
    app.run_for(0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["vars", "undeclared"], 1),
        (["vars", "_count"], 1),
        (["vars", "__class__"], 1),
        (["vars"], {}),
        ([], {}),
        (["works", "w", "status"], {}),
        (["works", "w", "calls", "x"], {}),
        (["works", "nobody", "vars", "x"], 1),
        (["app_state", "stage"], "stopped"),
        (["vars", "items", "7"], 1),
        (["vars", "count", "deeper"], 1),
    ],
)
def test_only_declared_variables_can_be_changed_from_outside(client, path, value):
    before = client.get()
    error = refused(lambda: client.update((["vars", "count"], 99), (path, value)).result())
    assert (error.code, error.reason.value) == ("NOT_FOUND", "NO_SUCH_PATH")
    assert error.facts["path"] == ".".join(path)
    assert client.get()[1] == before[1]


def test_a_variable_cannot_be_removed_but_what_is_in_it_can(client):
    error = refused(lambda: client.update((["vars", "count"], REMOVE)).result())
    assert error.code in ("PERMISSION_DENIED", "NOT_FOUND")
    client.update((["vars", "table", "x"], REMOVE)).result()
    assert client.get("vars", "table")[1] == {}


def test_an_update_on_an_old_revision_is_refused_where_others_changed_something(client):
    old, _ = client.get()
    client.update((["vars", "count"], 1)).result()
    error = refused(lambda: client.update((["vars", "count"], 2), expected_revision=old).result())
    assert (error.code, error.reason.value) == ("ABORTED", "REVISION_CONFLICT")
    assert client.get("vars", "count")[1] == 1
    client.update((["vars", "items"], []), expected_revision=old).result()  # another place


def test_the_same_request_again_changes_nothing_and_gets_the_same_answer(client):
    first = client.update((["vars", "count"], 10), request_id="same").result()
    client.update((["vars", "count"], 11)).result()
    assert client.update((["vars", "count"], 10), request_id="same").result() == first
    assert client.get("vars", "count")[1] == 11


def test_a_watch_begins_with_a_snapshot_and_goes_on_with_changes(client):
    watch = client.watch("vars")
    first = next(watch)
    assert first.snapshot
    assert not first.more
    ((_, path, value),) = ops_of(first)
    assert path == []
    assert set(value) == {"count", "items", "table"}
    client.update((["flows", "leaf", "vars", "level"], 9)).result()  # elsewhere: not told
    client.update((["vars", "count"], 21), name="me").result()
    second = next(watch)
    assert not second.snapshot
    assert ops_of(second) == [("outside:me", ["count"], 21)]
    assert second.changes[0].commit_time.seconds > 0
    watch.cancel()


def test_a_watch_goes_on_from_a_revision_without_a_snapshot(client):
    watch = client.watch("vars", "count")
    first = next(watch)
    watch.cancel()
    for number in (31, 32):
        client.update((["vars", "count"], number)).result()
    again = client.watch("vars", "count", tree_id=first.tree_id, after_revision=first.revision)
    told = next(again)
    assert not told.snapshot
    assert [value for _, _, value in ops_of(told)] == [31, 32]
    again.cancel()


def test_a_watch_of_another_life_of_the_tree_begins_anew(client):
    watch = client.watch("vars", "count", tree_id="another", after_revision=1)
    assert next(watch).snapshot
    watch.cancel()


def test_a_watch_from_a_revision_that_is_forgotten_gets_a_snapshot(client, app):
    watch = client.watch("vars", "count")
    first = next(watch)
    hub = app.loop.hub
    while hub.changes_since(first.revision) is not None:
        hub.commit("root", [(("app_state",), [])])
    again = client.watch("vars", "count", tree_id=first.tree_id, after_revision=first.revision)
    assert next(again).snapshot
    again.cancel()
    # The first watcher, too slow for what was kept, has at most become a snapshot, too.
    client.update((["vars", "count"], 77)).result()
    values = []
    while 77 not in values:
        values += [value for _, _, value in ops_of(next(watch))]
    watch.cancel()


def test_watching_what_is_not_there_is_refused_by_name(client):
    error = refused(lambda: next(client.watch("vars", "nothing")))
    assert (error.code, error.reason.value) == ("NOT_FOUND", "NO_SUCH_PATH")


def test_many_clients_change_and_watch_at_once_and_all_see_the_same_end(client):
    client.update((["vars", "table"], {})).result()
    watches = [client.watch("vars", "table") for _ in range(4)]
    for watch in watches:
        next(watch)
    calls = [client.update((["vars", "table", f"key {n}"], n)) for n in range(40)]
    for call in calls:
        call.result()

    def follow(watch):
        seen = {}
        while len(seen) < 40:
            seen.update({path[0]: value for _, path, value in ops_of(next(watch)) if path})
        watch.cancel()
        return seen

    with ThreadPoolExecutor(4) as pool:
        for seen in pool.map(follow, watches):
            assert seen == {f"key {n}": n for n in range(40)}


def test_a_state_too_large_for_one_message_is_read_by_watching(client):
    third = "x" * 1_500_000
    for name in ("a", "b", "c"):
        client.update((["vars", "table", name], third)).result()
    error = refused(lambda: client.get())
    assert (error.code, error.facts["limit"]) == ("RESOURCE_EXHAUSTED", "max_message_bytes")
    big = Client(client.app)
    watch = big.watch()
    parts = [next(watch)]
    while parts[-1].more:
        parts.append(next(watch))
    assert len(parts) > 1
    assert {part.revision for part in parts} == {parts[0].revision}
    watch.cancel()
    big.channel.close()
    client.update((["vars", "table"], {})).result()
