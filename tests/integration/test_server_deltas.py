"""The delta and work services, spoken to by hand: what a peer may send, and what it gets."""

import contextlib
import secrets

import grpc
import pytest
from integration import wire_peer
from integration.wire_peer import LIMITS, MIB, TIMEOUT_S, WireFlow, wait_until

from lightgrid.errors import LightgridError, RefusedError
from lightgrid.protocol.limits import LeaseTerms
from lightgrid.protocol.messages import Run
from lightgrid.runtime.hub import Hub
from lightgrid.server.auth import Auth
from lightgrid.server.listen import Listen
from lightgrid.server.server import Server
from lightgrid.state.delta import Splice
from lightgrid.wire.rpc_errors import from_rpc_error
from lightgrid.wire.values import encode_value
from lightgrid_protos.v1 import (
    value_pb2,
)


class Flow(WireFlow):
    """A server whose works speak plain Python values."""

    def peer(self):
        """Return someone who can be a work of his own."""
        self.count += 1
        return Peer(self, f"w{self.count}", {"c": 0, "items": []}, {})


class Peer(wire_peer.Peer):
    """Speaks for one work."""

    def batch(self, seq, *ops, **fields):
        """Return a batch; ops are (path, value), or (path, None) without an action."""
        encoded = ((path, value if value is None else as_message(value)) for path, value in ops)
        return super().batch(seq, *encoded, **fields)

    def snapshot(self, seq, value=None):
        return self.batch(seq, ((), value or {"c": 0, "items": []}), snapshot=True)

    def refusal(self, *batches):
        """Send what is refused; return how."""
        return refused(lambda: self.send(*batches))

    def stream(self):
        return Stream(self)

    @contextlib.contextmanager
    def told(self, count):
        """Yield the first commands of a stream of their own, which is open meanwhile."""
        commands = self.commands()
        yield [next(commands) for _ in range(count)]
        commands.cancel()


class Stream(wire_peer.OpenStream):
    """A delta stream that stays open."""

    def refusal(self):
        try:
            return refused(self.call.result)
        finally:
            self.put(None)


def as_message(value):
    """Return a value as it travels."""
    if isinstance(value, value_pb2.Value):
        return value
    message = value_pb2.Value()
    encode_value(value, message)
    return message


def refused(call):
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = from_rpc_error(caught.value)
    assert isinstance(error, RefusedError), error
    error.code = caught.value.code().name
    return error


@pytest.fixture(scope="module")
def flow():
    flow = Flow()
    yield flow
    flow.close()


@pytest.fixture
def peer(flow):
    return flow.peer().joined()


# --- hostile frames -----


def test_an_op_that_is_not_known_is_refused_and_nothing_of_its_batch_counts(flow, peer):
    error = peer.refusal(peer.batch(2, (["c"], 1), (["c"], None)))
    assert (error.code, error.reason.value) == ("UNIMPLEMENTED", "UNKNOWN_OP")
    assert error.facts["path"] == "c"
    assert peer.value()["c"] == 0


def test_a_value_kind_that_is_not_known_is_refused_and_not_read_as_none(flow, peer):
    error = peer.refusal(peer.batch(2, (["c"], value_pb2.Value())))
    assert (error.code, error.reason.value) == ("UNIMPLEMENTED", "UNKNOWN_VALUE_KIND")
    assert peer.value()["c"] == 0


@pytest.mark.parametrize(
    "path",
    [
        ["__class__"],
        ["c", "__class__"],
        ["__class__", "__init__", "__globals__"],
        ["_private"],
        ["undeclared"],
        [],
    ],
)
def test_a_path_that_leads_out_of_the_declared_variables_is_refused(flow, peer, path):
    error = peer.refusal(peer.batch(2, (path, 1)))
    assert error.reason.value in ("SNAPSHOT_REQUIRED", "BAD_OP")
    assert peer.value() == {"c": 0, "items": []}


def test_undeclared_names_in_a_snapshot_are_refused(flow, peer):
    error = peer.refusal(peer.snapshot(2, {"c": 1, "__class__": 2}))
    assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")
    assert "__class__" in str(error)
    assert peer.value()["c"] == 0


def test_a_dunder_key_inside_a_dict_is_a_key_like_any_other(flow, peer):
    assert peer.send(peer.batch(2, (["items"], [{"__class__": "x"}]))) == 2
    assert peer.value()["items"] == [{"__class__": "x"}]


def test_a_message_of_10_mib_is_refused(flow, peer):
    error = peer.refusal(peer.batch(2, (["c"], "x" * (10 * MIB))))
    assert (error.code, error.reason.value) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert peer.value()["c"] == 0


@pytest.mark.parametrize("size_bytes", [MIB + 70_000, 2 * MIB, 3 * MIB])
def test_a_message_over_the_limit_is_refused_by_the_name_of_the_limit(flow, peer, size_bytes):
    error = peer.refusal(peer.batch(2, (["c"], "x" * size_bytes)))
    assert (error.code, error.facts["limit"]) == ("RESOURCE_EXHAUSTED", "max_message_bytes")
    assert error.facts["value"] == str(MIB)
    assert peer.value()["c"] == 0


def test_a_batch_in_parts_is_refused_over_its_limit(flow, peer):
    parts = [peer.batch(2, (["c"], "x" * (MIB - 100)), more=True) for _ in range(4)]
    error = peer.refusal(*parts)
    assert (error.code, error.facts["limit"]) == ("RESOURCE_EXHAUSTED", "max_batch_bytes")
    assert error.facts["value"] == str(2 * MIB)
    assert peer.value()["c"] == 0


def test_too_many_ops_and_too_long_paths_are_refused_by_name(flow, peer):
    error = peer.refusal(peer.batch(2, *[(["c"], 1)] * (LIMITS.max_ops_per_message + 1)))
    assert (error.code, error.facts["limit"]) == ("RESOURCE_EXHAUSTED", "max_ops_per_message")
    error = peer.refusal(peer.batch(2, (["items"] * (LIMITS.max_path_segments + 1), 1)))
    assert (error.code, error.facts["limit"]) == ("RESOURCE_EXHAUSTED", "max_path_segments")


def nested(depth):
    value = value_pb2.Value(int_value=1)
    for _ in range(depth):
        outer = value_pb2.Value()
        outer.list_value.values.append(value)
        value = outer
    return value


def test_a_value_that_is_nested_too_deep_is_refused_by_name(flow, peer):
    error = peer.refusal(peer.batch(2, (["items"], nested(LIMITS.max_value_depth + 1))))
    assert (error.code, error.facts["limit"]) == ("RESOURCE_EXHAUSTED", "max_value_depth")
    assert peer.value()["items"] == []


def field(number, content):
    """Return a length-delimited field of a message, as bytes."""
    size, length = len(content), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


def test_a_value_that_no_parser_takes_ends_the_stream_and_nothing_else(flow, peer):
    # Deeper than protobuf itself allows, so made by hand: gRPC cannot even read the message.
    value = b""
    for _ in range(200):
        value = field(7, field(1, value))
    op = field(1, b"items") + field(2, value)
    message = peer.batch(2).SerializeToString() + field(4, op)
    raw = flow.channel.stream_unary("/lightgrid.v1.DeltaService/StreamDeltas")
    error = refused(lambda: raw(iter([message]), metadata=peer.metadata, timeout=TIMEOUT_S))
    assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")
    peer.register()
    assert peer.send(peer.batch(2, (["c"], 5))) == 2
    assert peer.value()["c"] == 5


def test_more_nodes_than_a_work_may_have_are_refused_by_name(flow, peer):
    error = peer.refusal(peer.batch(2, (["items"], list(range(LIMITS.max_nodes + 1)))))
    assert (error.code, error.reason.value) == ("RESOURCE_EXHAUSTED", "LIMIT_EXCEEDED")
    assert error.facts["limit"] == "max_nodes"


def test_a_map_whose_keys_do_not_fit_its_values_is_refused(flow, peer):
    for keys, count in ((["a"], 2), (["a", "a"], 2), (["a", "b"], 1)):
        value = value_pb2.Value()
        value.map_value.keys.extend(keys)
        for _ in range(count):
            value.map_value.values.add(int_value=1)
        error = peer.refusal(peer.batch(2, (["c"], value)))
        assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")


def test_a_heartbeat_that_carries_something_is_refused(peer):
    error = peer.refusal(peer.batch(0, (["c"], 1)))
    assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")


def test_bytes_that_are_no_message_end_the_call_and_nothing_else(flow, peer):
    raw = flow.channel.stream_unary("/lightgrid.v1.DeltaService/StreamDeltas")
    error = refused(lambda: raw(iter([b"\xff" * 3]), metadata=peer.metadata, timeout=TIMEOUT_S))
    assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")
    assert "no StreamDeltasRequest" in str(error)
    assert peer.send(peer.batch(2, (["c"], 5))) == 2


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        (lambda batch: batch.ops.add(path=["TEXT"]), "ops[1].path[0]"),
        (lambda batch: batch.ops.add(path=["c"]).set.MergeFrom(text()), "ops[1].set.string_value"),
        (
            lambda batch: batch.ops.add(path=["c"]).set.list_value.values.extend(
                [text("a"), text()]
            ),
            "ops[1].set.list_value.values[1].string_value",
        ),
        (
            lambda batch: batch.ops.add(path=["c"]).set.map_value.keys.append("TEXT"),
            "ops[1].set.map_value.keys[0]",
        ),
        (lambda batch: batch.call_updates.add(call_id="TEXT"), "call_updates[0].call_id"),
    ],
)
def test_a_text_that_is_no_utf8_is_refused_with_its_place(flow, peer, caplog, spoil, where):
    batch = peer.batch(2, (["items"], ["fine", b"\xff"]))
    spoil(batch)
    message = batch.SerializeToString().replace(b"TEXT", b"\xff\xfe\xfd\xfc")
    raw = flow.channel.stream_unary("/lightgrid.v1.DeltaService/StreamDeltas")
    error = refused(lambda: raw(iter([message]), metadata=peer.metadata, timeout=TIMEOUT_S))
    assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")
    assert error.facts["path"] == where
    assert not caplog.records
    assert peer.value()["items"] == []


def text(content="TEXT"):
    return value_pb2.Value(string_value=content)


def test_a_call_that_does_not_exist_is_refused(flow, peer):
    raw = flow.channel.unary_unary("/lightgrid.v1.WorkService/Explode")
    with pytest.raises(grpc.RpcError) as caught:
        raw(b"", metadata=peer.metadata, timeout=TIMEOUT_S)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


# --- numbers -----


def test_a_batch_counts_once_however_often_it_is_sent(flow, peer):
    append = peer.batch(2)
    append.ops.add(path=["items"]).splice.insert.add(int_value=7)
    assert peer.send(append, append) == 2
    assert peer.send(append) == 2
    assert peer.value()["items"] == [7]


def test_a_gap_is_refused_and_says_which_batch_is_missing(flow, peer):
    error = peer.refusal(peer.batch(3, (["c"], 1)))
    assert (error.code, error.reason.value) == ("ABORTED", "SEQUENCE_GAP")
    assert error.facts["expected_seq"] == "2"
    assert peer.value()["c"] == 0


def test_a_change_that_does_not_fit_is_answered_with_a_demand_for_a_snapshot(flow, peer):
    misfit = peer.batch(2, (["c"], 1), (["items", "5"], 1))
    error = peer.refusal(misfit)
    assert (error.code, error.reason.value) == ("ABORTED", "SNAPSHOT_REQUIRED")
    assert error.facts["path"] == "items.5"
    assert peer.value()["c"] == 0  # nothing of the batch
    assert peer.register().snapshot_required is True
    assert peer.refusal(peer.batch(2, (["c"], 1))).reason.value == "SNAPSHOT_REQUIRED"
    assert peer.send(peer.snapshot(3, {"c": 9, "items": [1]})) == 3
    assert peer.value() == {"c": 9, "items": [1]}
    assert peer.register().snapshot_required is False


def test_a_new_session_begins_with_a_snapshot(flow):
    peer = flow.peer()
    answer = peer.register()
    assert (answer.acked_seq, answer.snapshot_required, answer.epoch) == (0, True, 1)
    assert answer.limits.max_message_bytes == MIB
    assert answer.limits.max_nodes == 1000
    assert peer.refusal(peer.batch(1, (["c"], 1))).reason.value == "SNAPSHOT_REQUIRED"


def test_nothing_of_a_batch_in_parts_counts_before_its_last_part(flow, peer):
    first, last = peer.batch(2, (["c"], 1), more=True), peer.batch(2, (["items"], [1]))
    assert peer.send(first) == 1  # its stream ended: it is forgotten
    assert peer.value()["c"] == 0
    assert peer.send(first, last) == 2
    assert peer.value() == {"c": 1, "items": [1]}


def test_parts_of_two_batches_do_not_mix(peer):
    error = peer.refusal(peer.batch(2, (["c"], 1), more=True), peer.batch(3, (["c"], 1)))
    assert (error.code, error.reason.value) == ("INVALID_ARGUMENT", "BAD_OP")


# --- sessions -----


def test_a_session_that_is_not_known_is_told_to_register_again(peer):
    peer.session_id = secrets.token_hex(16)
    for error in (
        peer.refusal(peer.batch(2, (["c"], 1))),
        refused(lambda: peer.release(0)),
        refused(lambda: next(peer.commands())),
    ):
        assert (error.code, error.reason.value) == ("ABORTED", "SESSION_UNKNOWN")


def test_a_work_that_a_connected_process_holds_is_not_given_to_another(peer):
    stream = peer.stream()
    stream.put(peer.batch(2, (["c"], 1)))
    wait_until(lambda: peer.value()["c"] == 1)
    error = refused(lambda: peer.register("two"))
    assert (error.code, error.reason.value) == ("ALREADY_EXISTS", "WORK_HELD")
    assert float(error.facts["retry_after_s"]) > 0
    assert stream.half_close() == 2


def test_a_process_that_was_replaced_is_fenced_for_ever(peer):
    assert peer.register("two").epoch == 2  # the first has no live stream
    error = refused(lambda: peer.register("one"))
    assert (error.code, error.reason.value) == ("FAILED_PRECONDITION", "EPOCH_FENCED")


def test_the_same_process_gets_its_session_back(peer):
    session_id = peer.session_id
    answer = peer.register("one")
    assert answer.session_id == session_id
    assert (answer.acked_seq, answer.epoch) == (1, 1)


def test_a_second_stream_ends_the_first(peer):
    first, second = peer.stream(), peer.stream()
    first.put(peer.batch(2, (["c"], 1)))
    wait_until(lambda: peer.value()["c"] == 1)
    second.put(peer.batch(3, (["c"], 2)))
    error = first.refusal()
    assert (error.code, error.reason.value) == ("ABORTED", "STREAM_SUPERSEDED")
    assert second.half_close() == 3


def test_registering_again_ends_the_streams_first(peer):
    stream = peer.stream()
    stream.put(peer.batch(2, (["c"], 1)))
    wait_until(lambda: peer.value()["c"] == 1)
    assert peer.register().acked_seq == 2
    assert stream.refusal().reason.value == "SESSION_UNKNOWN"


def test_a_second_stream_of_commands_ends_the_first(peer):
    first = peer.commands()
    next(first)
    second = peer.commands()
    next(second)
    error = refused(lambda: list(first))
    assert (error.code, error.reason.value) == ("ABORTED", "STREAM_SUPERSEDED")
    second.cancel()


def test_a_goodbye_waits_for_the_last_batch(peer):
    error = refused(lambda: peer.release(2))
    assert (error.code, error.reason.value) == ("FAILED_PRECONDITION", "BATCHES_PENDING")
    assert error.facts["acked_seq"] == "1"
    peer.send(peer.batch(2, (["c"], 1)))
    peer.release(2)
    peer.release(2)
    assert refused(peer.register).reason.value == "EPOCH_FENCED"


def test_a_work_that_was_stopped_and_has_left_is_told_so(peer):
    peer.flow.hub.stop(peer.work, 1.0)
    peer.release(1)
    error = refused(lambda: peer.register("two"))
    assert (error.code, error.reason.value) == ("FAILED_PRECONDITION", "WORK_STOPPED")


def test_what_holds_is_told_on_every_connect(peer):
    peer.flow.hub.call(peer.work, Run("call 1", "run", [1], {"a": 2.0}))
    peer.flow.hub.call(peer.work, Run("call 2"))
    with peer.told(3) as told:
        assert [one.WhichOneof("command") for one in told] == ["ack", "run", "run"]
    peer.flow.hub.end_calls(peer.work, ["call 2"])
    for _ in range(2):
        with peer.told(3) as told:
            assert [one.WhichOneof("command") for one in told] == ["ack", "cancel", "run"]
            assert told[0].ack.acked_seq == 1
            assert told[1].cancel.call_id == "call 2"
            assert told[2].run.call_id == "call 1"
            assert told[2].run.args[0].int_value == 1
    peer.flow.hub.stop(peer.work, 7.0)
    for _ in range(2):
        with peer.told(3) as told:
            assert [one.WhichOneof("command") for one in told] == ["ack", "run", "stop"]
            assert told[2].stop.grace.seconds == 7


# --- a busy flow -----


def test_while_the_flow_is_busy_no_more_than_eight_batches_are_taken(flow, peer):
    flow.hub.merge()
    stream = peer.stream()
    stream.put(*[peer.batch(number, (["c"], number)) for number in range(2, 31)])
    commands = peer.commands()
    with contextlib.closing(commands_acks(commands)) as acks:
        wait_until(lambda: next(acks)[0] >= 9)
        assert flow.hub.read(("works", peer.name, "vars", "c"))[1] == 0
        taken = flow.hub.works.acked_seq_of(peer.work)
        assert taken == 9
        applied = 0
        while applied < 30:
            flow.hub.merge()
            acked, applied = next(acks)
            assert acked <= applied + 8 or acked == 30
    assert peer.value()["c"] == 30
    commands.cancel()
    assert stream.half_close() == 30


def commands_acks(commands):
    for command in commands:
        if command.WhichOneof("command") == "ack":
            yield command.ack.acked_seq, command.ack.applied_seq


def test_a_work_that_is_not_read_from_still_counts_as_alive():
    with contextlib.closing(Flow(terms=LeaseTerms(heartbeat_interval_s=0.05))) as flow:
        peer = flow.peer().joined()
        flow.hub.merge()
        stream = peer.stream()
        stream.put(*[peer.batch(number, (["c"], number)) for number in range(2, 31)])
        with flow.hub._shared as exchange:
            link = exchange.works[peer.work].link
        wait_until(lambda: not link.replica.has_room)
        taken = link.acked_seq
        deadline_s = link.session.lease.deadline_s
        wait_until(lambda: link.session.lease.deadline_s > deadline_s)
        assert link.acked_seq == taken
        wait_until(lambda: peer.value()["c"] == 30)
        assert stream.half_close() == 30


# --- one server for one port -----


def test_a_stream_without_a_message_answers_how_far_the_server_is(peer):
    assert peer.send() == 1
    assert peer.send(peer.batch(2, (["c"], 5))) == 2
    assert peer.send() == 2


def test_a_server_that_ends_lets_streams_end_in_order():
    flow = Flow()
    peer = flow.peer().joined()
    deltas, commands = peer.stream(), peer.commands()
    deltas.put(peer.batch(2, (["c"], 5)))
    assert next(commands).HasField("ack")
    wait_until(lambda: flow.hub.works.acked_seq_of(peer.work) == 2)
    flow.server.stop()
    assert deltas.call.result().acked_seq == 2
    flow.server = Server(flow.hub, flow.auth, Listen())
    flow.server.start()
    assert not flow.hub.is_draining  # another server lets peers come again
    assert all(command.HasField("ack") for command in commands)  # and then its end, with OK
    deltas.put(None)
    flow.close()


def test_a_second_server_on_the_same_port_is_refused(flow):
    address = flow.server.address
    with pytest.raises(LightgridError, match=address):
        Server(Hub(), Auth(), Listen(address)).start()


def test_the_splice_of_a_flow_and_the_set_of_a_work_meet_in_one_tree(flow, peer):
    flow.hub.commit_flow(
        [(("works", peer.name, "vars"), [Splice(("items",), 0, 0, [1])])],
        {peer.work: [Splice(("items",), 0, 0, [1])]},
    )
    assert peer.send(peer.batch(2, (["c"], 3))) == 2
    assert peer.value() == {"c": 3, "items": [1]}
