"""Run calls and where they stand, rule by rule."""

from lightgrid.protocol.calls import CallLog
from lightgrid.protocol.messages import CallState, CallUpdate, Run


def log_of(*call_ids):
    log = CallLog()
    for call_id in call_ids:
        log.add(Run(call_id))
    return log


def test_states_move_forward_only():
    log = log_of("c")
    states = [CallState.RUNNING, CallState.RUNNING, CallState.PENDING, CallState.SUCCEEDED]
    log.take([CallUpdate("c", state) for state in states])
    assert [u.state for u in log.merge()] == [CallState.RUNNING, CallState.SUCCEEDED]


def test_the_first_end_stands():
    log = log_of("c")
    log.take([CallUpdate("c", CallState.SUCCEEDED), CallUpdate("c", CallState.CANCELLED)])
    assert [u.state for u in log.merge()] == [CallState.SUCCEEDED]


def test_a_call_that_nobody_made_is_passed_over():
    log = log_of("c")
    log.take([CallUpdate("other", CallState.SUCCEEDED), CallUpdate("c", CallState.RUNNING)])
    assert [u.call_id for u in log.merge()] == ["c"]


def test_an_ended_call_is_forgotten_once_the_flow_saw_it():
    log = log_of("c")
    log.take([CallUpdate("c", CallState.FAILED)])
    assert not list(log.open_calls())
    log.merge()
    assert log.dump().calls == []
    log.take([CallUpdate("c", CallState.FAILED)])
    assert log.merge() == []


def test_open_calls_come_in_the_order_they_were_made_and_equal_ones_stay_two():
    assert [call.run.call_id for call in log_of("b", "a", "c").open_calls()] == ["b", "a", "c"]


def test_a_process_that_is_gone_ends_what_is_open():
    log = log_of("a", "b")
    log.take([CallUpdate("a", CallState.SUCCEEDED)])
    log.end_open(CallState.FAILED, None)
    assert [(u.call_id, u.state) for u in log.merge()] == [
        ("a", CallState.SUCCEEDED),
        ("b", CallState.FAILED),
    ]


def test_a_second_cancel_says_nothing_new_and_one_of_no_call_nothing_at_all():
    log = log_of("c")
    log.cancel("other")
    log.cancel("c")
    number = log.last_number
    assert [call.run.call_id for call in log.cancelled_after(0)] == ["c"]
    log.cancel("c")
    assert log.last_number == number
    assert log.cancelled_after(number) == []


def test_of_an_ended_call_no_cancel_is_kept():
    log = log_of("c")
    log.cancel("c")
    log.take([CallUpdate("c", CallState.CANCELLED)])
    assert log.cancelled_after(0) == []
    log.merge()
    assert log._cancelled == {}


def test_a_batch_that_speaks_of_calls_has_seen_the_newest_revision_that_came_with_them():
    log = CallLog()
    log.add(Run("a", revision=5))
    log.add(Run("b", revision=3))
    updates = [CallUpdate(call_id, CallState.RUNNING) for call_id in ("a", "b", "other")]
    assert log.told_with(updates) == 5
    assert log.told_with(updates[1:]) == 3
    assert log.told_with(updates[2:]) == 0


def test_what_is_kept_of_calls_is_all_there_is():
    log = log_of("a", "b", "c")
    log.take([CallUpdate("a", CallState.RUNNING), CallUpdate("b", CallState.SUCCEEDED)])
    log.cancel("c")
    log.cancel("a")
    again = CallLog()
    again.load(log.dump())
    assert again.dump() == log.dump()
    assert [call.run.call_id for call in again.open_calls()] == ["a", "c"]
    assert {call.run.call_id for call in again.cancelled_after(0)} == {"a", "c"}
    assert [update.call_id for update in again.merge()] == ["a", "b"]
