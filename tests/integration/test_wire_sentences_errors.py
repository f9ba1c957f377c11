"""The sentences of errors.proto: each reason, with its code and what comes along, from a server."""

import secrets

import pytest
from integration.wire_peer import (
    LIMITS,
    WireFlow,
    a_text,
    an_int,
    end_of,
    metadata,
    wait_until,
)

from lightgrid_protos.v1 import (
    errors_pb2,
    state_service_pb2,
    value_pb2,
)


@pytest.fixture(scope="module")
def flow():
    with WireFlow() as flow:
        yield flow


@pytest.fixture
def peer(flow):
    return flow.add().joined()


def session_unknown(flow, peer):
    peer.session_id = secrets.token_hex(16)
    return end_of(lambda: peer.send(peer.batch(2)))


def epoch_fenced(flow, peer):
    peer.register("two")
    return end_of(lambda: peer.register("one"))


def sequence_gap(flow, peer):
    return end_of(lambda: peer.send(peer.batch(3)))


def snapshot_required(flow, peer):
    return end_of(lambda: peer.send(peer.batch(2, (["items", "0"], an_int(1)))))


def stream_superseded(flow, peer):
    older, newer = peer.stream(), peer.stream()
    older.put(peer.batch(2, (["c"], an_int(2))))
    wait_until(lambda: peer.value()["c"] == 2)
    newer.put(peer.batch(0))
    end = older.ended()
    newer.half_close()
    return end


def work_held(flow, peer):
    stream = peer.stream()
    stream.put(peer.batch(2, (["c"], an_int(2))))
    wait_until(lambda: peer.value()["c"] == 2)
    end = end_of(lambda: peer.register("two"))
    stream.half_close()
    return end


def no_such_work(flow, peer):
    peer.work, peer.metadata = "root.nobody", flow.app_metadata
    return end_of(peer.register)


def no_such_path(flow, peer):
    request = state_service_pb2.GetStateRequest(path=["works", "nobody"])
    return end_of(lambda: flow.state.GetState(request, metadata=flow.app_metadata, timeout=30))


def bad_op(flow, peer):
    return end_of(lambda: peer.send(peer.snapshot(2, an_int(1))))


def unknown_op(flow, peer):
    return end_of(lambda: peer.send(peer.batch(2, (["c"], None))))


def unknown_value_kind(flow, peer):
    return end_of(lambda: peer.send(peer.batch(2, (["c"], value_pb2.Value()))))


def limit_exceeded(flow, peer):
    text = a_text("x" * (2 * LIMITS.max_message_bytes))
    return end_of(lambda: peer.send(peer.batch(2, (["c"], text))))


def work_stopped(flow, peer):
    flow.hub.stop(peer.work, 1.0)
    peer.release(1)
    return end_of(lambda: peer.register("two"))


def batches_pending(flow, peer):
    return end_of(lambda: peer.release(2))


def token_missing(flow, peer):
    peer.metadata = ()
    return end_of(peer.register)


def token_invalid(flow, peer):
    peer.metadata = metadata(peer.token + "0")
    return end_of(peer.register)


def not_allowed(flow, peer):
    peer.metadata = flow.add().metadata
    return end_of(peer.register)


#: How each reason is got, its code, and what the metadata of its ErrorInfo have. But for
#: REVISION_CONFLICT, which takes a flow that runs: see tests/integration/test_server_state.py.
REASONS = [
    (session_unknown, "ABORTED", ()),
    (epoch_fenced, "FAILED_PRECONDITION", ()),
    (sequence_gap, "ABORTED", ("expected_seq",)),
    (snapshot_required, "ABORTED", ("path", "cause")),
    (stream_superseded, "ABORTED", ()),
    (work_held, "ALREADY_EXISTS", ()),
    (no_such_work, "NOT_FOUND", ()),
    (no_such_path, "NOT_FOUND", ()),
    (bad_op, "INVALID_ARGUMENT", ()),
    (unknown_op, "UNIMPLEMENTED", ()),
    (unknown_value_kind, "UNIMPLEMENTED", ()),
    (limit_exceeded, "RESOURCE_EXHAUSTED", ("limit", "value")),
    (work_stopped, "FAILED_PRECONDITION", ()),
    (batches_pending, "FAILED_PRECONDITION", ()),
    (token_missing, "UNAUTHENTICATED", ()),
    (token_invalid, "UNAUTHENTICATED", ()),
    (not_allowed, "PERMISSION_DENIED", ()),
]


@pytest.mark.parametrize(
    ("get", "code", "facts"), REASONS, ids=lambda one: getattr(one, "__name__", "")
)
def test_each_reason_comes_with_its_code_and_its_metadata(flow, peer, get, code, facts):
    end = get(flow, peer)
    assert end == f"{code} {get.__name__.upper()}"
    assert set(facts) <= end.facts.keys()
    assert (end.retry_after_s is not None) == (get is work_held)


def test_every_reason_is_in_this_list():
    names = {name.removeprefix("ERROR_REASON_") for name in dict(errors_pb2.ErrorReason.items())}
    assert {get.__name__.upper() for get, _, _ in REASONS} == names - {
        "UNSPECIFIED",
        "REVISION_CONFLICT",
    }


# --- what its table says of the server -----


def test_aborted_register_again_and_go_on(peer):
    end_of(lambda: peer.send(peer.batch(3)))
    seq = peer.register().acked_seq + 1
    assert peer.send(peer.batch(seq, (["c"], an_int(seq)))) == seq


def test_with_snapshot_required_the_next_batch_is_a_snapshot(flow, peer):
    snapshot_required(flow, peer)
    for _ in range(2):
        answer = peer.register()
        assert (answer.acked_seq, answer.snapshot_required) == (1, True)
        end = end_of(lambda: peer.send(peer.batch(2, (["c"], an_int(2)))))
        assert end == "ABORTED SNAPSHOT_REQUIRED"
    assert peer.send(peer.snapshot(3)) == 3
    assert not peer.register().snapshot_required


def test_already_exists_ask_again(flow, peer):
    assert work_held(flow, peer).retry_after_s == 1
    assert peer.register("two").epoch == 2


def test_batches_pending_send_what_is_missing_and_ask_again(peer):
    assert end_of(lambda: peer.release(2)) == "FAILED_PRECONDITION BATCHES_PENDING"
    peer.send(peer.batch(2))
    peer.release(2)


def test_resource_exhausted_a_snapshot_without_what_was_too_large_is_taken(flow, peer):
    limit_exceeded(flow, peer)
    assert peer.register().acked_seq == 1
    assert peer.send(peer.snapshot(3)) == 3


def test_misfit_within_a_snapshot_is_a_bug_in_the_work(peer):
    snapshot = peer.snapshot(2)
    snapshot.ops.add(path=["items", "0"]).set.int_value = 1
    end = end_of(lambda: peer.send(snapshot))
    assert end == "INVALID_ARGUMENT BAD_OP"
    assert end.facts["path"] == "items.0"
