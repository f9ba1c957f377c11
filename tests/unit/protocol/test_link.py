"""The flow's end of a work: names, sessions, leases, streams and commands, rule by rule."""

from dataclasses import replace

import pytest

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol import holder as holder_module
from lightgrid.protocol.features import PYTHON_ARGUMENTS, UPDATES
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.link import WorkLink
from lightgrid.protocol.link_statistics import statistics_of
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    CallError,
    CallErrorReason,
    CallState,
    CallUpdate,
    Cancel,
    Run,
    Stop,
    Update,
)
from lightgrid.protocol.told import Told
from lightgrid.state.delta import Set, Splice

TERMS = LeaseTerms()
SNAPSHOT = Batch(1, [Set((), {"x": []})], snapshot=True)


def new_link(**options):
    return WorkLink("root.w", {"x": []}, Limits(), **options)


def join(link, instance="one", now_s=0.0, features=()):
    link.register(instance, f"session of {instance}", features, TERMS, now_s)
    return link.session.open_stream("deltas")


def reason_of(function, *arguments):
    with pytest.raises(RefusedError) as refused:
        function(*arguments)
    return refused.value.reason


def told_of(link, told, kind):
    return [command for command in link.commands(told) if isinstance(command, kind)]


def flow_writes(link, revision, item):
    at = revision - 1
    link.replica.write([Splice(("x",), at, 0, [item])], revision, {"x": [0] * revision})


def test_the_same_process_gets_its_session_back_and_hears_what_was_taken():
    link = new_link()
    link.offer(join(link), SNAPSHOT, 0.0)
    again = link.register("one", "another", (), TERMS, 1.0)
    assert (again.session_id, again.epoch, again.acked_seq) == ("session of one", 1, 1)
    assert not again.snapshot_required


def test_registering_ends_the_live_streams():
    link = new_link()
    stream = join(link)
    join(link)
    assert reason_of(link.offer, stream, SNAPSHOT, 0.0) is Reason.STREAM_SUPERSEDED


def test_a_stream_of_an_earlier_session_does_not_pass_for_one_of_the_next():
    link = new_link()
    old = join(link)
    link.process_gone(None)
    new = join(link, "two")
    assert old != new
    assert reason_of(link.offer, old, SNAPSHOT, 0.0) is Reason.EPOCH_FENCED


def test_a_connected_holder_keeps_its_name_within_its_lease():
    link = new_link()
    join(link)
    assert reason_of(link.register, "two", "s", (), TERMS, 29.0) is Reason.WORK_HELD
    assert link.register("two", "s", (), TERMS, 30.0).epoch == 2


def test_a_holder_without_a_stream_is_taken_over_and_fenced_for_ever():
    link = new_link()
    link.close_delta_stream(join(link))
    assert link.register("two", "s", (), TERMS, 1.0).epoch == 2
    assert reason_of(link.register, "one", "s", (), TERMS, 1000.0) is Reason.EPOCH_FENCED
    assert reason_of(link.holder.session_of, "session of one") is Reason.SESSION_UNKNOWN


def test_the_lease_is_the_one_that_the_work_was_told():
    link = new_link()
    join(link)
    assert (
        link.register("one", "s", (), LeaseTerms(lease_ttl_s=90.0), 0.0).terms.lease_ttl_s == 90.0
    )
    assert not link.holder.is_lost(89.0)
    assert link.holder.is_lost(90.0)


def test_a_heartbeat_renews_the_lease():
    link = new_link()
    stream = join(link)
    assert link.offer(stream, Batch(0), 20.0) is False
    assert not link.holder.is_lost(49.0)
    assert link.holder.is_lost(50.0)


def test_a_part_that_another_stream_left_does_not_count_on_the_next():
    link = new_link()
    link.offer(join(link), SNAPSHOT, 0.0)
    parts = [
        Batch(2, [Splice(("x",), 0, 0, [1])], more=True),
        Batch(2, [Splice(("x",), 1, 0, [2])]),
    ]
    link.offer(link.session.open_stream("deltas"), parts[0], 0.0)
    stream = link.session.open_stream("deltas")
    for part in parts:
        link.offer(stream, part, 0.0)
    assert link.replica.published == {"x": [1, 2]}


def test_release_waits_for_the_last_batch_and_fences_who_left():
    link = new_link()
    stream = join(link)
    link.call(Run("c"))
    assert reason_of(link.release, 1) is Reason.BATCHES_PENDING
    link.offer(stream, SNAPSHOT, 0.0)
    link.release(1)
    assert not link.is_held
    assert [u.state for u in link.merge({"x": []}).calls] == [CallState.CANCELLED]
    assert reason_of(link.register, "one", "s", (), TERMS, 1.0) is Reason.EPOCH_FENCED


def test_a_program_that_leaves_ends_its_call_by_its_exit_code():
    link = new_link()
    stream = join(link)
    link.call(Run("c"), by_launch=True)
    link.offer(stream, SNAPSHOT, 0.0)
    link.release(1)
    assert not link.is_held
    assert link.merge({"x": []}).calls == []
    link.process_gone(None, "c")
    assert [u.state for u in link.merge({"x": []}).calls] == [CallState.SUCCEEDED]


def test_a_program_has_not_seen_what_was_written_before_the_call_that_started_it():
    link = new_link()
    view = {"x": []}
    link.replica.write([Set(("x",), [1])], 5, view)
    link.call(Run("own"), by_launch=True)
    stream = join(link)
    assert told_of(link, Told(), Run) == []
    # It counts as unseen, so what the program says stands.
    link.offer(stream, Batch(1, snapshot=True, ops=[Set((), {"x": [2]})]), 0.0)
    assert list(link.merge({"x": [1]}).ops) == [Set(("x", "0"), 2)]


def test_a_call_with_python_objects_fails_where_the_process_reads_none():
    link = new_link()
    join(link)
    link.call(Run("plain"))
    link.call(replace(Run("objects"), python_arguments=b"a pickle"))
    assert [run.call_id for run in told_of(link, Told(), Run)] == ["plain"]
    (update,) = link.merge({"x": []}).calls
    assert (update.call_id, update.state) == ("objects", CallState.FAILED)
    assert update.error.reason is CallErrorReason.INVALID_CALL
    assert "reads none" in update.error.message


def test_a_call_with_python_objects_is_sent_where_they_are_read():
    link = new_link()
    join(link, features=(PYTHON_ARGUMENTS,))
    link.call(replace(Run("objects"), python_arguments=b"a pickle"))
    assert [run.call_id for run in told_of(link, Told(), Run)] == ["objects"]


def test_a_write_of_the_flow_that_the_work_never_sees_is_told_once_as_lost():
    link = new_link()
    stream = join(link)
    link.offer(stream, SNAPSHOT, 0.0)
    assert link.merge({"x": []}).lost == ()
    link.replica.write([Set(("x",), [1])], 5, {"x": [1]})
    assert link.merge({"x": [1]}).lost == ()  # it is there until the work changes the variable
    link.offer(stream, Batch(2, [Set(("x",), [2])]), 0.0)
    assert link.merge({"x": [1]}).lost == ("x",)
    link.offer(stream, Batch(3, [Set(("x",), [3])]), 0.0)
    assert link.merge({"x": [2]}).lost == ()


def test_a_process_that_is_gone_fails_its_open_calls():
    link = new_link()
    join(link)
    link.call(Run("c"))
    error = CallError("ProcessExited", "killed")
    link.process_gone(error)
    (update,) = link.merge({"x": []}).calls
    assert (update.state, update.error) == (CallState.FAILED, error)


def test_a_work_that_was_stopped_and_left_stays_away_until_it_is_allowed_again():
    link = new_link()
    join(link)
    link.stop(5.0, 0.0)
    link.process_gone(None)
    assert reason_of(link.register, "two", "s", (), TERMS, 0.0) is Reason.WORK_STOPPED
    link.allow_again()
    assert link.register("two", "s", (), TERMS, 0.0).epoch == 2
    assert told_of(link, Told(), Stop) == []


def test_a_session_is_known_from_its_beginning_until_its_holder_is_gone():
    link = new_link()
    assert reason_of(link.holder.session_of, "session of one") is Reason.SESSION_UNKNOWN
    join(link)
    assert link.holder.session_of("session of one") is link.session
    assert reason_of(link.holder.session_of, "session of two") is Reason.SESSION_UNKNOWN
    link.process_gone(None)
    assert reason_of(link.holder.session_of, "session of one") is Reason.SESSION_UNKNOWN


def test_a_misfit_asks_for_a_snapshot_and_a_misfit_inside_one_is_a_bug():
    link = new_link()
    stream = join(link)
    link.offer(stream, SNAPSHOT, 0.0)
    misfit = Splice(("x",), 9, 0, [1])
    assert reason_of(link.offer, stream, Batch(2, [misfit]), 0.0) is Reason.SNAPSHOT_REQUIRED
    assert link.acked_seq == 1
    assert link.register("one", "s", (), TERMS, 0.0).snapshot_required
    stream = join(link)
    whole = Batch(3, [Set((), {"x": []}), misfit], snapshot=True)
    assert reason_of(link.offer, stream, whole, 0.0) is Reason.BAD_OP


def test_a_stream_carries_nothing_twice_and_a_new_one_all_that_holds():
    link = new_link()
    join(link)
    link.call(Run("a"))
    link.call(Run("b"))
    link.call(Run("c"))
    told = Told()
    assert [type(command) for command in link.commands(told)] == [Ack, Run, Run, Run]
    link.calls.end("b")
    assert link.commands(told) == [Cancel("b")]
    assert link.commands(told) == []
    assert [type(command) for command in link.commands(Told())] == [Ack, Cancel, Run, Run]
    link.stop(5.0, 0.0)
    assert [type(command) for command in link.commands(told)] == [Stop]
    assert [type(command) for command in link.commands(Told())] == [Ack, Run, Run, Stop]


def test_what_ended_before_it_was_told_is_not_told_and_what_came_later_is():
    link = new_link()
    stream = join(link)
    for call_id in "abc":
        link.call(Run(call_id))
    link.offer(stream, SNAPSHOT, 0.0)
    link.offer(stream, Batch(2, calls=[CallUpdate("a", CallState.SUCCEEDED)]), 0.0)
    told = Told()
    assert [run.call_id for run in told_of(link, told, Run)] == ["b", "c"]
    link.calls.end("b")
    link.calls.end("b")
    link.call(Run("d"))
    assert link.commands(told) == [Cancel("b"), Run("d", ops=[])]
    assert told_of(link, Told(), Cancel) == [Cancel("b")]


def test_of_processes_that_are_to_stay_away_a_bounded_number_is_remembered(monkeypatch):
    monkeypatch.setattr(holder_module, "_MAX_FENCED", 3)
    link = new_link()
    for number in range(10):
        join(link, f"process {number}")
        link.release(0)
    assert reason_of(link.register, "process 9", "s", (), TERMS, 0.0) is Reason.EPOCH_FENCED
    assert len(link.dump().holder.fenced) == 3


def test_a_work_that_says_nothing_of_what_it_has_seen_has_seen_what_came_with_a_begun_call():
    link = new_link()
    stream = join(link)
    link.offer(stream, SNAPSHOT, 0.0)
    seq, view = 1, {"x": []}
    for number in range(1, 20):
        flow_writes(link, number, number)
        link.call(Run(f"call {number}"))
        link.commands(Told())
        for state in (CallState.RUNNING, CallState.SUCCEEDED):
            seq += 1
            link.offer(stream, Batch(seq, calls=[CallUpdate(f"call {number}", state)]), 0.0)
        link.merge(view)
    assert not link.replica.overlay
    assert link.replica.published == {"x": list(range(1, 20))}


def test_many_calls_come_some_at_a_time_so_that_an_acknowledgement_need_not_wait():
    link = new_link()
    stream = join(link)
    names = [f"call {number}" for number in range(200)]
    for name in names:
        link.call(Run(name))
    told = Told()
    told_names = [run.call_id for run in told_of(link, told, Run)]
    assert len(told_names) < 100
    link.calls.end(names[0])
    link.calls.end(names[-1])
    link.offer(stream, SNAPSHOT, 0.0)
    commands = []
    while said := link.commands(told):
        assert len(said) < 100
        commands += said
    assert commands[:2] == [Ack(1, 0), Cancel(names[0])]
    told_names += [command.call_id for command in commands[2:] if isinstance(command, Run)]
    assert told_names == names[:-1]  # the last one had ended before it was its turn


def test_telling_of_a_call_looks_at_none_of_those_that_were_told():
    link = new_link()
    join(link)
    told = Told()
    for number in range(50):
        link.call(Run(f"before {number}"))
    link.commands(told)
    for call in link.calls.open_calls():
        call.run = None  # whoever looks at it fails
    for number in range(5):
        link.call(Run(f"after {number}"))
        assert [run.call_id for run in told_of(link, told, Run)] == [f"after {number}"]


def test_a_call_brings_what_the_work_has_not_seen_and_nothing_else():
    link = new_link()
    stream = join(link)
    link.offer(stream, SNAPSHOT, 0.0)
    flow_writes(link, 1, "a")
    link.call(Run("first"))
    flow_writes(link, 2, "b")
    link.call(Run("second"))
    runs = told_of(link, Told(), Run)
    assert [[op.insert for op in run.ops] for run in runs] == [[["a"]], [["b"]]]
    assert [run.revision for run in runs] == [1, 2]
    link.offer(stream, Batch(2, seen_revision=1), 0.0)
    again = told_of(link, Told(revision=1), Run)
    assert [[op.insert for op in run.ops] for run in again] == [[], [["b"]]]


def test_a_process_that_started_with_a_write_is_not_told_of_it():
    link = new_link()
    flow_writes(link, 1, "a")
    link.process_starts()
    flow_writes(link, 2, "b")
    link.call(Run("c"))
    join(link)
    assert link.dump().start_revision == 1
    (run,) = told_of(link, Told(revision=1), Run)
    assert [op.insert for op in run.ops] == [["b"]]


@pytest.mark.parametrize(("features", "count"), [((UPDATES,), 1), ((), 0)])
def test_updates_go_only_to_a_process_that_listed_the_feature(features, count):
    link = new_link(receives_updates=True)
    join(link, features=features)
    flow_writes(link, 1, "a")
    assert len(told_of(link, Told(), Update)) == count


def test_a_call_to_a_process_without_the_feature_brings_what_the_flow_wrote():
    link = new_link(receives_updates=True)
    join(link)
    flow_writes(link, 1, "a")
    link.call(Run("c"))
    (run,) = told_of(link, Told(), Run)
    assert run.revision == 1


def test_taken_and_applied_are_acknowledged_apart():
    link = new_link()
    stream = join(link)
    told = Told()
    link.offer(stream, SNAPSHOT, 0.0)
    assert link.commands(told) == [Ack(1, 0)]
    link.merge({"x": []})
    assert link.commands(told) == [Ack(1, 1)]


def test_a_process_that_was_given_up_and_is_back_still_has_what_it_was_told():
    link = new_link()
    link.offer(join(link), SNAPSHOT, 0.0)
    flow_writes(link, 1, "a")
    link.call(Run("c"))
    link.process_gone(CallError("Lost", "silent"))
    stream = join(link)
    link.offer(stream, Batch(2, [Set((), {"x": ["own"]})], snapshot=True), 0.0)
    link.offer(stream, Batch(3, seen_revision=1), 0.0)
    assert link.replica.published == {"x": ["a", "own"]}


def test_the_next_process_has_not_heard_what_the_one_before_was_told():
    link = new_link()
    link.offer(join(link), SNAPSHOT, 0.0)
    link.replica.write([Set(("x",), [1])], 5, {"x": [1]})
    link.call(Run("c"))
    link.process_gone(CallError("ProcessExited", "killed"))
    stream = join(link, "two")
    link.offer(stream, SNAPSHOT, 0.0)
    link.offer(stream, Batch(2, [Set(("x",), [2])]), 0.0)
    assert link.merge({"x": [1]}).lost == ("x",)


def test_the_newest_call_can_be_ended_as_well():
    link = new_link()
    join(link)
    told = Told()
    link.call(Run("a"))
    link.commands(told)
    link.calls.end("a")
    assert link.commands(told) == [Cancel("a")]


def test_who_comes_after_a_process_is_not_told_which_calls_that_one_was_to_end():
    link = new_link()
    join(link)
    link.call(Run("a"))
    link.commands(Told())
    link.calls.end("a")
    link.process_gone(None)
    join(link, "two")
    assert told_of(link, Told(), Cancel) == []


def test_a_call_that_ended_while_it_waited_to_be_told_is_not_told():
    link = new_link()
    stream = join(link)
    for number in range(100):
        link.call(Run(f"{number}"))
    told = Told()
    link.offer(stream, SNAPSHOT, 0.0)
    link.commands(told)
    link.offer(stream, Batch(2, calls=[CallUpdate("99", CallState.CANCELLED)]), 0.0)
    assert [run.call_id for run in told_of(link, told, Run)][-1] == "98"


def test_the_end_of_an_older_stream_takes_nothing_from_the_newer_one():
    link = new_link()
    old = join(link)
    link.offer(old, SNAPSHOT, 0.0)
    new = link.session.open_stream("deltas")
    link.offer(new, Batch(2, [Splice(("x",), 0, 0, [1])], more=True), 0.0)
    link.close_delta_stream(old)
    assert link.offer(new, Batch(2, [Splice(("x",), 1, 0, [2])]), 0.0)
    assert link.replica.published == {"x": [1, 2]}


def test_a_work_that_gets_the_state_at_first_has_seen_all_that_the_flow_wrote():
    link = new_link()
    join(link)
    flow_writes(link, 1, "a")
    told = Told()
    _, update = link.commands(told, include_state={"x": ["a"]})
    assert (update.revision, told.revision) == (1, 1)


def test_of_calls_that_the_flow_has_ended_the_next_process_hears_nothing():
    for is_gone in (True, False):
        link = new_link()
        join(link)
        link.call(Run("c"))
        told_of(link, Told(), Run)
        link.calls.end("c")
        assert [one.run.call_id for one in link.calls.ended_after(0)] == ["c"]
        if is_gone:
            link.process_gone(None)
            assert link.calls.ended_after(0) == []
        else:
            link.session.end_streams()
        link.register("two", "session of two", (), TERMS, 1.0)
        assert told_of(link, Told(), Cancel) == []


def test_a_work_that_could_take_updates_gets_none_unless_the_flow_lets_it():
    link = new_link()
    join(link, features=(UPDATES,))
    assert not link.replica.receives_updates


def test_the_writes_before_a_call_are_told_by_updates_where_there_are_such():
    link = new_link(receives_updates=True)
    join(link, features=(UPDATES,))
    flow_writes(link, 1, "a")
    link.call(Run("c"))
    (call,) = link.calls.open_calls()
    assert call.run.revision == 0


def test_what_a_journal_has_of_another_session_acknowledges_nothing():
    link = new_link(has_journal=True)
    link.offer(join(link), SNAPSHOT, 0.0)
    assert link.committed(("another session", 1)) == 0
    assert link.intake.acked_seq == 0
    assert link.committed(("session of one", 1)) == 1
    assert link.intake.acked_seq == 1


def test_statistics_say_how_far_a_work_is():
    link = new_link()
    link.offer(join(link), SNAPSHOT, 0.0)
    link.call(Run("c"))
    link.call(Run("d"))
    found = statistics_of(link)
    assert (found.is_held, found.last_seq, found.pending_ops, found.open_calls) == (True, 1, 1, 2)
