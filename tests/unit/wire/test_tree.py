import pytest

from lightgrid.errors import Reason, RefusedError
from lightgrid.state.delta import Remove, Set, Splice, apply, below, lookup
from lightgrid.state.tree import Change, StateTree
from lightgrid.wire.tree import (
    News,
    NewsJoiner,
    StateUpdate,
    cut,
    decode_state,
    decode_update,
    encode_news,
    encode_state,
    encode_update,
    ops_below,
    snapshot_news,
)
from lightgrid_protos.v1.state_service_pb2 import UpdateStateRequest

PLACE = ("works", "w", "vars")


def _change(*ops, place=PLACE):
    return Change(3, 1.0, "root.w", [(place, ops)])


def test_a_change_elsewhere_is_nothing_to_a_watcher():
    assert ops_below(_change(Set(("a",), 1)), ("works", "v")) == []
    assert ops_below(_change(Set(("a",), 1)), (*PLACE, "b")) == []


@pytest.mark.parametrize("watched", [(), ("works",), PLACE])
def test_ops_below_the_watched_path_start_there(watched):
    (op,) = ops_below(_change(Set(("a", "b"), 1)), watched)
    assert watched + op.path == (*PLACE, "a", "b")


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (Set(("a",), 5), [Set((), 5)]),
        (Remove(("a",)), [Set((), None)]),
        (Splice(("a",), 0, 1, [2]), [Splice((), 0, 1, [2])]),
        (Set((), {"a": 7}), [Set((), 7)]),
        (Set((), {"b": 7}), [Set((), None)]),
    ],
    ids=repr,
)
def test_ops_at_and_above_the_watched_path_tell_what_is_there(op, told):
    assert ops_below(_change(op), (*PLACE, "a")) == told


@pytest.mark.parametrize(
    ("op", "told"),
    [
        (Splice(("l",), 3, 1, []), []),
        (Splice(("l",), 1, 2, [{"x": 1}, {"x": 2}]), [Set((), 2)]),
        (Splice(("l",), 0, 1, [9]), []),
        (Splice(("l",), 0, 1, []), None),
        (Splice(("l",), 0, 0, [9]), None),
        (Remove(("l",)), [Set((), None)]),
    ],
    ids=repr,
)
def test_a_splice_above_is_told_unless_it_moved_what_is_watched(op, told):
    assert ops_below(_change(op), (*PLACE, "l", "2", "x")) == told


def test_a_watcher_has_what_the_tree_has():
    root = {"works": {"w": {"vars": {"a": 1, "l": [1]}, "status": {}}}}
    tree, watched = StateTree("id", root), ("works", "w", "vars", "l")
    joiner, box = NewsJoiner(), {}
    steps = [Set(("l",), [1, 2]), Splice(("l",), 2, 0, [3]), Set(("a",), 2), Set(("l", "0"), 0)]
    news = [snapshot_news("id", 0, lookup(root, watched), 0.0)]
    for step in steps:
        change = tree.commit("root.w", [(PLACE, [step])], 2.0)
        told = Change(change.revision, 2.0, change.origin, [((), ops_below(change, watched))])
        news.append(News("id", change.revision, [told]))
    for item in news:
        (message,) = encode_news(item)
        for change in joiner.offer(message).changes:
            for place, ops in change.parts:
                apply(box, below(ops, ("box", *place)))
    assert box["box"] == lookup(root, watched) == [0, 2, 3]


def test_a_tree_is_cut_at_vars():
    deep = {"vars": {"a": [1]}, "calls": {"c": 1}, "flows": {}, "works": {}, "structures": {}}
    for _ in range(60):
        deep = {"vars": {"n": 1}, "calls": {}, "flows": {"f": deep}, "works": {}}
    ops = cut(deep)
    box = {}
    apply(box, below(ops, ("box",)))
    assert box["box"] == deep
    assert list(box["box"]) == list(deep)
    (message,) = encode_news(snapshot_news("id", 1, deep, 0.0))
    assert NewsJoiner().offer(type(message).FromString(message.SerializeToString())) is not None


def test_changes_of_several_revisions_keep_apart_over_parts():
    changes = [
        Change(i, 1.5, f"root.w{i}", [((), [Set((name,), "x" * 90) for name in "abcd"])])
        for i in (1, 2, 3)
    ]
    messages = encode_news(News("id", 3, changes), 400)
    assert len(messages) > 3
    joiner = NewsJoiner()
    news = [joiner.offer(message) for message in messages][-1]
    assert [(c.revision, c.origin, c.time_s) for c in news.changes] == [
        (c.revision, c.origin, c.time_s) for c in changes
    ]
    assert [c.parts for c in news.changes] == [c.parts for c in changes]


def test_news_without_changes_tell_the_revision():
    (message,) = encode_news(News("id", 9, []))
    assert NewsJoiner().offer(message) == News("id", 9, [])


def test_parts_of_different_revisions_are_refused():
    joiner = NewsJoiner()
    joiner.offer(encode_news(snapshot_news("id", 1, ["x" * 90] * 9, 0.0), 300)[0])
    with pytest.raises(RefusedError) as caught:
        joiner.offer(encode_news(News("id", 2, []))[0])
    assert caught.value.reason is Reason.BAD_OP


@pytest.mark.parametrize("leaf", ["x" * 3000, b"x" * 3000, ("x" * 1500,) * 2])
def test_what_cannot_be_cut_comes_whole_to_a_watcher_who_takes_it(leaf):
    tree = {"vars": {"big": leaf, "l": ["y" * 90] * 30}, "works": {"w": {"vars": {"c": 1}}}}
    news = snapshot_news("id", 1, tree, 0.0)
    messages = encode_news(news, 500, most_bytes=10_000)
    joiner = NewsJoiner()
    told = [joiner.offer(message) for message in messages][-1]
    box = {}
    for _, ops in told.changes[0].parts:
        apply(box, ops)
    assert box == tree
    with pytest.raises(RefusedError, match=r"vars\.big.*max_message_bytes") as caught:
        encode_news(news, 500)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    with pytest.raises(RefusedError):
        encode_news(news, 500, most_bytes=2000)


def test_a_part_of_the_tree_comes_back_or_is_over_the_limit():
    assert decode_state(encode_state("id", 4, {"a": ()})) == ("id", 4, {"a": ()})
    with pytest.raises(RefusedError) as caught:
        encode_state("id", 4, "x" * 900, 500)
    assert caught.value.facts["limit"] == "max_message_bytes"
    deep = []
    for _ in range(60):
        deep = [deep]
    with pytest.raises(RefusedError) as caught:
        encode_state("id", 4, deep)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("expected", [None, 0, 7])
def test_an_update_from_outside_comes_back_as_it_was(expected):
    update = StateUpdate([Set((*PLACE, "a"), 1)], "request", expected, "dashboard")
    assert decode_update(encode_update(update)) == update


def test_an_update_may_not_nest_a_variable_deeper_than_a_work_may():
    def nested(depth):
        message = UpdateStateRequest()
        message.ops.add(path=[*PLACE, "a"])
        value = message.ops[0].set
        for _ in range(depth - 1):
            value = value.list_value.values.add()
        value.list_value.SetInParent()
        return message

    decode_update(nested(24))
    with pytest.raises(RefusedError) as caught:
        decode_update(nested(25))
    assert caught.value.facts["limit"] == "max_value_depth"
