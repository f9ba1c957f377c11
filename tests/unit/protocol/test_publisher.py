"""The work's side of its variables, rule by rule."""

from lightgrid.protocol.messages import Update
from lightgrid.protocol.publisher import Publisher
from lightgrid.state.delta import Remove, Set, Splice


class Racing(dict):
    """Variables that user code assigns anew between any two reads."""

    def __getitem__(self, name):
        value = dict.__getitem__(self, name)
        for other in self:
            dict.__setitem__(self, other, dict.__getitem__(self, other) + 1)
        return value


def test_all_variables_are_read_at_one_moment():
    live = Racing(a=0, b=0)
    publisher = Publisher(live, ())
    publisher.mirror.update(a=-1, b=-1)
    publisher.publish(("a", "b"))
    assert publisher.mirror["a"] == publisher.mirror["b"]


def test_what_was_made_before_a_write_was_seen_goes_into_a_batch_that_has_not_seen_it():
    publisher = Publisher({"x": 0, "y": 0}, ("x", "y"))
    publisher.live["x"] = 1
    publisher.receive(Update(3, [Set(("y",), 5)]), ("x", "y"))
    publisher.publish(("x", "y"))
    batches = [publisher.outbox.next(), publisher.outbox.next()]
    assert [(batch.ops, batch.seen_revision) for batch in batches] == [
        ([Set(("x",), 1)], 0),
        ([], 3),
    ]


def test_an_update_that_was_seen_is_not_applied_again():
    publisher = Publisher({"x": []}, ("x",))
    update = Update(3, [Splice(("x",), 0, 0, [1])])
    publisher.receive(update, ("x",))
    assert publisher.receive(update, ("x",)) == []
    assert publisher.live == {"x": [1]}


def test_what_does_not_fit_is_dropped_and_the_rest_is_not():
    publisher = Publisher({"x": {}, "y": 0}, ("x", "y"))
    publisher.receive(Update(1, [Remove(("x", "a")), Set(("y",), 1)]), ("x", "y"))
    assert publisher.live == {"x": {}, "y": 1}


def test_a_new_process_takes_the_flows_state_although_the_flow_never_wrote():
    publisher = Publisher({"x": 0}, ("x",))
    publisher.receive(Update(0, [Set((), {"x": 7})], snapshot=True), ("x",))
    assert publisher.live == {"x": 7}


def test_after_the_flows_state_the_next_batch_is_a_snapshot():
    publisher = Publisher({"x": 0}, ("x",))
    publisher.live["x"] = 1
    publisher.receive(Update(2, [Set((), {"x": 0})], snapshot=True), ("x",))
    assert publisher.outbox.next().snapshot
