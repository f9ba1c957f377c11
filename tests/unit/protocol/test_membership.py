"""What an answer of the flow server means for a work, rule by rule."""

import pytest

from lightgrid.errors import FlowUnavailableError, FlowUntrustedError, Reason, RefusedError
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.membership import Again, Leave, Membership, longest_pause_s
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    Cancel,
    Registration,
    Resync,
    Run,
    Stop,
    Update,
)
from lightgrid.protocol.outbox import Outbox
from lightgrid.state.delta import Set


class Work:
    """A work's side, in one piece."""

    def __init__(self, **options):
        self.outbox = Outbox(lambda: {"x": 1})
        self.membership = Membership(self.outbox, lambda: 0.5, **options)

    def join(self, now_s=0.0, *, session="s", acked_seq=0, snapshot=False, terms=None, tree_id=""):
        self.membership.begin(now_s)
        terms = LeaseTerms() if terms is None else terms
        limits = Limits(max_nodes=7)
        self.membership.registered(
            Registration(session, 1, acked_seq, snapshot, terms, limits, tree_id=tree_id)
        )

    def fail_to_reach(self, now_s):
        self.membership.begin(now_s)
        return self.end(LOST, now_s)

    def come_up(self, now_s=0.0, **options):
        self.join(now_s, **options)
        assert self.membership.next_message(now_s) == Batch(0)

    def end(self, error, now_s=0.0):
        return self.membership.ended(error, now_s)


@pytest.fixture
def work():
    return Work()


def refused(reason, **facts):
    return RefusedError(reason, "no", facts)


LOST = FlowUnavailableError("lost")


def test_who_has_not_registered_yet_knows_nothing(work):
    one = work.membership
    assert (one.session_id, one.applied_seq, one.limits) == ("", 0, Limits())
    assert not one.is_up
    assert not one.is_over


# --- registering -----------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [None, LOST, refused(Reason.SESSION_UNKNOWN), refused(Reason.STREAM_SUPERSEDED),
     refused(Reason.SEQUENCE_GAP)],
    ids=repr,
)  # fmt: skip
def test_it_registers_again_at_once_when_a_session_ends(work, error):
    work.join()
    assert work.end(error) == Again(0.0)
    assert work.membership.session_id == ""
    assert not work.membership.is_over


@pytest.mark.parametrize(
    "reason",
    [Reason.EPOCH_FENCED, Reason.WORK_STOPPED, Reason.NO_SUCH_WORK, Reason.BAD_OP,
     Reason.LIMIT_EXCEEDED, Reason.TOKEN_INVALID, Reason.NOT_ALLOWED, Reason.BATCHES_PENDING],
)  # fmt: skip
def test_it_leaves_for_any_other_reason(work, reason):
    error = refused(reason)
    assert work.end(error) == Leave(error)
    assert work.membership.is_over
    assert not work.membership.was_released


def test_it_leaves_a_server_that_it_cannot_believe_unless_it_believed_it_before(work):
    error = FlowUntrustedError("nobody has signed its certificate")
    work.membership.begin(0.0)
    assert work.end(error) == Leave(error)


def test_it_waits_for_the_server_it_believed_while_another_one_answers(work):
    work.join()
    work.end(LOST)
    work.membership.begin(1.0)
    assert isinstance(work.end(FlowUntrustedError("someone else"), 1.0), Again)
    assert not work.membership.is_over


def test_pauses_grow_while_nothing_comes_of_it_and_begin_anew_after_a_batch_was_taken(work):
    pauses = []
    for _ in range(4):
        work.join()
        pauses.append(work.end(LOST).after_s)
    assert pauses == [0.0, 0.05, 0.1, 0.2]
    work.outbox.put([Set(("x",), 1)])
    work.join()
    work.outbox.acked(1)
    assert work.end(LOST).after_s == 0.0
    work.join(acked_seq=1)
    assert work.end(LOST).after_s == 0.05


def test_pauses_begin_anew_after_a_connection_that_held_for_two_seconds(work):
    for now_s, end_s in ((0.0, 0.0), (10.0, 12.0)):
        work.join(now_s)
        pause_s = work.end(LOST, end_s).after_s
    assert pause_s == 0.05
    work.join(20.0)
    assert work.end(LOST, 22.1).after_s == 0.0


def test_pauses_are_random_up_to_five_seconds():
    assert [longest_pause_s(failures) for failures in (0, 1, 2, 3)] == [0.0, 0.1, 0.2, 0.4]
    assert longest_pause_s(7) == 5.0
    assert longest_pause_s(10**6) == 5.0


def test_a_demand_for_a_snapshot_is_met_and_the_third_in_a_row_is_too_much(work):
    demand = refused(Reason.SNAPSHOT_REQUIRED)
    for _ in range(2):
        work.come_up()
        assert work.end(demand, 60.0) == Again(0.0)
        work.come_up()
        assert work.membership.next_message(0.0).snapshot
    last = work.end(demand)
    assert isinstance(last, Leave)
    assert "3 times" in str(last.error)


def test_a_demand_that_does_not_say_what_was_taken_is_no_sign_of_a_batch(work):
    for _ in range(2):
        assert isinstance(work.end(refused(Reason.SNAPSHOT_REQUIRED, taken_seq=0)), Again)
    assert isinstance(work.end(refused(Reason.SNAPSHOT_REQUIRED)), Leave)


def test_a_held_work_is_asked_for_once_a_second_or_as_the_server_says(work):
    work.membership.begin(0.0)
    assert work.end(refused(Reason.WORK_HELD)) == Again(1.0)
    work.membership.begin(1.0)
    assert work.end(refused(Reason.WORK_HELD, retry_after_s=0.2), 1.0) == Again(0.2)
    for _ in range(4):
        work.membership.begin(1.0)
        again = work.end(refused(Reason.WORK_HELD, retry_after_s="0.2"), 1.0)
    assert again == Again(0.8)  # the pause that has grown is the longer one


def test_a_work_that_stays_held_for_a_minute_is_left(work):
    held = refused(Reason.WORK_HELD)
    for now_s in (5.0, 64.9, 65.0):
        work.membership.begin(now_s)
        assert isinstance(work.end(held, now_s), Again)
    work.membership.begin(65.1)
    assert work.end(held, 65.1) == Leave(held)


def test_the_minute_begins_anew_after_a_session(work):
    held = refused(Reason.WORK_HELD)
    work.membership.begin(0.0)
    work.end(held)
    work.join(10.0)
    work.end(LOST, 10.0)
    work.membership.begin(70.0)
    assert isinstance(work.end(held, 70.0), Again)


def test_one_that_does_not_wait_leaves_a_held_work_at_once():
    work = Work(waits_for_holder=False)
    assert isinstance(work.end(refused(Reason.WORK_HELD)), Leave)


def test_a_server_that_does_not_answer_is_tried_for_as_long_as_it_has_said(work):
    work.join(0.0, terms=LeaseTerms(rejoin_timeout_s=15.0))
    assert work.end(None, 100.0) == Again(0.0)  # until then it was there
    assert isinstance(work.fail_to_reach(115.0), Again)
    assert work.fail_to_reach(115.1) == Leave(LOST)
    assert work.membership.is_over


def test_a_server_was_there_for_as_long_as_a_session_was(work):
    terms = LeaseTerms(rejoin_timeout_s=15.0)
    for begun_s in (0.0, 100.0):
        work.join(begun_s, terms=terms)
        assert isinstance(work.end(LOST, begun_s + 50.0), Again)


def test_a_server_that_refuses_has_answered(work):
    work.join(0.0, terms=LeaseTerms(rejoin_timeout_s=15.0))
    work.end(LOST, 0.0)
    work.membership.begin(14.0)
    work.end(refused(Reason.WORK_HELD), 14.0)
    assert isinstance(work.fail_to_reach(29.0), Again)
    assert work.fail_to_reach(29.1) == Leave(LOST)


def test_a_server_that_never_answered_is_tried_for_a_minute_from_the_first_time(work):
    assert isinstance(work.fail_to_reach(100.0), Again)
    assert isinstance(work.fail_to_reach(160.0), Again)
    assert work.fail_to_reach(160.1) == Leave(LOST)


def test_revisions_of_another_tree_mean_nothing(work):
    work.outbox.seen_revision = 7
    work.join(tree_id="a")
    assert work.membership.open_commands() == 7  # it may have come with the start
    work.join(tree_id="a")
    assert work.membership.open_commands() == 7
    work.join(tree_id="b")
    assert work.membership.open_commands() == 0
    work.outbox.seen_revision = 9
    work.join(tree_id="b")
    assert work.membership.open_commands() == 9


def test_a_session_brings_the_limits_and_the_outbox_hears_how_far_the_server_is(work):
    work.outbox.put([Set(("x",), 1)])
    work.outbox.put([Set(("x",), 2)])
    work.join(acked_seq=1)
    assert work.membership.limits == Limits(max_nodes=7)
    assert work.membership.session_id == "s"
    assert work.outbox.acked_seq == 1
    work.join(snapshot=True, acked_seq=1)
    assert work.outbox.has_unsent
    work.come_up(acked_seq=1)
    assert work.membership.next_message(0.0).snapshot


# --- the delta stream ----------------------------------------------------------------


def test_a_stream_begins_with_a_heartbeat_and_carries_nothing_before(work):
    work.outbox.put([Set(("x",), 1)])
    assert not work.membership.is_up
    work.join()
    assert not work.membership.is_up
    assert work.membership.next_message(0.0) == Batch(0)
    assert work.membership.is_up
    assert work.membership.next_message(0.0).seq == 1
    assert work.membership.next_message(0.0) is None
    work.end(LOST)
    assert not work.membership.is_up
    work.join()
    assert not work.membership.is_up
    assert work.membership.next_message(0.0) == Batch(0)


def test_a_heartbeat_goes_out_when_nothing_else_did_for_the_interval(work):
    work.come_up(terms=LeaseTerms(heartbeat_interval_s=4.0))
    assert work.membership.next_heartbeat_s == 4.0
    assert work.membership.next_message(3.9) is None
    work.outbox.put([Set(("x",), 1)])
    assert work.membership.next_message(3.9).seq == 1
    assert work.membership.next_message(7.8) is None
    assert work.membership.next_message(7.9) == Batch(0)
    assert work.membership.next_message(7.9) is None


def test_who_wants_an_ack_sends_a_heartbeat_behind_its_batches_and_one_alone(work):
    work.come_up()
    work.outbox.put([Set(("x",), 1)])
    work.membership.ask_for_ack()
    sent = [work.membership.next_message(0.0) for _ in range(3)]
    assert [None if batch is None else batch.seq for batch in sent] == [1, 0, None]


def test_who_wants_the_flows_state_sends_heartbeats_alone_until_it_is_there():
    work = Work(wants_state=True)
    work.outbox.put([Set(("x",), 1)])
    work.come_up()
    assert not work.membership.is_up
    assert work.membership.next_message(0.0) is None
    assert work.membership.next_message(10.0) == Batch(0)
    work.membership.take(Update(1, []))
    assert work.membership.wants_state
    whole = Update(1, [Set((), {"x": 1})], snapshot=True)
    assert work.membership.take(whole) is whole
    assert work.membership.is_up
    assert work.membership.next_message(10.0).seq == 1


# --- the command stream ----------------------------------------------------------------


def test_an_ack_says_how_far_the_server_is_and_never_less(work):
    work.outbox.put([Set(("x",), 1)])
    work.come_up()
    assert work.membership.take(Ack(1, 1)) is None
    work.membership.take(Ack(1, 0))
    assert (work.outbox.acked_seq, work.membership.applied_seq) == (1, 1)


def test_what_was_applied_counts_in_its_session_alone(work):
    work.come_up()
    work.membership.take(Ack(0, 5))
    work.join(session="s")
    assert work.membership.applied_seq == 5
    work.join(session="another")
    assert work.membership.applied_seq == 0


def test_a_server_that_wants_a_snapshot_gets_one(work):
    work.come_up()
    assert work.membership.take(Resync()) is None
    assert work.membership.next_message(0.0).snapshot


def test_a_call_is_executed_once_however_often_it_is_told(work):
    work.come_up()
    run = Run("a")
    assert work.membership.take(run) is run
    assert work.membership.take(run) is None
    assert work.membership.next_message(0.0) is None


def test_a_call_that_waits_is_executed_as_the_newest_command_stream_tells_it(work):
    work.come_up()
    first, second = Run("a"), Run("a")
    assert work.membership.take(first) is first
    work.membership.open_commands()
    assert work.membership.take(second) is second


def test_a_cancel_reaches_the_process_when_its_call_runs():
    calls = KnownCalls()
    work = Work(calls=calls)
    run = Run("b")
    work.membership.take(Run("a"))
    work.membership.take(run)
    assert work.membership.take(Cancel("a")) is None
    calls.begin(run)
    assert work.membership.take(Cancel("b")) == Cancel("b")


@pytest.mark.parametrize("command", [Stop(1.0), Update(1, [])], ids=repr)
def test_other_commands_are_left_to_the_process(work, command):
    assert work.membership.take(command) is command


# --- leaving ---------------------------------------------------------------------------


def test_a_goodbye_comes_behind_a_snapshot_that_is_still_to_be_sent(work):
    work.come_up(snapshot=True)
    work.membership.leave(0.0)
    assert work.membership.goodbye(0.0) is None
    work.membership.next_message(0.0)
    assert work.membership.goodbye(0.0) == 1


def test_a_goodbye_comes_behind_the_last_batch(work):
    work.come_up()
    work.outbox.put([Set(("x",), 1)])
    work.membership.leave(0.0)
    assert work.membership.goodbye(0.0) is None
    work.membership.next_message(0.0)
    assert work.membership.goodbye(0.0) == 1
    work.membership.released()
    assert work.membership.is_over
    assert work.membership.was_released


@pytest.mark.parametrize(
    ("error", "pause_s"),
    [(LOST, 0.1), *((refused(reason), 0.005) for reason in (
        Reason.BATCHES_PENDING, Reason.SESSION_UNKNOWN, Reason.STREAM_SUPERSEDED,
        Reason.SEQUENCE_GAP,
    ))],
    ids=str,
)  # fmt: skip
def test_a_goodbye_that_was_not_heard_is_said_again(work, error, pause_s):
    work.come_up()
    work.membership.leave(5.0)
    work.membership.not_released(error, 5.0)
    assert work.membership.goodbye(5.0 + 0.9 * pause_s) is None
    assert work.membership.goodbye(5.0 + pause_s) == 0
    assert not work.membership.is_over


@pytest.mark.parametrize("reason", [Reason.EPOCH_FENCED, Reason.WORK_STOPPED])
def test_who_is_told_to_go_says_no_goodbye_again(work, reason):
    work.come_up()
    work.membership.leave(0.0)
    work.membership.not_released(refused(reason), 0.0)
    assert work.membership.is_over
    assert not work.membership.was_released


def test_a_reason_that_no_goodbye_should_meet_is_an_error(work):
    work.come_up()
    with pytest.raises(RefusedError):
        work.membership.not_released(refused(Reason.BAD_OP), 0.0)


def leaving(work):
    """Let a work leave that a server has told to wait a quarter of a minute for it."""
    work.come_up(7.0, terms=LeaseTerms(rejoin_timeout_s=15.0))
    work.outbox.put([Set(("x",), 1)])
    work.membership.next_message(7.0)
    work.membership.leave(7.0)


def test_who_leaves_waits_for_a_server_that_is_away_as_long_as_it_has_said(work):
    leaving(work)
    work.end(LOST, 8.0)
    assert work.membership.goodbye(21.9) is None
    assert not work.membership.is_over
    assert work.membership.goodbye(22.0) is None
    assert work.membership.is_over
    assert not work.membership.was_released


def test_who_leaves_waits_for_its_last_acknowledgement_as_long_as_the_server_has_said(work):
    leaving(work)
    for now_s in (7.0, 12.0, 17.0, 21.9):
        assert work.membership.goodbye(now_s) == 1
        work.membership.not_released(refused(Reason.BATCHES_PENDING), now_s)
    assert work.membership.goodbye(22.0) is None
    assert work.membership.is_over


def test_who_leaves_says_goodbye_when_the_server_is_back(work):
    leaving(work)
    work.end(LOST, 8.0)
    assert work.membership.goodbye(9.0) is None
    work.come_up(20.0)
    work.membership.next_message(20.0)
    assert work.membership.goodbye(20.0) == 1
