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


def test_an_unknown_call_is_counted_and_passed_over():
    log = log_of("c")
    log.take([CallUpdate("other", CallState.SUCCEEDED), CallUpdate("c", CallState.RUNNING)])
    assert log.unknown_count == 1
    assert [u.call_id for u in log.merge()] == ["c"]


def test_an_ended_call_is_forgotten_once_the_flow_saw_it():
    log = log_of("c")
    log.take([CallUpdate("c", CallState.FAILED)])
    assert not list(log.open_calls())
    log.merge()
    log.take([CallUpdate("c", CallState.FAILED)])
    assert log.unknown_count == 1
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
