"""Run calls and where they stand, rule by rule."""

import lightgrid.protocol.calls as calls_module
from lightgrid.protocol.calls import CallLog
from lightgrid.protocol.messages import CallError, CallState, CallUpdate, Run


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
    error = CallError("Killed", "by hand")
    log.process_gone(error, "")
    assert [(u.call_id, u.state, u.error) for u in log.merge()] == [
        ("a", CallState.SUCCEEDED, None),
        ("b", CallState.FAILED, error),
    ]


def test_a_program_that_ends_in_order_has_done_the_call_that_it_was_started_for_and_no_other():
    log = log_of("other")
    log.add(Run("own"), by_launch=True)
    log.process_gone(None, "own")
    assert [(u.call_id, u.state) for u in log.merge()] == [
        ("own", CallState.SUCCEEDED),
        ("other", CallState.CANCELLED),
    ]


def test_a_program_that_dies_fails_the_call_that_it_was_started_for():
    log = CallLog()
    log.add(Run("own"), by_launch=True)
    log.process_gone(CallError("Killed", "by hand"), "")
    assert [(u.call_id, u.state) for u in log.merge()] == [("own", CallState.FAILED)]


def test_a_call_that_a_program_has_ended_keeps_its_end_when_the_program_ends():
    for error, succeeded in ((CallError("Killed", "by hand"), ""), (None, "own")):
        log = CallLog()
        log.add(Run("own"), by_launch=True)
        log.take([CallUpdate("own", CallState.SUCCEEDED, 5)])
        log.process_gone(error, succeeded)
        assert [(u.state, u.result) for u in log.merge()] == [(CallState.SUCCEEDED, 5)]


def test_a_call_that_a_program_is_started_for_is_told_to_nobody():
    log = log_of("before")
    log.add(Run("own"), by_launch=True)
    log.add(Run("after"))
    assert [call.run.call_id for call in log.made_after(0)] == ["before", "after"]
    log.end("own")
    assert log.ended_after(0) == []
    again = CallLog()
    log.add(Run("kept"), by_launch=True)
    again.load(log.dump())
    assert [call.run.call_id for call in again.made_after(0)] == ["before", "after"]
    again.end("kept")
    assert again.ended_after(0) == []


def test_who_says_goodbye_ends_all_calls_but_the_one_that_its_exit_code_ends():
    log = log_of("other")
    log.add(Run("own"), by_launch=True)
    log.holder_left()
    assert [(u.call_id, u.state) for u in log.merge()] == [("other", CallState.CANCELLED)]
    assert [call.run.call_id for call in log.open_calls()] == ["own"]


def told_log_of(*call_ids):
    log = log_of(*call_ids)
    for call in log.open_calls():
        call.is_told = True
    return log


def ended_after(log, number=0):
    return [call.run.call_id for call in log.ended_after(number)]


def test_what_is_said_of_a_call_that_the_flow_has_ended_changes_nothing():
    log = told_log_of("c")
    log.end("c")
    log.take([CallUpdate("c", CallState.RUNNING), CallUpdate("c", CallState.SUCCEEDED)])
    assert log.merge() == []


def test_a_call_that_the_flow_has_ended_is_forgotten_at_once():
    log = log_of("c")
    log.end("c")
    assert log.dump().calls == []


def test_what_was_said_of_a_call_and_not_seen_when_the_flow_ended_it_is_not_seen():
    log = told_log_of("c", "d")
    log.take([CallUpdate("c", CallState.RUNNING), CallUpdate("d", CallState.RUNNING)])
    log.end("c")
    assert [update.call_id for update in log.merge()] == ["d"]


def test_a_call_that_the_work_has_ended_first_keeps_its_end():
    log = told_log_of("c")
    log.take([CallUpdate("c", CallState.SUCCEEDED)])
    log.end("c")
    assert [update.state for update in log.merge()] == [CallState.SUCCEEDED]
    assert ended_after(log) == []


def test_a_second_end_says_nothing_new_and_one_of_no_call_nothing_at_all():
    log = told_log_of("c")
    log.end("other")
    log.end("c")
    number = log.last_number
    assert ended_after(log) == ["c"]
    log.end("c")
    assert log.last_number == number
    assert ended_after(log, number) == []


def test_of_a_call_that_nobody_was_told_of_nobody_is_told_the_end():
    log = log_of("c")
    log.end("c")
    assert ended_after(log) == []
    assert list(log.open_calls()) == []


def test_what_the_flow_has_ended_is_remembered_until_the_work_has_ended_it_or_is_gone():
    log = told_log_of("a", "b")
    log.end("a")
    log.end("b")
    log.take([CallUpdate("a", CallState.RUNNING)])
    assert ended_after(log) == ["a", "b"]
    log.take([CallUpdate("a", CallState.CANCELLED)])
    assert ended_after(log) == ["b"]
    log.holder_gone()
    assert ended_after(log) == []


def test_of_a_work_that_never_says_so_a_bounded_number_of_ended_calls_is_remembered(monkeypatch):
    monkeypatch.setattr(calls_module, "_MAX_ENDED_BY_FLOW", 2)
    log = told_log_of("a", "b", "c")
    for call_id in "abc":
        log.end(call_id)
    assert ended_after(log) == ["b", "c"]


def test_a_batch_that_speaks_of_calls_has_seen_the_newest_revision_that_came_with_them():
    log = CallLog()
    log.add(Run("a", revision=5))
    log.add(Run("b", revision=3))
    updates = [CallUpdate(call_id, CallState.RUNNING) for call_id in ("a", "b", "other")]
    assert log.told_with(updates) == 5
    assert log.told_with(updates[1:]) == 3
    assert log.told_with(updates[2:]) == 0
    for call in log.open_calls():
        call.is_told = True
    log.end("a")
    assert log.told_with(updates) == 5


def test_what_is_kept_of_calls_is_all_there_is():
    log = log_of("a", "b", "c")
    log.take([CallUpdate("a", CallState.RUNNING), CallUpdate("b", CallState.SUCCEEDED)])
    log.add(Run("d"))
    for call in log.open_calls():
        call.is_told = True
    log.end("d")
    again = CallLog()
    again.load(log.dump())
    assert again.dump() == log.dump()
    assert [call.run.call_id for call in again.open_calls()] == ["a", "c"]
    assert ended_after(again) == ["d"]
    assert [update.call_id for update in again.merge()] == ["a", "b"]
