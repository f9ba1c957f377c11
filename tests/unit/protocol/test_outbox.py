"""The work's side of the delta stream, rule by rule."""

import pytest

from lightgrid.errors import RefusedError
from lightgrid.protocol import outbox as outbox_module
from lightgrid.protocol.messages import CallState, CallUpdate
from lightgrid.protocol.outbox import WINDOW, Outbox
from lightgrid.state.delta import Set


def joined_outbox(variables=None):
    """An outbox whose first snapshot, number 1, was taken."""
    outbox = Outbox(lambda: variables or {"x": 0})
    outbox.registered(0, snapshot_required=True)
    assert outbox.next().snapshot
    outbox.acked(1)
    return outbox


def sent(outbox):
    batches = []
    while (batch := outbox.next()) is not None:
        batches.append(batch)
    return batches


def put(outbox, count=1):
    for value in range(count):
        outbox.put([Set(("x",), value)])


def test_the_first_batch_of_an_epoch_is_a_snapshot_and_the_next_ones_count_on():
    outbox = Outbox(lambda: {"x": 0})
    outbox.registered(0, snapshot_required=True)
    put(outbox)
    assert [(batch.seq, batch.snapshot) for batch in sent(outbox)] == [(1, True)]
    put(outbox, 2)
    assert [(batch.seq, batch.snapshot) for batch in sent(outbox)] == [(2, False), (3, False)]


def test_what_was_not_acknowledged_is_sent_again_with_the_same_numbers():
    outbox = joined_outbox()
    put(outbox, 4)
    first = sent(outbox)
    outbox.registered(3, snapshot_required=False)
    assert sent(outbox) == first[2:]


def test_what_was_acknowledged_is_not_sent_again():
    outbox = joined_outbox()
    put(outbox, 2)
    outbox.registered(3, snapshot_required=False)
    assert not outbox.has_unsent
    assert outbox.is_settled


def test_a_snapshot_takes_a_number_above_every_number_ever_sent():
    outbox = joined_outbox()
    put(outbox, 3)
    sent(outbox)
    outbox.need_snapshot()
    assert outbox.next().seq == 5


def test_a_server_that_is_behind_what_it_acknowledged_gets_a_snapshot():
    outbox = joined_outbox()
    put(outbox, 5)
    sent(outbox)
    outbox.acked(6)
    outbox.registered(3, snapshot_required=False)
    assert outbox.next().snapshot


def test_a_server_that_is_ahead_gets_a_snapshot_above_its_number():
    outbox = joined_outbox()
    outbox.registered(9, snapshot_required=False)
    batch = outbox.next()
    assert (batch.seq, batch.snapshot) == (10, True)


def test_a_snapshot_carries_the_newest_update_of_every_call_whose_end_is_not_acknowledged():
    outbox = joined_outbox()
    ended, open_still, told = (
        CallUpdate("ended", CallState.SUCCEEDED),
        CallUpdate("open", CallState.RUNNING),
        CallUpdate("told", CallState.FAILED),
    )
    outbox.put(calls=[CallUpdate("ended", CallState.RUNNING), open_still, told])
    sent(outbox)
    outbox.acked(2)
    outbox.put(calls=[ended])
    outbox.need_snapshot()
    assert sorted(update.call_id for update in outbox.next().calls) == ["ended", "open"]


def test_an_end_that_a_lost_snapshot_carried_is_in_the_next_one_too():
    outbox = joined_outbox()
    outbox.put(calls=[CallUpdate("c", CallState.SUCCEEDED)])
    for _ in range(3):
        outbox.need_snapshot()
        assert [update.call_id for update in outbox.next().calls] == ["c"]


def test_beyond_the_window_steps_of_calls_go_together_once_the_server_has_taken_others():
    outbox = joined_outbox()
    put(outbox, WINDOW)
    assert len(sent(outbox)) == WINDOW
    for number in range(50):
        for state in (CallState.RUNNING, CallState.SUCCEEDED):
            outbox.put([Set(("x",), number)], [CallUpdate(f"c{number}", state)])
    assert outbox.next() is None
    assert outbox.has_unsent
    outbox.acked(outbox.acked_seq + 1)
    (batch,) = sent(outbox)
    assert [op.value for op in batch.ops] == [number for number in range(50) for _ in range(2)]
    assert batch.calls == [CallUpdate(f"c{number}", CallState.SUCCEEDED) for number in range(50)]
    outbox.put([], [CallUpdate("later", CallState.RUNNING)])  # not into what was sent
    outbox.acked(batch.seq)
    assert [after.seq for after in sent(outbox)] == [batch.seq + 1]


def test_batches_that_have_seen_other_writes_of_the_flow_do_not_go_together():
    outbox = joined_outbox()
    put(outbox, WINDOW)
    sent(outbox)
    outbox.put([Set(("x",), 1)])
    outbox.seen_revision = 5
    outbox.put([Set(("x",), 2)])
    outbox.acked(outbox.last_seq - 2)
    assert [batch.seen_revision for batch in sent(outbox)] == [0, 5]


def test_what_is_kept_is_bounded_by_a_snapshot(monkeypatch):
    monkeypatch.setattr(outbox_module, "_MAX_JOINED", 4)
    outbox = joined_outbox()
    put(outbox, WINDOW)
    assert not outbox.has_room
    put(outbox, 10 * WINDOW)
    assert any(batch.snapshot for batch in sent(outbox))
    assert len(outbox._kept) <= 2 * WINDOW


def test_the_third_refusal_with_no_batch_taken_between_ends_the_work():
    outbox = joined_outbox()
    outbox.demand_snapshot()
    outbox.demand_snapshot()
    with pytest.raises(RefusedError, match="3 times"):
        outbox.demand_snapshot()


def test_a_batch_taken_between_two_refusals_starts_the_count_again():
    outbox = joined_outbox()
    for _ in range(10):
        outbox.demand_snapshot()
        outbox.acked(outbox.next().seq)


def test_joining_again_and_again_on_a_bad_network_is_no_demand():
    outbox = Outbox(lambda: {"x": 0})
    for _ in range(10):
        outbox.registered(0, snapshot_required=True)
        assert outbox.next().snapshot


def test_it_is_settled_when_the_server_has_taken_all_of_it():
    outbox = joined_outbox()
    assert outbox.is_settled
    put(outbox, 1)
    assert not outbox.is_settled
    sent(outbox)
    assert not outbox.is_settled
    outbox.acked(outbox.last_seq)
    assert outbox.is_settled
    outbox.need_snapshot()
    assert not outbox.is_settled


def test_steps_of_calls_that_go_together_are_bounded(monkeypatch):
    monkeypatch.setattr(outbox_module, "_MAX_JOINED", 4)
    outbox = joined_outbox()
    put(outbox, WINDOW)
    sent(outbox)
    before = outbox.last_seq
    for number in range(3):  # one op and one call each: two of them go into a batch
        outbox.put([Set(("x",), number)], [CallUpdate(f"c{number}", CallState.SUCCEEDED)])
    assert outbox.last_seq == before + 2


def test_an_end_in_a_snapshot_is_told_until_the_server_has_it():
    outbox = joined_outbox()
    outbox.put([], [CallUpdate("c", CallState.SUCCEEDED)])
    lost = outbox.last_seq
    for _ in range(3):
        outbox.need_snapshot()
        assert [update.call_id for update in outbox.next().calls] == ["c"]
    outbox.acked(lost - 1)
    outbox.need_snapshot()
    assert [update.call_id for update in outbox.next().calls] == ["c"]
    outbox.acked(outbox.last_seq)
    outbox.need_snapshot()
    assert outbox.next().calls == []


def test_the_first_batch_that_the_server_says_it_took_starts_the_count_again_like_any_other():
    outbox = Outbox(lambda: {"x": 0})
    outbox.demand_snapshot()
    outbox.demand_snapshot()
    outbox.demand_snapshot(taken_seq=1)


def test_what_is_acknowledged_before_it_is_sent_again_is_not_sent_again():
    outbox = joined_outbox()
    put(outbox, 3)
    sent(outbox)
    outbox.registered(1, snapshot_required=False)
    outbox.acked(3)
    assert [batch.seq for batch in sent(outbox)] == [4]


def test_an_end_is_kept_for_a_snapshot_until_the_batch_that_carries_it_is_acknowledged():
    outbox = joined_outbox()
    put(outbox)
    outbox.put([], [CallUpdate("c", CallState.SUCCEEDED)])
    outbox.acked(outbox.last_seq - 1)
    outbox.need_snapshot()
    assert [update.call_id for update in outbox.next().calls] == ["c"]


def test_a_batch_that_the_server_says_it_took_starts_the_count_again_before_it_is_acknowledged():
    outbox = joined_outbox()
    for _ in range(10):
        outbox.demand_snapshot(outbox.last_seq)
        assert outbox.next().snapshot
    outbox.demand_snapshot(outbox.last_seq - 1)
    with pytest.raises(RefusedError, match="3 times"):
        outbox.demand_snapshot(outbox.last_seq - 1)
