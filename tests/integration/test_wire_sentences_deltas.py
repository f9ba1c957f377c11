"""The sentences of delta_service.proto, delta.proto and value.proto, said to a server."""

import math

import pytest
from integration.wire_peer import (
    LIMITS,
    RUNNING,
    SUCCEEDED,
    WireFlow,
    a_list,
    a_map,
    a_text,
    an_int,
    end_of,
    wait_until,
)

from lightgrid.protocol.messages import CallErrorReason, CallState, Run
from lightgrid.server.rotation import Rotation
from lightgrid.state.delta import Set
from lightgrid_protos.v1 import delta_service_pb2, state_service_pb2
from lightgrid_protos.v1.delta_pb2 import Remove
from lightgrid_protos.v1.delta_pb2 import Splice as SpliceMessage
from lightgrid_protos.v1.value_pb2 import DoubleList, IntList, Value


@pytest.fixture(scope="module")
def flow():
    with WireFlow() as flow:
        yield flow


@pytest.fixture
def peer(flow):
    return flow.add({"c": 0, "items": [], "table": {}}).joined()


def splice(start, delete_count, *items):
    return SpliceMessage(start=start, delete_count=delete_count, insert=items)


# --- delta_service.proto: StreamDeltas -----


def test_the_server_takes_batch_n_when_n_minus_1_is_the_last_it_took(peer):
    assert peer.send(*(peer.batch(seq, (["c"], an_int(seq))) for seq in (2, 3, 4))) == 4
    assert peer.value()["c"] == 4


def test_it_drops_one_it_already_took(peer):
    append = peer.batch(2, (["items"], splice(0, 0, an_int(7))))
    assert peer.send(append, append, append) == 2
    assert peer.value()["items"] == [7]


def test_it_ends_the_stream_on_a_later_one(peer):
    end = end_of(lambda: peer.send(peer.batch(4, (["c"], an_int(1)))))
    assert end == "ABORTED SEQUENCE_GAP"
    assert end.facts["expected_seq"] == "2"
    assert peer.value()["c"] == 0


def test_a_snapshot_is_taken_with_any_number_above_the_last_one_taken(peer):
    assert peer.send(peer.snapshot(70, a_map(c=an_int(5)))) == 70
    assert peer.send(peer.snapshot(69, a_map(c=an_int(6)))) == 70
    assert peer.send(peer.batch(71, (["items"], splice(0, 0, an_int(1))))) == 71
    assert peer.value() == {"c": 5, "items": [1], "table": {}}


def test_a_new_stream_ends_the_older_one_and_takes_over(peer):
    older, newer = peer.stream(), peer.stream()
    older.put(peer.batch(2, (["c"], an_int(1))))
    wait_until(lambda: peer.value()["c"] == 1)
    newer.put(peer.batch(3, (["c"], an_int(2))))
    assert older.ended() == "ABORTED STREAM_SUPERSEDED"
    assert newer.half_close() == 3


def test_no_other_end_has_this_reason(peer):
    stream = peer.stream()
    stream.put(peer.batch(2, (["c"], an_int(1))))
    wait_until(lambda: peer.value()["c"] == 1)
    peer.register()
    assert stream.ended() == "ABORTED SESSION_UNKNOWN"


def test_the_work_half_closes_to_learn_acked_seq_and_goes_on_in_the_same_session(peer):
    assert peer.send(peer.batch(2, (["c"], an_int(1)))) == 2
    assert peer.send(peer.batch(3, (["c"], an_int(2)))) == 3
    assert peer.register().acked_seq == 3


def test_the_server_ends_each_stream_with_ok_before_the_work_has_half_closed():
    with WireFlow(rotation=Rotation(0.05, 0.05)) as flow:
        peer = flow.add()
        session_id = peer.register().session_id
        stream, commands = peer.stream(), peer.commands()
        stream.put(peer.snapshot(1))
        end = stream.ended()
        assert end == "OK"
        assert [one.HasField("ack") for one in commands] in ([True], [True, True])
        again = peer.register()
        assert (again.session_id, again.acked_seq) == (session_id, end.answer.acked_seq)
        # And without registering again, while the session lives.
        assert peer.send(peer.snapshot(2)) == 2


def test_the_server_ends_all_streams_with_ok_when_it_drains():
    with WireFlow() as flow:
        peer = flow.add().joined()
        stream, commands = peer.stream(), peer.commands()
        stream.put(peer.batch(2, (["c"], an_int(1))))
        wait_until(lambda: peer.value()["c"] == 1)
        assert next(commands).HasField("ack")
        flow.server.stop()
        assert stream.ended().answer.acked_seq == 2
        assert end_of(lambda: list(commands)) == "OK"


def test_a_stream_without_a_message_answers_the_acked_seq_of_the_work_of_its_token(flow, peer):
    assert peer.send() == 1
    assert peer.send(peer.batch(2, (["c"], an_int(1)))) == 2
    assert peer.send() == 2
    assert flow.add().send() == 0


def test_a_stream_without_a_message_tells_nothing_of_a_work_that_took_the_name(flow):
    old = flow.add().joined()
    flow.hub.remove_work(old.work)
    flow.hub.add_work(old.work, old.place, {"c": 0}, receives_updates=False)
    assert end_of(old.send) == "PERMISSION_DENIED NOT_ALLOWED"


# --- StreamDeltasRequest -----


def test_a_batch_is_applied_as_a_whole_or_not_at_all(peer):
    misfit = peer.batch(2, (["c"], an_int(1)), (["items", "0"], an_int(1)))
    end = end_of(lambda: peer.send(misfit))
    assert end == "ABORTED SNAPSHOT_REQUIRED"
    assert (end.facts["path"], "cause" in end.facts) == ("items.0", True)
    assert peer.value()["c"] == 0


@pytest.mark.parametrize(
    "fields",
    [
        {"more": True},
        {"calls": [{"call_id": "a", "state": RUNNING}]},
        {"ops": [(["c"], an_int(1))]},
    ],
)
def test_a_heartbeat_carries_nothing_else(peer, fields):
    ops = fields.pop("ops", ())
    assert end_of(lambda: peer.send(peer.batch(0, *ops, **fields))) == "INVALID_ARGUMENT BAD_OP"
    assert peer.send(peer.batch(0)) == 1


def test_session_id_is_needed_in_a_streams_first_message_and_ignored_in_later_ones(peer):
    without = delta_service_pb2.StreamDeltasRequest(seq=3)
    without.ops.add(path=["c"]).set.int_value = 3
    assert end_of(lambda: peer.send(without)) == "ABORTED SESSION_UNKNOWN"
    wrong = delta_service_pb2.StreamDeltasRequest(seq=4, session_id="another's")
    assert peer.send(peer.batch(2, (["c"], an_int(2))), without, wrong) == 4


def test_a_snapshot_stands_in_place_of_all_that_was_published_before(peer):
    peer.send(peer.batch(2, (["items"], splice(0, 0, an_int(1))), (["table", "k"], an_int(1))))
    peer.send(peer.snapshot(3, a_map(items=a_list(an_int(2)), table=a_map())))
    assert peer.value() == {"c": 0, "items": [2], "table": {}}


def test_declared_variables_that_a_snapshot_lacks_keep_the_values_they_have(peer):
    peer.send(peer.batch(2, (["c"], an_int(5))), peer.snapshot(3, a_map()))
    assert peer.value()["c"] == 5


@pytest.mark.parametrize(
    "ops",
    [
        [],
        [(["c"], an_int(1))],
        [(["c"], an_int(1)), (["items"], a_list())],
        [(["items"], a_list())],
        [([], a_list())],
        [([], an_int(1))],
        [(["c"], an_int(1)), ([], a_map())],
        [([], Remove())],
    ],
)
def test_a_snapshot_whose_first_op_does_not_set_the_empty_path_to_a_map_is_refused(peer, ops):
    end = end_of(lambda: peer.send(peer.batch(2, *ops, snapshot=True)))
    assert end == "INVALID_ARGUMENT BAD_OP"
    assert peer.value()["c"] == 0


def test_a_new_epoch_begins_with_a_snapshot(flow):
    peer = flow.add()
    assert peer.register().snapshot_required
    end = end_of(lambda: peer.send(peer.batch(1, (["c"], an_int(1)))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"
    assert peer.send(peer.snapshot(1)) == 1
    assert not peer.register().snapshot_required


def test_a_work_that_keeps_nothing_may_start_every_stream_with_a_snapshot(peer):
    for seq in (2, 3, 4):
        assert peer.send(peer.snapshot(seq, a_map(c=an_int(seq)))) == seq
    assert peer.value()["c"] == 4


def test_a_calls_end_is_seen_after_the_ops_of_the_same_and_all_earlier_batches(flow, peer):
    flow.hub.call(peer.work, Run("one"))
    end = {"call_id": "one", "state": SUCCEEDED, "result": an_int(4)}
    peer.send(peer.batch(2, (["c"], an_int(1))), peer.batch(3, (["c"], an_int(2)), calls=[end]))
    (update,) = peer.merge()
    assert (update.state, update.result) == (CallState.SUCCEEDED, 4)
    assert peer.value()["c"] == 2


def test_states_only_move_forward_and_the_first_end_stands(flow, peer):
    flow.hub.call(peer.work, Run("one"))
    states = ["RUNNING", "SUCCEEDED", "RUNNING", "FAILED", "CANCELLED"]
    numbers = [delta_service_pb2.CallState.Value(f"CALL_STATE_{state}") for state in states]
    peer.send(
        *(
            peer.batch(seq, calls=[{"call_id": "one", "state": number}])
            for seq, number in enumerate(numbers, 2)
        )
    )
    assert [update.state.name for update in peer.merge()] == ["RUNNING", "SUCCEEDED"]


def test_of_a_call_that_the_flow_has_given_up_or_that_is_not_known_nothing_changes(flow, peer):
    flow.hub.call(peer.work, Run("given up"))
    peer.told(2)
    flow.hub.end_calls(peer.work, ["given up"])
    calls = [{"call_id": name, "state": SUCCEEDED} for name in ("given up", "nobody's")]
    assert peer.send(peer.batch(2, (["c"], an_int(1)), calls=calls)) == 2
    assert peer.merge() == []
    assert peer.value()["c"] == 1


def test_a_batch_goes_on_in_the_next_message_and_only_heartbeats_come_between(peer):
    first = peer.batch(2, (["items"], a_list()), more=True)
    last = peer.batch(2, (["items"], splice(0, 0, an_int(1), an_int(2))))
    assert peer.send(first, peer.batch(0), last) == 2
    assert peer.value()["items"] == [1, 2]
    other = peer.batch(4, (["c"], an_int(1)))
    begun = peer.batch(3, (["c"], an_int(1)), more=True)
    assert end_of(lambda: peer.send(begun, other)) == "INVALID_ARGUMENT BAD_OP"


def test_snapshot_counts_from_the_first_part(peer):
    first = peer.snapshot(2, a_map(items=a_list()), more=True)
    assert peer.send(first, peer.batch(2, (["items"], splice(0, 0, an_int(1))))) == 2
    assert peer.value()["items"] == [1]
    first = peer.batch(3, (["c"], an_int(1)), more=True)
    assert end_of(lambda: peer.send(first, peer.snapshot(3))) == "INVALID_ARGUMENT BAD_OP"


def test_nothing_is_applied_before_the_message_with_more_unset(peer):
    assert peer.send(peer.batch(2, (["c"], an_int(1)), more=True)) == 1
    assert peer.value()["c"] == 0
    assert peer.send(peer.batch(2, (["c"], an_int(2)))) == 2


def test_what_the_flow_wrote_later_than_seen_revision_stays_on_top(flow):
    peer = flow.add(receives_updates=True).joined(features=["updates"])
    first = peer.write(Set(("c",), 10))
    second = peer.write(Set(("items",), [1]))
    assert peer.send(peer.batch(2, (["c"], an_int(11)), seen_revision=first)) == 2
    assert peer.value() == {"c": 11, "items": [1]}
    assert peer.send(peer.batch(3, (["items"], a_list()), seen_revision=second)) == 3
    assert peer.value() == {"c": 11, "items": []}


# --- CallUpdate -----


def test_a_failed_call_tells_its_error_in_the_works_own_terms(flow, peer):
    flow.hub.call(peer.work, Run("one"))
    error = delta_service_pb2.CallError(type_name="java.io.IOException", message="no", trace="at X")
    end = {"call_id": "one", "state": delta_service_pb2.CALL_STATE_FAILED, "error": error}
    peer.send(peer.batch(2, calls=[end]))
    (update,) = peer.merge()
    told = update.error
    assert (told.type_name, told.message, told.trace) == ("java.io.IOException", "no", "at X")
    # What people are shown begins with type_name and message.
    assert told.shown == "java.io.IOException: no\nat X"


@pytest.mark.parametrize("number", [0, *CallErrorReason, 99])
def test_a_reason_that_is_not_told_or_not_known_is_taken_for_a_user_exception(flow, peer, number):
    flow.hub.call(peer.work, Run("one"))
    error = delta_service_pb2.CallError(type_name="E", reason=number)
    end = {"call_id": "one", "state": delta_service_pb2.CALL_STATE_FAILED, "error": error}
    peer.send(peer.batch(2, calls=[end]))
    (update,) = peer.merge()
    is_known = number in list(CallErrorReason)
    assert update.error.reason == (number if is_known else CallErrorReason.USER_EXCEPTION)


@pytest.mark.parametrize(
    ("state", "how"), [(0, "INVALID_ARGUMENT BAD_OP"), (99, "UNIMPLEMENTED UNKNOWN_OP")]
)
def test_a_state_of_a_call_that_says_nothing_is_refused(peer, state, how):
    assert (
        end_of(lambda: peer.send(peer.batch(2, calls=[{"call_id": "one", "state": state}]))) == how
    )


# --- delta.proto -----


def test_an_op_with_no_action_refuses_the_whole_batch(peer):
    batch = peer.batch(2, (["c"], an_int(1)), (["items"], None))
    assert end_of(lambda: peer.send(batch)) == "UNIMPLEMENTED UNKNOWN_OP"
    assert peer.value()["c"] == 0


@pytest.mark.parametrize("key", ["0", "", "a.b", "-1", "01", "ключ", "__class__"])
def test_in_a_map_a_segment_is_the_key_as_it_stands(peer, key):
    assert peer.send(peer.batch(2, (["table", key], an_int(1)))) == 2
    assert peer.value()["table"] == {key: 1}


@pytest.mark.parametrize("segment", ["+0", "-1", "00", " 0", "0x0", "\u0660", "", "0.0", "3"])
def test_in_a_list_a_segment_is_an_index_in_decimal_without_sign_or_leading_zeros(peer, segment):
    items = [an_int(number) for number in range(3)]
    peer.send(peer.batch(2, (["items"], a_list(*items)), (["items", "2"], an_int(9))))
    assert peer.value()["items"] == [0, 1, 9]
    end = end_of(lambda: peer.send(peer.batch(3, (["items", segment], an_int(1)))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"


def test_every_container_on_the_way_must_exist_and_none_is_created(peer):
    end = end_of(lambda: peer.send(peer.batch(2, (["table", "a", "b"], an_int(1)))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"
    assert peer.value()["table"] == {}


def test_a_missing_map_key_is_made_after_the_others(peer):
    table = a_map(b=an_int(1), a=an_int(2))
    peer.send(peer.batch(2, (["table"], table), (["table", "0"], an_int(3))))
    assert list(peer.value()["table"]) == ["b", "a", "0"]


def test_a_path_may_lead_through_a_tuple_not_end_in_one(peer):
    items = a_list(a_map(), an_int(0), tuple=True)
    peer.send(peer.batch(2, (["items"], items), (["items", "0", "k"], an_int(1))))
    assert peer.value()["items"] == ({"k": 1}, 0)
    end = end_of(lambda: peer.send(peer.batch(3, (["items", "1"], an_int(1)))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"


def test_remove_takes_a_map_key_which_must_exist(peer):
    peer.send(peer.batch(2, (["table", "a"], an_int(1)), (["table", "a"], Remove())))
    assert peer.value()["table"] == {}
    end = end_of(lambda: peer.send(peer.batch(3, (["table", "a"], Remove()))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"


def test_list_items_go_by_splice(peer):
    items = [an_int(number) for number in range(4)]
    peer.send(peer.batch(2, (["items"], a_list(*items)), (["items"], splice(1, 2, an_int(9)))))
    assert peer.value()["items"] == [0, 9, 3]
    peer.register()
    end = end_of(lambda: peer.send(peer.batch(3, (["items", "0"], Remove()))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"


def test_a_splice_may_start_at_the_lists_length_and_no_further(peer):
    append = peer.batch(
        2, (["items"], splice(0, 0, an_int(1))), (["items"], splice(1, 0, an_int(2)))
    )
    assert peer.send(append) == 2
    assert peer.value()["items"] == [1, 2]
    end = end_of(lambda: peer.send(peer.batch(3, (["items"], splice(3, 0, an_int(3))))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"
    end = end_of(lambda: peer.send(peer.batch(3, (["items"], splice(1, 2)))))
    assert end == "ABORTED SNAPSHOT_REQUIRED"


# --- value.proto -----


def test_a_value_with_no_kind_is_refused_and_never_read_as_null(peer):
    for value in (Value(), a_list(Value()), a_map(k=Value())):
        end = end_of(lambda value=value: peer.send(peer.batch(2, (["items"], value))))
        assert end == "UNIMPLEMENTED UNKNOWN_VALUE_KIND"
    assert peer.value()["items"] == []


VALUES = [
    (Value(null_value=True), None),
    (Value(bool_value=False), False),
    (Value(int_value=0), 0),
    (Value(int_value=-(2**63)), -(2**63)),
    (Value(int_value=2**63 - 1), 2**63 - 1),
    (Value(double_value=0.0), 0.0),
    (Value(double_value=math.inf), math.inf),
    (Value(double_value=-math.inf), -math.inf),
    (Value(string_value=""), ""),
    (Value(string_value="\0 ü 🎈"), "\0 ü 🎈"),
    (Value(bytes_value=b""), b""),
    (Value(bytes_value=b"\xff\0"), b"\xff\0"),
    (a_list(), []),
    (a_list(tuple=True), ()),
    (a_list(an_int(1), a_text("x"), tuple=True), (1, "x")),
    (a_map(), {}),
    (Value(double_list=DoubleList(values=[1.0, 2.0])), [1.0, 2.0]),
    (Value(double_list=DoubleList()), []),
    (Value(int_list=IntList(values=[1, -2])), [1, -2]),
]


@pytest.mark.parametrize(("value", "meant"), VALUES, ids=lambda one: repr(one)[:30])
def test_each_kind_is_the_value_that_it_says(peer, value, meant):
    peer.send(peer.batch(2, (["items"], value), (["table", "k"], value)))
    for found in (peer.value()["items"], peer.value()["table"]["k"]):
        assert (found, type(found)) == (meant, type(meant))


def test_nan_and_the_sign_of_zero_are_kept(peer):
    peer.send(
        peer.batch(2, (["items"], Value(double_value=math.nan)), (["c"], Value(double_value=-0.0)))
    )
    assert math.isnan(peer.value()["items"])
    assert math.copysign(1, peer.value()["c"]) == -1


def test_a_text_is_valid_utf_8_or_the_batch_is_refused_with_its_path(flow, peer):
    batch = peer.batch(2, (["c"], a_text("TEXT")))
    raw = flow.channel.stream_unary("/lightgrid.v1.DeltaService/StreamDeltas")
    message = batch.SerializeToString().replace(b"TEXT", b"\xff\xfe\xfd\xfc")
    end = end_of(lambda: raw(iter([message]), metadata=peer.metadata, timeout=30))
    assert end == "INVALID_ARGUMENT BAD_OP"
    assert "string_value" in end.facts["path"]


def nested(depth):
    value = an_int(1)
    for _ in range(depth):
        value = a_list(value)
    return value


def test_nesting_is_at_most_24_lists_and_maps_deep(peer):
    deepest = LIMITS.max_value_depth
    assert deepest == 24
    assert peer.send(peer.batch(2, (["items"], nested(deepest)))) == 2
    end = end_of(lambda: peer.send(peer.batch(3, (["items"], nested(deepest + 1)))))
    assert end == "RESOURCE_EXHAUSTED LIMIT_EXCEEDED"
    assert end.facts["limit"] == "max_value_depth"


def test_a_map_is_in_the_order_its_writer_made_it(peer):
    names = ["z", "a", "m", "0"]
    peer.send(peer.batch(2, (["table"], a_map(**{name: an_int(1) for name in names}))))
    assert list(peer.value()["table"]) == names


def test_a_mere_reordering_is_no_change_and_watchers_are_not_told_of_it(flow, peer):
    peer.send(peer.batch(2, (["table"], a_map(a=an_int(1), b=an_int(2)))))
    assert list(peer.value()["table"]) == ["a", "b"]
    request = state_service_pb2.WatchStateRequest(path=[*peer.place, "table"])
    watch = flow.state.WatchState(request, metadata=flow.app_metadata, timeout=30)
    assert next(watch).snapshot
    peer.send(peer.snapshot(3, a_map(table=a_map(b=an_int(2), a=an_int(1)))))
    peer.value()
    peer.send(peer.batch(4, (["table", "c"], an_int(3))))
    peer.value()
    told = next(change for news in watch for change in news.changes)
    watch.cancel()
    assert [list(op.path) for op in told.ops] == [["c"]]
    # Set anew as a whole, by whoever does not compare, it is told with its order.
    peer.send(peer.batch(5, (["table"], a_map(b=an_int(2), a=an_int(1)))))
    assert list(peer.value()["table"]) == ["b", "a"]


@pytest.mark.parametrize(("keys", "count"), [(["a"], 2), (["a", "b"], 1), (["a", "a"], 2)])
def test_keys_and_values_are_of_one_length_and_no_key_comes_twice(peer, keys, count):
    value = a_map()
    value.map_value.keys.extend(keys)
    value.map_value.values.extend([an_int(1)] * count)
    assert end_of(lambda: peer.send(peer.batch(2, (["table"], value)))) == "INVALID_ARGUMENT BAD_OP"
