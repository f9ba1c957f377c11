import contextlib

import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from lightgrid.errors import RefusedError, UnsupportedValueError
from lightgrid.protocol.intake import Intake
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.link import WorkLink
from lightgrid.protocol.messages import Batch, CallError, CallState, CallUpdate, Run, Update
from lightgrid.state import sizes
from lightgrid.state.delta import Remove, Set, Splice, apply, below
from lightgrid.state.values import check_value, is_container, same
from lightgrid.wire.batches import decode_batch_part, encode_batch
from lightgrid.wire.commands import CommandJoiner, encode_command
from lightgrid.wire.deltas import decode_ops
from lightgrid.wire.tree import NewsJoiner, encode_news, snapshot_news
from lightgrid.wire.values import decode_value, encode_value
from lightgrid_protos.v1 import delta_pb2, delta_service_pb2, value_pb2

SLOW = (HealthCheck.filter_too_much, HealthCheck.too_slow)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
INT64 = st.integers(-(2**63), 2**63 - 1)
LEAF = st.one_of(
    st.none(), st.booleans(), INT64, st.floats(), TEXT, st.binary(max_size=12), st.just(-0.0)
)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, max_size=8),
        st.lists(inner, max_size=8).map(tuple),
        st.lists(st.floats(), max_size=12),
        st.lists(INT64, max_size=12),
        st.dictionaries(TEXT, inner, max_size=6),
    ),
    max_leaves=30,
)
PATH = st.lists(TEXT, max_size=5).map(tuple)
OP = st.one_of(
    st.builds(Set, PATH, VALUE),
    st.builds(Remove, PATH),
    st.builds(
        Splice,
        PATH,
        st.integers(0, 2**32 - 1),
        st.integers(0, 2**32 - 1),
        st.lists(VALUE, max_size=4),
    ),
)
ERROR = st.builds(CallError, TEXT, TEXT, TEXT)
CALL = st.one_of(
    st.builds(CallUpdate, TEXT, st.just(CallState.SUCCEEDED), VALUE),
    st.builds(CallUpdate, TEXT, st.just(CallState.FAILED), st.none(), ERROR),
    st.builds(CallUpdate, TEXT, st.sampled_from([CallState.RUNNING, CallState.CANCELLED])),
)
VARIABLES = st.dictionaries(TEXT, VALUE, max_size=5)


def _same_op(one, other):
    if type(one) is not type(other) or one.path != other.path:
        return False
    if isinstance(one, Set):
        return same(one.value, other.value)
    if isinstance(one, Splice):
        where = (one.start, one.delete_count) == (other.start, other.delete_count)
        return where and same(list(one.insert), list(other.insert))
    return True


def _same_ops(one, other):
    return len(one) == len(other) and all(map(_same_op, one, other))


def _without_overwritten(ops):
    """Leave out scalars that are assigned and, before an op of another kind, assigned again."""
    values = {}
    rest = iter(ops)
    for op in rest:
        if type(op) is not Set or len(op.path) != 1 or is_container(op.value):
            return [*(Set((name,), value) for name, value in values.items()), op, *rest]
        values[op.path[0]] = op.value
    return [Set((name,), value) for name, value in values.items()]


def _same_calls(one, other):
    return len(one) == len(other) and all(
        (a.call_id, a.state, a.error) == (b.call_id, b.state, b.error) and same(a.result, b.result)
        for a, b in zip(one, other, strict=True)
    )


def _over_the_wire(messages, limit):
    for message in messages:
        data = message.SerializeToString()
        assert len(data) <= limit
        yield type(message).FromString(data)


@given(VALUE)
def test_a_value_comes_back_as_it_was(value):
    message = value_pb2.Value()
    encode_value(value, message)
    assert same(decode_value(value_pb2.Value.FromString(message.SerializeToString())), value)


@given(st.lists(OP, max_size=6), st.lists(CALL, max_size=3), st.booleans(), INT64)
def test_a_batch_comes_back_as_it_was(ops, calls, snapshot, revision):
    batch = Batch(7, ops, calls, snapshot=snapshot, seen_revision=abs(revision) >> 1)
    (message,) = encode_batch(batch, "session")
    assert message.session_id == "session"
    (message,) = _over_the_wire([message], 2**22)
    back = decode_batch_part(message)
    assert _same_ops(back.ops, _without_overwritten(ops))
    assert _same_calls(back.calls, calls)
    assert (back.seq, back.snapshot, back.seen_revision, back.more) == (
        batch.seq,
        batch.snapshot,
        batch.seen_revision,
        False,
    )
    assert back.size_bytes == message.ByteSize()


@settings(max_examples=60, suppress_health_check=list(SLOW))
@given(VARIABLES, st.lists(CALL, max_size=3), st.integers(180, 400), st.integers(1, 5), st.data())
def test_a_split_batch_applies_to_the_same_result(variables, calls, limit, max_ops, data):
    ops = [Set((), variables)]
    lists = [name for name, value in variables.items() if type(value) is list]
    if lists:
        name = data.draw(st.sampled_from(lists))
        start = data.draw(st.integers(0, len(variables[name])))
        count = data.draw(st.integers(0, len(variables[name]) - start))
        ops.append(Splice((name,), start, count, data.draw(st.lists(VALUE, max_size=20))))
    batch = Batch(1, ops, calls, snapshot=True, seen_revision=3)
    try:
        messages = encode_batch(batch, "session", limit, max_ops)
    except UnsupportedValueError:  # a tuple or an id as long as a message
        assume(False)
    intake, joined = Intake(2**26), None
    for message in _over_the_wire(messages, limit):
        assert joined is None
        assert message.seq == 1
        assert len(message.ops) <= max_ops
        joined = intake.offer(decode_batch_part(message))
    assert joined is not None
    assert (joined.snapshot, joined.seen_revision) == (True, 3)
    expected, found = {}, {}
    apply(expected, batch.ops)
    apply(found, joined.ops)
    assert same(found, expected)
    assert [call.call_id for call in joined.calls] == [call.call_id for call in calls]


@settings(max_examples=100, suppress_health_check=list(SLOW))
@given(st.lists(st.one_of(VALUE, st.text("ab", max_size=90)), max_size=4), st.text("k", max_size=9))
def test_what_the_rule_of_sizes_takes_fits_into_messages(values, key):
    """With limits as far apart as the real ones, and so small that values reach them."""
    value = {key: values, "more": tuple(values)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizes, "MAX_PIECE_BYTES", 300)
        patch.setattr(sizes, "MAX_KEY_BYTES", 10)
        try:
            size = sizes.check_op(Set(("v",), value))
        except UnsupportedValueError:
            return
    message = value_pb2.Value()
    encode_value(value, message)
    assert message.ByteSize() <= size.bytes
    parts = encode_batch(Batch(1, [Set(("v",), value)]), "s", max_message_bytes=700)
    assert all(part.ByteSize() <= 700 for part in parts)
    assert sum(part.ByteSize() for part in parts) <= 2 * size.bytes + 200


@settings(max_examples=60, suppress_health_check=list(SLOW))
@given(
    VARIABLES,
    st.lists(VALUE, max_size=6),
    st.dictionaries(TEXT, VALUE, max_size=4),
    st.binary(max_size=900),
    st.integers(180, 500),
)
def test_a_split_command_joins_to_the_same_command(variables, args, kwargs, pickled, limit):
    run = Run("id", "run", args, kwargs, [Set((), variables)], 9, pickled)
    update = Update(9, [Set((), variables)], snapshot=True)
    try:
        messages = [encode_command(run, limit, 3), encode_command(update, limit, 3)]
    except UnsupportedValueError:
        assume(False)
    joiner = CommandJoiner()
    expected = dict(variables)
    for command, parts in zip((run, update), messages, strict=True):
        *early, back = [joiner.offer(part) for part in _over_the_wire(parts, limit)]
        assert early == [None] * len(early)
        assert back.revision == 9
        found = {}
        apply(found, back.ops)
        assert same(found, expected)
        if command is run:
            assert (back.call_id, back.method_name) == ("id", "run")
            assert same(list(back.args), args)
            assert same(dict(back.kwargs), kwargs)
            assert back.python_arguments == pickled
        else:
            assert back.snapshot


NODE = st.recursive(
    st.fixed_dictionaries({"vars": VARIABLES, "calls": st.just({}), "flows": st.just({})}),
    lambda inner: st.fixed_dictionaries(
        {"vars": VARIABLES, "flows": st.dictionaries(TEXT, inner, max_size=3)}
    ),
    max_leaves=4,
)


@settings(max_examples=60, suppress_health_check=list(SLOW))
@given(st.one_of(NODE, VALUE), st.integers(250, 600))
def test_a_tree_told_in_parts_is_the_same_tree(tree, limit):
    try:
        messages = encode_news(snapshot_news("id", 5, tree, 12.5, "root"), limit, 7)
    except RefusedError:
        assume(False)
    joiner = NewsJoiner()
    *early, news = [joiner.offer(part) for part in _over_the_wire(messages, limit)]
    assert early == [None] * len(early)
    assert news.snapshot
    assert news.tree_id == "id"
    (change,) = news.changes
    assert (change.revision, change.time_s, change.origin) == (5, 12.5, "root")
    box = {}
    for place, ops in change.parts:
        apply(box, below(ops, ("watched", *place)))
    assert same(box["watched"], tree)


# --- hostile messages -----------------------------------------------------------

SEGMENT = st.one_of(
    TEXT, st.sampled_from(["v", "00", "-1", "+0", "1", "\uff11", "__class__", "", "9" * 40])
)


def _hostile_value(inner):
    many = st.lists(inner, max_size=3)
    keys = st.lists(SEGMENT, max_size=3)
    return st.one_of(
        st.builds(lambda v, t: {"list_value": {"values": v, "tuple": t}}, many, st.booleans()),
        st.builds(lambda k, v: {"map_value": {"keys": k, "values": v}}, keys, many),
        st.builds(lambda v: {"int_list": {"values": v}}, st.lists(INT64, max_size=3)),
        st.builds(lambda v: {"double_list": {"values": v}}, st.lists(st.floats(), max_size=3)),
    )


HOSTILE = st.recursive(
    st.one_of(
        st.just({}),
        st.builds(lambda v: {"null_value": v}, st.booleans()),
        st.builds(lambda v: {"int_value": v}, INT64),
        st.builds(lambda v: {"double_value": v}, st.floats()),
        st.builds(lambda v: {"string_value": v}, TEXT),
    ),
    _hostile_value,
    max_leaves=8,
)
UINT32 = st.one_of(st.integers(0, 4), st.integers(0, 2**32 - 1))
HOSTILE_OP = st.builds(
    lambda path, action: {"path": path, **action},
    st.lists(SEGMENT, max_size=4),
    st.one_of(
        st.just({}),
        st.builds(lambda v: {"set": v}, HOSTILE),
        st.just({"remove": {}}),
        st.builds(
            lambda s, d, i: {"splice": {"start": s, "delete_count": d, "insert": i}},
            UINT32,
            UINT32,
            st.lists(HOSTILE, max_size=3),
        ),
    ),
)
HOSTILE_CALL = st.builds(
    lambda i, s, r: {"call_id": i, "state": s, "result": r},
    TEXT,
    st.integers(-(2**31), 2**31 - 1) | st.integers(0, 6),
    HOSTILE,
)
HOSTILE_PART = st.builds(
    delta_service_pb2.StreamDeltasRequest,
    seq=st.integers(0, 3) | st.just(2**64 - 1),
    snapshot=st.booleans(),
    ops=st.lists(HOSTILE_OP, max_size=4),
    call_updates=st.lists(HOSTILE_CALL, max_size=2),
    more=st.booleans(),
    seen_revision=st.just(0) | st.just(2**64 - 1),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(HOSTILE_PART, max_size=4))
def test_a_hostile_stream_is_refused_and_nothing_else_happens(parts):
    link = WorkLink("root.w", {"v": [1]}, Limits())
    link.register("instance", "session", [], LeaseTerms(), 0.0)
    stream = link.holder.session_of("session").open_stream("deltas")
    view = {"v": [1]}
    for part in parts:
        message = delta_service_pb2.StreamDeltasRequest.FromString(part.SerializeToString())
        with contextlib.suppress(RefusedError):
            decoded = decode_batch_part(message)
            for op in decoded.ops:
                if isinstance(op, Set):
                    check_value(op.value, op.path)
            link.offer(stream, decoded, 0.0)
            link.merge(view)


@given(HOSTILE_OP, st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4))
def test_damaged_bytes_that_still_parse_are_decoded_or_refused(op, damage):
    data = bytearray(delta_pb2.DeltaOp(**op).SerializeToString())
    for place, byte in damage:
        if data:
            data[place % len(data)] = byte
    try:
        message = delta_pb2.DeltaOp.FromString(bytes(data))
    except DecodeError:
        return
    with contextlib.suppress(RefusedError):
        decode_ops([message])


@pytest.mark.parametrize("kind", ["list_value", "map_value"])
@given(st.integers(1, 45))
def test_nesting_is_taken_up_to_the_limit_and_refused_beyond(kind, depth):
    message = value_pb2.Value(int_value=1)
    for _ in range(depth):
        outer = value_pb2.Value()
        inner = getattr(outer, kind)
        if kind == "map_value":
            inner.keys.append("__class__")
        inner.values.append(message)
        message = outer
    if depth <= 24:
        decode_value(message, ("v",))
    else:
        with pytest.raises(RefusedError) as caught:
            decode_value(message, ("v",))
        assert caught.value.facts["limit"] == "max_value_depth"
