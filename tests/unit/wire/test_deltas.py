import pytest

from lightgrid.errors import Reason, RefusedError, UnsupportedValueError
from lightgrid.protocol.limits import Limits
from lightgrid.protocol.messages import Batch, CallError, CallErrorReason, CallState, CallUpdate
from lightgrid.state.delta import Assignments, Remove, Set, Splice, apply
from lightgrid.state.values import MAX_DEPTH, Numbers, same
from lightgrid.wire.batches import decode_batch_part, encode_batch
from lightgrid.wire.deltas import decode_ops
from lightgrid_protos.v1 import delta_pb2, delta_service_pb2


def _parts(batch, limit=2**22, max_ops=4096):
    messages = encode_batch(batch, "s", limit, max_ops)
    assert all(message.ByteSize() <= limit for message in messages)
    return [decode_batch_part(message) for message in messages]


def _refusal(messages, **limits):
    with pytest.raises(RefusedError) as caught:
        decode_ops(messages, Limits(**limits))
    return caught.value


def test_ops_come_back_as_they_were():
    ops = [Set((), {}), Set(("a",), None), Remove(("a", "b")), Splice(("l",), 0, 0, [])]
    (part,) = _parts(Batch(1, ops))
    assert part.ops == ops


SCALARS = [None, False, True, 0, 0.0, -0.0, "", b"", 1, 0.5, "a", b"a"]


def test_ops_that_assign_scalars_of_any_kind_come_back_as_assignments():
    (part,) = _parts(Batch(1, [Set((str(i),), value) for i, value in enumerate(SCALARS)]))
    assert type(part.ops) is Assignments
    assert same(list(part.ops.values.values()), SCALARS)


@pytest.mark.parametrize("op", [Set(("a",), []), Set(("a", "b"), 0), Remove(("a",))], ids=repr)
def test_an_op_that_is_no_assignment_of_a_scalar_makes_the_ops_plain(op):
    (part,) = _parts(Batch(1, [Set(("a",), 0), op, Set(("b",), None)]))
    assert type(part.ops) is list


@pytest.mark.parametrize("value", SCALARS, ids=repr)
def test_a_path_too_long_is_refused_for_each_kind_of_scalar(value):
    (message,) = encode_batch(Batch(1, [Set(("a", "b"), value)]), "s")
    assert _refusal(message.ops, max_path_segments=1).facts["limit"] == "max_path_segments"


def test_an_item_that_a_splice_cannot_insert_is_refused_with_its_index():
    with pytest.raises(UnsupportedValueError) as caught:
        encode_batch(Batch(1, [Splice(("l",), 7, 0, [1, {"k": [2**63]}])]), "s")
    assert caught.value.path == ("l", "8", "k", "0")


def test_items_of_a_splice_nest_as_deep_as_those_of_a_list_and_no_deeper():
    deepest = 0
    for _ in range(MAX_DEPTH - 1):
        deepest = [deepest]
    (part,) = _parts(Batch(1, [Splice(("l",), 0, 0, [deepest])]))
    assert part.ops == [Splice(("l",), 0, 0, [deepest])]
    with pytest.raises(UnsupportedValueError, match="deep"):
        encode_batch(Batch(1, [Splice(("l",), 0, 0, [[deepest]])]), "s")


def test_the_delta_of_the_first_example_takes_a_few_bytes():
    (message,) = encode_batch(Batch(425, [Set(("counter",), 425)]), "")
    assert message.ByteSize() == 19


def test_an_op_without_an_action_is_refused():
    assert _refusal([delta_pb2.DeltaOp(path=["a"])]).reason is Reason.UNKNOWN_OP


@pytest.mark.parametrize("name", ["max_ops_per_message", "max_path_segments"])
def test_what_is_over_a_limit_is_refused_with_its_name(name):
    messages = [delta_pb2.DeltaOp(path=["a", "b"], set={"int_value": 1})] * 2
    refusal = _refusal(messages, **{name: 1})
    assert refusal.reason is Reason.LIMIT_EXCEEDED
    assert refusal.facts == {"limit": name, "value": "1"}


def test_the_path_of_an_op_counts_for_the_depth_of_its_value():
    message = delta_pb2.DeltaOp(path=["a", "b"], set={"list_value": {}})
    assert decode_ops([message], Limits(max_value_depth=2)) == [Set(("a", "b"), [])]
    assert _refusal([message], max_value_depth=1).facts["limit"] == "max_value_depth"


def test_an_int_too_large_is_refused_with_its_path():
    with pytest.raises(UnsupportedValueError) as caught:
        encode_batch(Batch(1, [Set(("a",), 2**63)]), "s")
    assert caught.value.path == ("a",)


def test_a_heartbeat_is_a_batch_without_a_number():
    assert decode_batch_part(delta_service_pb2.StreamDeltasRequest(session_id="s")).seq == 0
    with pytest.raises(RefusedError) as caught:
        decode_batch_part(delta_service_pb2.StreamDeltasRequest(ops=[{"remove": {}}]))
    assert caught.value.reason is Reason.BAD_OP


def test_too_many_ops_go_on_in_further_messages():
    ops = [Set((str(i),), i) for i in range(10)]
    parts = _parts(Batch(4, ops, snapshot=True, seen_revision=9), max_ops=4)
    assert [len(part.ops) for part in parts] == [4, 4, 2]
    assert [part.more for part in parts] == [True, True, False]
    assert [part.snapshot for part in parts] == [True, False, False]
    assert [part.seen_revision for part in parts] == [9, 0, 0]
    assert {part.seq for part in parts} == {4}


def test_a_large_value_is_set_empty_and_filled():
    value = {
        "list": ["x" * 50] * 40,
        "map": {str(i): [float(i)] * 30 for i in range(20)},
        "tuple": (1, ["y" * 90] * 9, ({"z": "z" * 150},)),
    }
    parts = _parts(Batch(1, [Set((), {}), Set(("v",), value)]), limit=400)
    assert len(parts) > 10
    found = {}
    for part in parts:
        apply(found, part.ops)
    assert found == {"v": value}


def test_a_splice_of_large_items_keeps_their_order():
    items = [["a" * 200, "b" * 200], "c" * 100, {"k": "d" * 200}, 5]
    parts = _parts(Batch(1, [Splice(("v",), 1, 1, items)]), limit=330)
    found = {"v": [0, 1, 2]}
    for part in parts:
        apply(found, part.ops)
    assert found == {"v": [0, *items, 2]}


def test_numbers_of_an_op_come_back_as_such_and_go_plain_to_the_state():
    ops = [Set(("x",), Numbers([1.5] * 200)), Set(("y",), [1, 2, 3, 4, 5])]
    (message,) = encode_batch(Batch(seq=3, ops=ops), "s")
    back = decode_batch_part(message).ops
    assert [type(op.value) for op in back] == [Numbers, Numbers]
    root = {}
    apply(root, back)
    assert root == {"x": [1.5] * 200, "y": [1, 2, 3, 4, 5]}
    assert {type(value) for value in root.values()} == {list}


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("x" * 500, ("v",)),
        ({"a": [1, b"x" * 500]}, ("v", "a", "1")),
        ({"a": (1, "x" * 500)}, ("v", "a", "1")),
        ((True,) * 500, ("v",)),
    ],
    ids=["str", "bytes", "in a tuple", "tuple"],
)
def test_what_cannot_be_cut_is_refused_with_its_path(value, path):
    with pytest.raises(UnsupportedValueError, match="max_message_bytes") as caught:
        encode_batch(Batch(1, [Set(("v",), value)]), "s", 400)
    assert caught.value.path == path


def test_call_updates_come_back_and_stand_behind_the_ops():
    calls = [
        CallUpdate("a", CallState.RUNNING),
        CallUpdate("b", CallState.SUCCEEDED, [1, None]),
        CallUpdate("c", CallState.FAILED, error=CallError("ValueError", "no", "trace")),
        *(
            CallUpdate(reason.name, CallState.FAILED, error=CallError("E", "no", "", reason))
            for reason in CallErrorReason
        ),
    ]
    parts = _parts(Batch(1, [Set((str(i),), i) for i in range(9)], calls), max_ops=4)
    assert parts[-1].calls == calls


def test_a_long_trace_is_cut_so_that_the_end_of_the_call_is_told():
    error = CallError("ValueError", "m" * 900, "first\n" + "é" * 900 + "last")
    (part,) = _parts(Batch(1, (), [CallUpdate("a", CallState.FAILED, error=error)]), limit=1200)
    told = part.calls[0].error
    assert told.type_name == "ValueError"
    assert told.message == error.message
    assert told.trace == "" or told.trace.endswith("last")


def test_a_result_that_does_not_fit_is_refused():
    with pytest.raises(UnsupportedValueError, match="max_message_bytes"):
        encode_batch(Batch(1, (), [CallUpdate("a", CallState.SUCCEEDED, "x" * 500)]), "s", 400)


@pytest.mark.parametrize(("state", "reason"), [(0, Reason.BAD_OP), (77, Reason.UNKNOWN_OP)])
def test_a_call_state_that_is_not_known_is_refused(state, reason):
    message = delta_service_pb2.StreamDeltasRequest(
        seq=1, call_updates=[delta_service_pb2.CallUpdate(call_id="a", state=state)]
    )
    with pytest.raises(RefusedError) as caught:
        decode_batch_part(message)
    assert caught.value.reason is reason
