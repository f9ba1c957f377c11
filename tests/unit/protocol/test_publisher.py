"""The work's side of its variables, rule by rule."""

from lightgrid.protocol.messages import CallState, CallUpdate, Update
from lightgrid.protocol.publisher import Publisher
from lightgrid.state.delta import Remove, Set, Splice


def receive(publisher, update):
    """Return what reaches the live variables."""
    live = []
    assert publisher.receive(update, live.extend) == live
    return live


def test_a_batch_says_what_it_has_seen_when_it_was_made():
    publisher = Publisher({"x": 0, "y": 0})
    publisher.put([Set(("x",), 1)])
    receive(publisher, Update(3, [Set(("y",), 5)]))
    assert publisher.put([])
    batches = [publisher.outbox.next(), publisher.outbox.next()]
    assert [(batch.ops, batch.seen_revision) for batch in batches] == [
        ([Set(("x",), 1)], 0),
        ([], 3),
    ]
    assert publisher.mirror == {"x": 1, "y": 5}


def test_nothing_to_tell_makes_no_batch():
    publisher = Publisher({"x": 0}, seen_revision=3)
    assert not publisher.put([])
    assert publisher.outbox.next() is None
    assert publisher.put([], [CallUpdate("c", CallState.RUNNING)])


def test_an_update_that_was_seen_is_not_applied_again():
    publisher = Publisher({"x": []})
    update = Update(3, [Splice(("x",), 0, 0, [1])])
    receive(publisher, update)
    assert receive(publisher, update) == []
    assert publisher.mirror == {"x": [1]}


def test_what_does_not_fit_is_dropped_and_the_rest_is_not():
    publisher = Publisher({"x": {}, "y": 0})
    fitting = receive(publisher, Update(1, [Remove(("x", "a")), Set(("y",), 1)]))
    assert fitting == [Set(("y",), 1)]
    assert publisher.mirror == {"x": {}, "y": 1}


def test_a_new_process_takes_the_flows_state_although_the_flow_never_wrote():
    publisher = Publisher({"x": 0, "y": 1})
    whole = Set((), {"x": 7, "y": 1, "undeclared": 2})
    assert receive(publisher, Update(0, [whole], snapshot=True)) == [Set(("x",), 7)]


def test_the_flows_state_of_before_is_not_taken():
    publisher = Publisher({"x": 0}, seen_revision=5)
    assert receive(publisher, Update(4, [Set((), {"x": 7})], snapshot=True)) == []
    assert receive(publisher, Update(5, [Set((), {"x": 7})], snapshot=True)) == [Set(("x",), 7)]


def test_after_the_flows_state_the_next_batch_is_a_snapshot():
    publisher = Publisher({"x": 0})
    publisher.put([Set(("x",), 1)])
    receive(publisher, Update(2, [Set((), {"x": 0})], snapshot=True))
    assert publisher.outbox.next().snapshot
