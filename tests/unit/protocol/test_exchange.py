"""The flow's side over all works, rule by rule."""

import pickle

import pytest

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol import roster as roster_module
from lightgrid.protocol.events import Heard, Joined, Left, Silent
from lightgrid.protocol.exchange import Exchange
from lightgrid.protocol.features import UPDATES
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    CallError,
    CallState,
    CallUpdate,
    Cancel,
    Run,
    Stop,
    Update,
)
from lightgrid.protocol.stream import Wake
from lightgrid.state.delta import Set, Splice

TERMS = LeaseTerms(heartbeat_interval_s=10.0, lease_ttl_s=32.0)
ALL = [("w", Wake.COMMANDS), ("w", Wake.ROOM), ("w", Wake.STREAMS)]


class Flow:
    """An exchange of one work, `w`, and what a flow does with it."""

    def __init__(self, *, has_journal=False, **options):
        self.now_s = 100.0
        self.exchange = Exchange(Limits(), TERMS, self.now_s, has_journal=has_journal)
        self.exchange.add_work("w", {"x": 0}, **options)
        self.view = {"x": 0}

    def register(self, instance="one", session="s", features=()):
        return self.exchange.register("w", instance, session, features, "agent", self.now_s)

    def join(self, *arguments, **options):
        registration = self.register(*arguments, **options)
        return self.exchange.open_stream(registration.session_id, "deltas")

    def offer(self, stream, part):
        return self.exchange.offer(stream, part, self.now_s)

    def merge(self):
        return [self.exchange.merge(name, self.view) for name in self.exchange.pending.take()]

    def quiet(self):
        """Forget what was to be done until now."""
        self.exchange.take_events()
        self.exchange.wakes.take()
        self.exchange.take_news()

    def sweep(self, after_s):
        self.now_s += after_s
        self.exchange.sweep(self.now_s)
        return self.exchange.take_events()

    def pass_time(self, seconds):
        events = []
        for _ in range(round(seconds / 4.0)):
            events += self.sweep(4.0)
        return events


@pytest.fixture
def flow():
    return Flow()


def snapshot(seq=1, value=1, calls=()):
    return Batch(seq, [Set((), {"x": value})], calls, snapshot=True)


def change(seq, value=2):
    return Batch(seq, [Set(("x",), value)])


def reason_of(function, *arguments):
    with pytest.raises(RefusedError) as caught:
        function(*arguments)
    return caught.value.reason


# --- who is let in -----------------------------------------------------------------


def test_only_works_of_the_app_can_join(flow):
    with pytest.raises(RefusedError, match="its works are: w") as caught:
        flow.exchange.register("v", "i", "s", (), "", 0.0)
    assert caught.value.reason is Reason.NO_SUCH_WORK


def test_joining_is_told_once_however_often_a_process_joins(flow):
    assert flow.register().terms == TERMS
    flow.register(session="another")
    assert flow.exchange.take_events() == [Joined("w", "agent")]
    assert flow.exchange.take_events() == []
    assert flow.exchange.works.work_of("s") == ("w", 1)
    assert reason_of(flow.exchange.works.work_of, "another") is Reason.SESSION_UNKNOWN


def test_who_serves_a_work_looks_again_when_a_process_joins_it(flow):
    flow.quiet()
    flow.register()
    assert flow.exchange.wakes.take() == ALL
    assert flow.exchange.wakes.take() == []


def test_a_newer_holders_session_takes_the_place_of_the_last_one(flow):
    flow.register()
    flow.register("two", "s2")
    assert flow.exchange.works.work_of("s2") == ("w", 1)
    assert reason_of(flow.exchange.works.work_of, "s") is Reason.SESSION_UNKNOWN
    assert reason_of(flow.exchange.open_stream, "s", "deltas") is Reason.SESSION_UNKNOWN


def test_a_goodbye_is_told_and_ends_the_session(flow):
    flow.join()
    flow.quiet()
    assert not flow.exchange.take_news()
    flow.exchange.release("s", 0)
    assert flow.exchange.wakes.take() == ALL
    assert flow.exchange.take_news()
    assert flow.exchange.take_events() == [Left("w")]
    assert flow.exchange.pending.take() == ["w"]
    assert not flow.exchange.works.is_held("w")
    assert reason_of(flow.exchange.works.of_session, "s") is Reason.SESSION_UNKNOWN
    flow.exchange.release("s", 0)  # its answer was lost, maybe
    assert flow.exchange.works.work_of("s") == ("w", 1)
    assert not flow.exchange.take_news()
    assert reason_of(flow.exchange.open_stream, "s", "deltas") is Reason.SESSION_UNKNOWN
    assert reason_of(flow.exchange.release, "another", 0) is Reason.SESSION_UNKNOWN


def test_a_bounded_number_of_goodbyes_is_taken_again(flow, monkeypatch):
    monkeypatch.setattr(roster_module, "_MAX_RELEASED", 2)
    for session in ("s1", "s2", "s3"):
        flow.register(session, session)
        flow.exchange.release(session, 0)
    assert [flow.exchange.works.was_released(f"s{n}") for n in (1, 2, 3)] == [False, True, True]


def test_a_goodbye_before_the_last_batch_changes_nothing(flow):
    stream = flow.join()
    assert reason_of(flow.exchange.release, "s", 1) is Reason.BATCHES_PENDING
    flow.exchange.check_live(stream)
    assert flow.exchange.works.is_held("w")


def test_the_calls_of_a_process_that_is_gone_end_and_its_streams_count_no_more(flow):
    stream = flow.join()
    flow.exchange.command("w").call(Run("c"))
    flow.quiet()
    flow.exchange.process_gone("w", CallError("Killed", "by hand"))
    assert flow.exchange.wakes.take() == ALL
    (merged,) = flow.merge()
    assert [(one.call_id, one.state) for one in merged.calls] == [("c", CallState.FAILED)]
    assert reason_of(flow.offer, stream, snapshot()) is Reason.SESSION_UNKNOWN
    flow.exchange.process_gone("removed long ago", None)


def test_the_flow_hears_of_a_call_that_the_process_cannot_read(flow):
    flow.join()
    flow.exchange.command("w").call(Run("c", python_arguments=b"a pickle"))
    flow.quiet()
    assert flow.exchange.commands(flow.exchange.open_stream("s", "commands"))[1:] == []
    assert flow.exchange.take_news()
    flow.exchange.commands(flow.exchange.open_stream("s", "commands"))
    assert not flow.exchange.take_news()  # it only waits still
    (merged,) = flow.merge()
    assert [(one.call_id, one.state) for one in merged.calls] == [("c", CallState.FAILED)]
    flow.exchange.commands(flow.exchange.open_stream("s", "commands"))
    assert not flow.exchange.take_news()  # to tell commands is none for the flow
    assert flow.exchange.pending.take() == []


def test_a_call_that_a_program_succeeded_with_ends_so(flow):
    flow.exchange.command("w").call(Run("c"), by_launch=True)
    flow.exchange.process_gone("w", None, "c")
    (merged,) = flow.merge()
    assert [one.state for one in merged.calls] == [CallState.SUCCEEDED]


def test_a_work_that_is_removed_is_no_work_and_its_streams_count_no_more(flow):
    stream = flow.join()
    flow.offer(stream, snapshot())
    flow.quiet()
    flow.exchange.remove_work("w")
    assert flow.exchange.wakes.take() == ALL
    assert flow.exchange.pending.take() == []
    assert flow.exchange.acks.next_s is None
    assert reason_of(flow.offer, stream, change(2)) is Reason.SESSION_UNKNOWN
    assert reason_of(flow.exchange.works.work_of, "s") is Reason.SESSION_UNKNOWN
    assert reason_of(flow.register) is Reason.NO_SUCH_WORK
    assert len(flow.exchange.works) == 0
    assert not flow.exchange.works.is_held("w")


def test_a_work_that_takes_the_name_of_another_is_the_next_generation(flow):
    flow.exchange.remove_work("w")
    assert flow.exchange.works.generation_of("w") == 1
    assert flow.exchange.works.generation_of("v") == 0
    flow.exchange.add_work("w", {"x": 0})
    assert flow.exchange.works.generation_of("w") == 2
    flow.register()
    assert flow.exchange.works.work_of("s") == ("w", 2)


def test_the_number_of_a_work_may_be_taken_before_it_is_added(flow):
    assert flow.exchange.works.new_generation("v") == 1
    assert flow.exchange.works.new_generation("v") == 2
    flow.exchange.add_work("v", {}, generation=2)
    assert flow.exchange.works["v"].generation == flow.exchange.works.generation_of("v") == 2


def test_the_options_of_a_work_reach_its_link():
    flow = Flow(receives_updates=True)
    flow.join(features=(UPDATES, "of a newer peer"))
    assert flow.exchange.works["w"].link.replica.receives_updates
    assert flow.exchange.take_events() == [Joined("w", "agent", "", (UPDATES,))]


def test_works_are_told_longer_terms_as_they_become_many(flow):
    for number in range(999):
        flow.exchange.add_work(f"v{number}", {})
    assert flow.exchange.terms == LeaseTerms(20.0, 64.0)
    assert flow.register().terms == flow.exchange.terms
    assert flow.exchange.sweep_interval_s == 8.0
    flow.exchange.remove_work("v0")
    assert flow.exchange.terms.lease_ttl_s < 64.0


# --- streams -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "woken"),
    [("deltas", [("w", Wake.STREAMS)]), ("commands", [("w", Wake.COMMANDS)])],
)
def test_a_newer_stream_takes_over_and_the_older_one_hears_of_it(flow, kind, woken):
    flow.register()
    first = flow.exchange.open_stream("s", kind)
    flow.quiet()
    second = flow.exchange.open_stream("s", kind)
    assert flow.exchange.wakes.take() == woken
    assert reason_of(flow.exchange.check_live, first) is Reason.STREAM_SUPERSEDED
    flow.exchange.close_stream(first)
    flow.exchange.check_live(second)
    flow.exchange.close_stream(second)
    assert reason_of(flow.exchange.check_live, second) is Reason.SESSION_UNKNOWN


def test_the_two_kinds_of_stream_do_not_take_over_from_each_other(flow):
    deltas = flow.join()
    commands = flow.exchange.open_stream("s", "commands")
    flow.exchange.check_live(deltas)
    flow.exchange.check_live(commands)
    assert reason_of(flow.exchange.open_stream, "unknown", "deltas") is Reason.SESSION_UNKNOWN


def test_what_is_taken_waits_for_a_merge_and_says_when_to_read_no_more(flow):
    stream = flow.join()
    assert flow.offer(stream, snapshot())
    assert flow.exchange.take_news()
    assert [flow.offer(stream, change(seq)) for seq in range(2, 9)] == [True] * 6 + [False]
    assert not flow.exchange.has_room(stream, flow.now_s)
    flow.quiet()
    (merged,) = flow.merge()
    assert [op.value for op in merged.ops][-1] == 2
    assert ("w", Wake.ROOM) in flow.exchange.wakes.take()
    assert flow.exchange.has_room(stream, flow.now_s)
    assert flow.exchange.pending.take() == []


def test_only_a_stream_that_was_told_to_wait_is_woken_by_a_merge(flow):
    stream = flow.join()
    flow.offer(stream, snapshot())
    flow.quiet()
    flow.merge()
    assert ("w", Wake.ROOM) not in flow.exchange.wakes.take()
    while flow.offer(stream, change(flow.exchange.works["w"].link.intake.acked_seq + 1)):
        pass
    flow.merge()
    assert ("w", Wake.ROOM) in flow.exchange.wakes.take()
    flow.exchange.merge("w", flow.view)
    assert ("w", Wake.ROOM) not in flow.exchange.wakes.take()


def test_a_heartbeat_brings_nothing_to_merge(flow):
    stream = flow.join()
    flow.quiet()
    assert flow.offer(stream, Batch(0))
    assert not flow.exchange.take_news()


def test_works_are_merged_in_the_order_in_which_they_sent():
    flow = Flow()
    for name in ("v", "u"):
        flow.exchange.add_work(name, {"x": 0})
        flow.exchange.register(name, name, name, (), "", 0.0)
        flow.offer(flow.exchange.open_stream(name, "deltas"), snapshot())
    flow.offer(flow.join(), snapshot())
    assert flow.exchange.pending.take() == ["v", "u", "w"]


def test_a_work_is_told_what_it_has_not_seen(flow):
    flow.register()
    flow.exchange.write("w", [Set(("x",), 5)], 3, {"x": 5})
    flow.exchange.command("w").call(Run("c"))
    news = [
        one
        for one in flow.exchange.commands(flow.exchange.open_stream("s", "commands"))
        if isinstance(one, Run)
    ]
    assert [(one.ops, one.revision) for one in news] == [([Set(("x",), 5)], 3)]
    seen = flow.exchange.open_stream("s", "commands", 3)
    assert [one.ops for one in flow.exchange.commands(seen) if isinstance(one, Run)] == [[]]


def test_whoever_tells_a_work_is_woken_for_every_command_and_write(flow):
    flow.quiet()
    flow.exchange.command("w").stop(1.0, 0.0)
    assert flow.exchange.wakes.take() == [("w", Wake.COMMANDS)]
    flow.exchange.write("w", [Set(("x",), 5)], 3, {"x": 5})
    assert flow.exchange.wakes.take() == [("w", Wake.COMMANDS)]


def test_a_stream_that_counts_no_more_tells_nothing(flow):
    flow.register()
    first = flow.exchange.open_stream("s", "commands")
    flow.exchange.open_stream("s", "commands")
    assert reason_of(flow.exchange.commands, first) is Reason.STREAM_SUPERSEDED


def test_a_work_that_asks_gets_the_state_at_first(flow):
    flow.register()
    stream = flow.exchange.open_stream("s", "commands")
    assert flow.exchange.commands(stream, {"x": 7}) == [
        Ack(0, 0),
        Update(0, [Set((), {"x": 7})], snapshot=True),
    ]


def test_everybody_looks_again_when_the_server_ends(flow):
    flow.exchange.add_work("v", {})
    flow.quiet()
    flow.exchange.wakes.add_all(*[one.link.name for one in flow.exchange.works])
    assert len(flow.exchange.wakes.take()) == 6


def test_the_flow_has_news_when_something_happened_or_is_to_be_merged(flow):
    assert not flow.exchange.take_news()
    flow.register()
    assert flow.exchange.take_news()
    flow.quiet()
    assert not flow.exchange.take_news()
    flow.exchange.process_gone("w", None)
    assert flow.exchange.take_news()


def test_what_waits_to_be_merged_is_news_once_and_what_comes_behind_it_again(flow):
    stream = flow.join()
    flow.quiet()
    flow.offer(stream, snapshot())
    assert flow.exchange.take_news()
    assert not flow.exchange.take_news()
    flow.offer(stream, change(2))
    assert flow.exchange.take_news()
    assert len(flow.merge()) == 1


# --- acknowledgements ----------------------------------------------------------------


@pytest.fixture
def told(flow):
    """A function that returns the acks that are told, as production looks: only if woken."""
    flow.stream = flow.join()
    commands = flow.exchange.open_stream("s", "commands")

    def look():
        woken = ("w", Wake.COMMANDS) in flow.exchange.wakes.take()
        return flow.exchange.commands(commands) if woken else []

    look()
    return look


def test_a_batch_is_told_as_applied_in_a_second_at_most(flow, told):
    flow.offer(flow.stream, snapshot())
    assert told() == []
    flow.merge()
    assert told() == []
    flow.exchange.tell_acks(flow.now_s + 0.9)
    assert told() == []
    assert flow.exchange.acks.next_s == flow.now_s + 1.0
    flow.exchange.tell_acks(flow.now_s + 1.0)
    assert told() == [Ack(1, 1)]


def test_sixteen_batches_are_told_as_taken_at_once_and_as_applied_in_time(flow, told):
    for seq in range(1, 16):
        flow.offer(flow.stream, snapshot(seq))
    assert told() == []
    flow.offer(flow.stream, snapshot(16))
    assert told() == [Ack(16, 0)]
    flow.merge()
    flow.exchange.tell_acks(flow.now_s + 1.0)
    assert told() == [Ack(16, 16)]


def test_after_sixteen_batches_it_counts_anew(flow, told):
    for seq in range(1, 17):
        flow.offer(flow.stream, snapshot(seq))
    told()
    for seq in range(17, 32):
        flow.offer(flow.stream, snapshot(seq))
    assert told() == []


def test_a_new_command_stream_begins_with_how_far_the_server_is(flow, told):
    flow.offer(flow.stream, snapshot())
    flow.merge()
    flow.exchange.tell_acks(flow.now_s + 1.0)
    told()
    assert flow.exchange.commands(flow.exchange.open_stream("s", "commands")) == [Ack(1, 1)]


def test_what_was_told_as_taken_is_told_as_applied_with_the_merge(flow, told):
    flow.offer(flow.stream, snapshot())
    flow.exchange.tell_acks(flow.now_s + 1.0)
    assert told() == [Ack(1, 0)]
    flow.merge()
    assert told() == [Ack(1, 1)]


def test_a_heartbeat_behind_a_batch_asks_for_an_ack_that_comes_with_the_merge(flow, told):
    flow.offer(flow.stream, snapshot())
    flow.offer(flow.stream, Batch(0))
    assert told() == []
    flow.merge()
    assert told() == [Ack(1, 1)]


def test_a_heartbeat_when_all_is_applied_gets_its_ack_at_once(flow, told):
    flow.offer(flow.stream, snapshot())
    flow.merge()
    flow.offer(flow.stream, Batch(0))
    assert told() == [Ack(1, 1)]


def test_a_batch_that_comes_twice_is_not_counted_again(flow, told):
    flow.offer(flow.stream, snapshot())
    for _ in range(20):
        flow.offer(flow.stream, snapshot())
    assert told() == []
    flow.merge()
    flow.offer(flow.stream, snapshot())
    assert told() == []


def test_other_commands_do_not_bring_an_ack_that_waits(flow, told):
    flow.offer(flow.stream, snapshot())
    flow.exchange.command("w").stop(1.0, 0.0)
    assert told() == [Stop(1.0)]


# --- silence -----------------------------------------------------------------------


def test_silence_past_the_lease_ends_the_session_and_the_next_epoch_begins_with_a_snapshot(flow):
    stream = flow.join()
    flow.offer(stream, snapshot())
    flow.quiet()
    assert flow.pass_time(28.0) == []
    assert flow.pass_time(40.0) == [Silent("w")]
    assert flow.exchange.wakes.take() == ALL
    assert not flow.exchange.works.is_held("w")
    assert reason_of(flow.offer, stream, Batch(0)) is Reason.SESSION_UNKNOWN
    assert reason_of(flow.exchange.open_stream, "s", "deltas") is Reason.SESSION_UNKNOWN
    again = flow.register(session="s2")
    assert (again.epoch, again.acked_seq, again.snapshot_required) == (2, 0, True)
    assert flow.exchange.take_events() == [Heard("w"), Joined("w", "agent")]
    assert flow.pass_time(40.0) == [Silent("w")]


def test_calls_go_on_over_a_lost_session_of_a_process_that_comes_back(flow):
    flow.join()
    flow.exchange.command("w").call(Run("c"))
    flow.pass_time(40.0)
    flow.merge()
    flow.register(session="s2")
    told = flow.exchange.commands(flow.exchange.open_stream("s2", "commands"))
    assert [one.call_id for one in told if isinstance(one, Run)] == ["c"]


def test_a_work_that_has_not_left_within_its_grace_is_shown_out(flow):
    stream = flow.join()
    flow.exchange.command("w").stop(8.0, flow.now_s)
    flow.sweep(4.0)
    flow.exchange.check_live(stream)
    assert flow.sweep(4.0) == []  # nobody is lost
    assert reason_of(flow.offer, stream, Batch(0)) is Reason.WORK_STOPPED
    assert reason_of(flow.register) is Reason.WORK_STOPPED
    assert reason_of(flow.exchange.works.work_of, "s") is Reason.SESSION_UNKNOWN
    flow.quiet()
    assert flow.sweep(4.0) == []
    assert flow.exchange.wakes.take() == []


def test_a_work_that_may_be_again_is_not_shown_out(flow):
    flow.exchange.command("w").stop(1.0, flow.now_s)
    flow.exchange.command("w").allow_again()
    stream = flow.join()
    flow.sweep(4.0)
    flow.exchange.check_live(stream)


def test_a_process_that_something_else_has_launched_may_join_what_the_flow_does_not_launch(flow):
    flow.exchange.register("w", "i", "s", (), "", 0.0, "of another app")
    assert flow.exchange.works.is_held("w")


def test_a_process_of_an_earlier_launch_does_not_count(flow):
    flow.exchange.command("w").allow_again("second")
    register = flow.exchange.register
    assert reason_of(register, "w", "one", "s", (), "", 0.0, "first") is Reason.EPOCH_FENCED
    assert register("w", "two", "s", (), "", 0.0, "second").epoch == 1
    assert flow.exchange.take_events() == [Joined("w", "", "second")]


def test_launches_and_stops_outlive_the_server(flow):
    flow.exchange.command("w").allow_again("second")
    flow.exchange.register("w", "two", "s", (), "", flow.now_s, "second")
    flow.exchange.command("w").stop(8.0, flow.now_s)
    again = restarted(flow)
    register = again.exchange.register
    assert reason_of(register, "w", "one", "x", (), "", again.now_s, "first") is (
        Reason.EPOCH_FENCED
    )
    register("w", "two", "s", (), "", again.now_s, "second")
    stream = again.exchange.open_stream("s", "deltas")
    again.sweep(4.0)
    again.exchange.check_live(stream)  # it has the whole grace once more
    again.sweep(4.0)
    assert reason_of(again.exchange.check_live, stream) is Reason.WORK_STOPPED


def test_what_a_process_still_says_that_has_left_or_was_replaced_is_fenced(flow):
    stream = flow.join()
    flow.exchange.release("s", 0)
    assert reason_of(flow.exchange.check_live, stream) is Reason.EPOCH_FENCED
    second = flow.join("two", "s2")
    assert reason_of(flow.exchange.check_live, stream) is Reason.EPOCH_FENCED
    flow.exchange.close_stream(second)
    flow.join("three", "s3")
    assert reason_of(flow.exchange.check_live, second) is Reason.EPOCH_FENCED


def test_the_stream_of_a_session_that_was_given_up_says_only_that_it_is_over(flow):
    stream = flow.join()
    flow.pass_time(40.0)
    assert reason_of(flow.exchange.check_live, stream) is Reason.SESSION_UNKNOWN
    flow.join(session="s2")  # the same process
    assert reason_of(flow.exchange.check_live, stream) is Reason.SESSION_UNKNOWN


def test_a_registration_names_the_life_of_the_tree():
    exchange = Exchange(Limits(), TERMS, 0.0, "tree")
    exchange.add_work("w", {"x": 0})
    assert exchange.register("w", "one", "s", (), "", 0.0).tree_id == "tree"


def test_a_work_that_is_not_read_from_is_alive(flow):
    stream = flow.join()
    flow.quiet()
    for _ in range(4):
        assert flow.pass_time(24.0) == []
        flow.exchange.has_room(stream, flow.now_s)


@pytest.mark.parametrize("stall_s", [8.1, 1000.0])
def test_no_lease_runs_out_while_this_process_itself_stood_still(flow, stall_s):
    flow.join()
    flow.quiet()
    assert flow.pass_time(28.0) == []
    assert flow.sweep(stall_s) == []
    assert flow.sweep(4.0) == [Silent("w")]


def test_two_sweeps_late_is_not_stalled(flow):
    flow.join()
    flow.quiet()
    assert flow.pass_time(28.0) == []
    assert flow.sweep(8.0) == [Silent("w")]


def test_sweeps_come_eight_times_in_a_lease_but_not_all_the_time():
    assert Flow().exchange.sweep_interval_s == 4.0
    assert Exchange(Limits(), LeaseTerms(0.1, 0.2), 0.0).sweep_interval_s == 0.05


def test_the_next_holder_is_heard_and_may_fall_silent_as_well(flow):
    flow.register()
    flow.quiet()
    assert flow.pass_time(40.0) == [Silent("w")]
    flow.register("two", "s2")
    assert flow.exchange.take_events() == [Heard("w"), Joined("w", "agent")]
    assert flow.pass_time(40.0) == [Silent("w")]


def test_who_is_heard_again_is_so_once(flow):
    flow.register()
    flow.pass_time(40.0)
    flow.register(session="s2")
    flow.exchange.release("s2", 0)
    flow.quiet()
    flow.register("two", "s3")
    assert flow.exchange.take_events() == [Joined("w", "agent")]


def test_of_a_silent_holder_that_is_gone_nothing_is_heard_again(flow):
    flow.register()
    flow.pass_time(40.0)
    flow.exchange.process_gone("w", None)
    flow.quiet()
    flow.register("two", "s2")
    assert flow.exchange.take_events() == [Joined("w", "agent")]


# --- over a restart of the server ---------------------------------------------------


def restarted(flow, **options):
    """Return a flow that has what another one owed, ten seconds later."""
    record = pickle.loads(pickle.dumps(flow.exchange.dump()))
    new = Flow(**options)
    new.now_s = flow.now_s + 10.0
    new.exchange = Exchange(Limits(), TERMS, new.now_s)
    new.exchange.add_work("w", {"x": 0}, **options)
    new.view = dict(flow.view)
    assert new.exchange.load(record, new.now_s) == []
    return new


def test_a_process_goes_on_after_a_restart_where_it_was(flow):
    stream = flow.join()
    flow.offer(stream, snapshot())
    flow.offer(stream, change(2))
    again = restarted(flow)
    registration = again.register(session="another")
    assert (registration.session_id, registration.epoch) == ("s", 1)
    assert (registration.acked_seq, registration.snapshot_required) == (2, False)
    assert again.exchange.take_events() == []  # it has not joined anew
    again.offer(again.exchange.open_stream("s", "deltas"), change(3, 9))
    assert again.exchange.works["w"].link.replica.published == {"x": 9}


def test_a_session_is_known_before_its_process_registers_again(flow):
    flow.register()
    assert restarted(flow).exchange.works.work_of("s") == ("w", 1)


def test_what_was_taken_and_not_merged_is_merged_after_the_restart(flow):
    stream = flow.join()
    flow.exchange.command("w").call(Run("c"))
    flow.offer(stream, snapshot(calls=[CallUpdate("c", CallState.SUCCEEDED)]))
    (merged,) = restarted(flow).merge()
    assert merged.ops == [Set(("x",), 1)]
    assert [one.state for one in merged.calls] == [CallState.SUCCEEDED]


def test_calls_without_an_end_are_told_again_with_what_the_flow_had_written(flow):
    flow.register()
    flow.exchange.write("w", [Set(("x",), 5)], 3, {"x": 5})
    flow.exchange.command("w").call(Run("c", args=(1,)))
    flow.exchange.command("w").call(Run("d"))
    flow.exchange.commands(flow.exchange.open_stream("s", "commands"))
    flow.exchange.command("w").calls.end("d")
    again = restarted(flow)
    again.register()
    _, cancel, run = again.exchange.commands(again.exchange.open_stream("s", "commands"))
    assert (run.call_id, run.args, run.ops) == ("c", (1,), [Set(("x",), 5)])
    assert cancel == Cancel("d")
    again.exchange.command("w").stop(7.0, 0.0)
    again = restarted(again)
    again.register()
    *_, stop = again.exchange.commands(again.exchange.open_stream("s", "commands"))
    assert stop == Stop(7.0)


def test_for_a_lease_after_a_restart_the_holder_on_record_keeps_its_work(flow):
    flow.join()
    again = restarted(flow)
    assert reason_of(again.register, "two", "s2") is Reason.WORK_HELD
    again.now_s += 31.9
    assert reason_of(again.register, "two", "s2") is Reason.WORK_HELD
    again.now_s += 0.1
    assert again.register("two", "s2").epoch == 2
    assert reason_of(again.register) is Reason.EPOCH_FENCED


def test_a_holder_that_is_back_is_awaited_no_more(flow):
    flow.join()
    again = restarted(flow)
    again.register()
    assert again.register("two", "s2").epoch == 2  # it has no stream


def test_a_holder_that_does_not_come_back_is_silent_after_a_whole_lease(flow):
    flow.register()
    again = restarted(flow)
    again.quiet()
    assert again.pass_time(28.0) == []
    assert again.pass_time(8.0) == [Silent("w")]


def test_who_was_fenced_stays_so_and_streams_of_before_pass_for_none_of_now(flow):
    flow.join()
    flow.exchange.process_gone("w", None)
    old = flow.join("two", "s2")
    again = restarted(flow)
    assert reason_of(again.register) is Reason.EPOCH_FENCED
    new = again.join("two", "s2")
    assert new.number > old.number


def test_a_work_that_was_stopped_and_has_left_stays_away(flow):
    flow.register()
    flow.exchange.command("w").stop(1.0, 0.0)
    flow.exchange.release("s", 0)
    again = restarted(flow)
    assert not again.exchange.works.is_held("w")
    assert reason_of(again.register, "two", "s2") is Reason.WORK_STOPPED
    again.exchange.release("s", 0)
    assert reason_of(again.exchange.open_stream, "s", "deltas") is Reason.SESSION_UNKNOWN


def test_a_process_that_was_given_up_gets_a_new_session_after_the_restart(flow):
    flow.register()
    flow.exchange.process_gone("w", None)
    assert reason_of(restarted(flow).exchange.works.work_of, "s") is Reason.SESSION_UNKNOWN
    assert restarted(flow).register(session="s2").epoch == 2
    assert restarted(flow).register("two", "s2").epoch == 2


def test_what_a_started_process_has_seen_is_not_told_to_it(flow):
    flow.exchange.write("w", [Splice(("x",), 0, 0, [1])], 3, {"x": [1]})
    flow.exchange.works["w"].link.process_starts()
    again = restarted(flow)
    again.register()
    assert again.exchange.works["w"].link.replica.told_revision == 3


def test_a_work_that_is_told_of_updates_still_is():
    flow = Flow(receives_updates=True)
    flow.register(features=(UPDATES,))
    again = restarted(flow, receives_updates=True)
    assert again.register().features == (UPDATES,)
    again.exchange.write("w", [Set(("x",), 5)], 3, {"x": 5})
    told = again.exchange.commands(again.exchange.open_stream("s", "commands"))
    assert Update(3, [Set(("x",), 5)]) in told
    other = Flow(receives_updates=True)
    other.register()
    assert (
        not restarted(other, receives_updates=True)
        .exchange.works["w"]
        .link.replica.receives_updates
    )


def test_how_far_the_server_was_is_told_after_the_restart(flow):
    flow.offer(flow.join(), snapshot())
    flow.merge()
    again = restarted(flow)
    again.register()
    assert again.exchange.commands(again.exchange.open_stream("s", "commands")) == [Ack(1, 1)]


def test_a_work_that_is_no_more_is_named_and_generations_stay(flow):
    flow.exchange.remove_work("w")
    flow.exchange.add_work("w", {"x": 0})
    flow.exchange.add_work("v", {"x": 0})
    record = flow.exchange.dump()
    new = Exchange(Limits(), TERMS, 0.0)
    new.add_work("w", {"x": 0})
    assert new.load(record, 0.0) == ["v"]
    assert new.works.generation_of("w") == 2
    assert new.works.generation_of("v") == 1
    assert new.pending.take() == ["w"]
    new.register("w", "i", "s", (), "", 0.0)
    assert new.works.work_of("s") == ("w", 2)


def test_variables_that_are_declared_no_more_are_not_kept_and_new_ones_begin_as_declared():
    flow = Flow()
    flow.offer(flow.join(), snapshot(value=4))
    flow.exchange.write("w", [Set(("x",), 5)], 3, {"x": 5})
    record = flow.exchange.dump()
    new = Exchange(Limits(), TERMS, 0.0)
    new.add_work("w", {"y": 1})
    new.load(record, 0.0)
    replica = new.works["w"].link.replica
    assert replica.published == {"y": 1}
    assert not replica.overlay


def test_what_was_dumped_is_not_changed_by_what_comes_after(flow):
    stream = flow.join()
    flow.offer(stream, snapshot(value=[1]))
    record = flow.exchange.dump()
    flow.offer(stream, Batch(2, [Splice(("x",), 0, 0, [2])]))
    assert record.links["w"].replica.published == {"x": [1]}


# --- with a journal ----------------------------------------------------------------


@pytest.fixture
def journalled():
    """A flow whose exchange waits for a journal, with a work that has joined."""
    flow = Flow(has_journal=True)
    flow.stream = flow.join()
    flow.commands = flow.exchange.open_stream("s", "commands")
    flow.exchange.commands(flow.commands)
    flow.quiet()
    return flow


def acks(flow):
    """Return what is told, as production looks: only if woken."""
    woken = ("w", Wake.COMMANDS) in flow.exchange.wakes.take()
    return flow.exchange.commands(flow.commands) if woken else []


def commit(flow):
    flow.exchange.committed("w", flow.exchange.works["w"].link.mark, flow.now_s)


def test_what_the_journal_does_not_have_is_neither_acknowledged_nor_said_to_be_seen(journalled):
    for seq in range(1, 40):
        journalled.offer(journalled.stream, snapshot(seq))
        journalled.merge()
    journalled.exchange.tell_acks(journalled.now_s + 10.0)
    assert acks(journalled) == []
    assert journalled.register().acked_seq == 0


def test_what_the_journal_has_is_acknowledged_in_a_second_at_most(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    commit(journalled)
    assert acks(journalled) == []
    journalled.exchange.tell_acks(journalled.now_s + 1.0)
    assert acks(journalled) == [Ack(1, 1)]
    assert journalled.register().acked_seq == 1


def test_sixteen_batches_in_the_journal_are_acknowledged_at_once(journalled):
    for seq in range(1, 16):
        journalled.offer(journalled.stream, snapshot(seq))
    journalled.merge()
    commit(journalled)
    assert acks(journalled) == []
    journalled.offer(journalled.stream, snapshot(16))
    journalled.merge()
    commit(journalled)
    assert acks(journalled) == [Ack(16, 16)]


def test_what_the_journal_has_only_counts_as_far_as_it_was_merged(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    journalled.offer(journalled.stream, change(2))
    mark = journalled.exchange.works["w"].link.mark
    journalled.merge()
    journalled.exchange.committed("w", mark, journalled.now_s)
    journalled.exchange.tell_acks(journalled.now_s + 1.0)
    assert acks(journalled) == [Ack(1, 1)]


def test_who_asks_is_told_at_each_commit_until_all_is_in_the_journal(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    mark = journalled.exchange.works["w"].link.mark
    journalled.offer(journalled.stream, change(2))
    journalled.merge()
    journalled.offer(journalled.stream, Batch(0))
    assert acks(journalled) == []
    journalled.exchange.committed("w", mark, journalled.now_s)
    assert acks(journalled) == [Ack(1, 1)]
    commit(journalled)
    assert acks(journalled) == [Ack(2, 2)]
    journalled.offer(journalled.stream, change(3))
    journalled.merge()
    commit(journalled)
    assert acks(journalled) == []


def test_a_commit_that_brings_nothing_new_tells_nothing(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    older = journalled.exchange.works["w"].link.mark
    journalled.offer(journalled.stream, change(2))
    journalled.merge()
    commit(journalled)
    journalled.exchange.tell_acks(journalled.now_s + 1.0)
    assert acks(journalled) == [Ack(2, 2)]
    journalled.exchange.committed("w", older, journalled.now_s)
    journalled.exchange.tell_acks(journalled.now_s + 2.0)
    assert acks(journalled) == []
    assert journalled.register().acked_seq == 2


def test_a_commit_of_another_session_or_a_removed_work_counts_no_more(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    mark = journalled.exchange.works["w"].link.mark
    journalled.exchange.process_gone("w", None)
    journalled.join("two", "t")
    journalled.exchange.committed("w", mark, journalled.now_s)
    assert journalled.register("two").acked_seq == 0
    journalled.exchange.remove_work("w")
    journalled.exchange.committed("w", mark, journalled.now_s)
    assert journalled.exchange.acks.next_s is None


def test_a_goodbye_waits_until_the_last_batch_is_in_the_journal(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    assert reason_of(journalled.exchange.release, "s", 1) is Reason.BATCHES_PENDING
    commit(journalled)
    journalled.exchange.release("s", 1)
    assert journalled.exchange.take_events() == [Left("w")]


def test_what_was_kept_is_acknowledged_and_what_came_later_is_taken_again(journalled):
    journalled.offer(journalled.stream, snapshot())
    journalled.merge()
    record = pickle.dumps(journalled.exchange.dump())
    journalled.offer(journalled.stream, change(2, 7))
    again = Flow(has_journal=True)
    again.exchange.load(pickle.loads(record), again.now_s)
    assert again.register().acked_seq == 1
    stream = again.join()
    again.offer(stream, change(2, 7))
    again.merge()
    assert again.exchange.works["w"].link.intake.taken_seq == 2
