"""Bugs that were planted on purpose: the simulation has to find each of them."""

from dataclasses import replace

import pytest
from simulation.promises import ViolationError
from simulation.world import World

from lightgrid.errors import MisfitError, Reason, RefusedError
from lightgrid.protocol.calls import CallLog
from lightgrid.protocol.exchange import Exchange
from lightgrid.protocol.holder import Holder
from lightgrid.protocol.intake import Intake
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.link import WorkLink
from lightgrid.protocol.membership import Leave, Membership
from lightgrid.protocol.messages import Ack
from lightgrid.protocol.outbox import Outbox
from lightgrid.protocol.overlay import Overlay
from lightgrid.protocol.pending import Pending
from lightgrid.protocol.publisher import Publisher
from lightgrid.protocol.replica import Replica
from lightgrid.protocol.session import Lease, Session
from lightgrid.state.delta import apply, apply_fitting, variable_of

MAX_SEEDS = 2000

offer = Intake.offer
commands, register = WorkLink.commands, WorkLink.register
admit = Holder.admit
registered, put, next_batch = Outbox.registered, Outbox.put, Outbox.next
take, merge, settle = Replica.take, Replica.merge, Replica._settle_overlay
take_snapshot = Replica._take_snapshot
write, add, take_calls = Replica.write, CallLog.add, CallLog.take
receive = Publisher.receive
hear = KnownCalls.hear
membership_registered = Membership.registered
next_message, ended = Membership.next_message, Membership.ended
goodbye, demand_snapshot = Membership.goodbye, Outbox.demand_snapshot
committed, sweep, take_pending = WorkLink.committed, Exchange.sweep, Pending.take
exchange_offer = Exchange.offer
release, load = WorkLink.release, WorkLink.load
load_holder, load_replica, load_calls = Holder.load, Replica.load, CallLog.load


def apply_again_what_was_taken(self, part):
    if part.seq <= self.taken_seq and not part.snapshot and not part.more and not self._staged:
        return part
    return offer(self, part)


def go_on_one_too_late(self, acked_seq, *, snapshot_required):
    registered(self, acked_seq, snapshot_required=snapshot_required)
    self._unsent = max(self._unsent - 1, 0)


def go_on_with_what_was_not_sent_before(self, acked_seq, *, snapshot_required):
    unsent = self._unsent
    registered(self, acked_seq, snapshot_required=snapshot_required)
    self._unsent = min(unsent, len(self._kept))


def apply_before_the_batch_is_whole(self, part):
    batch = offer(self, replace(part, more=False))
    if batch is not None and part.more:
        self.taken_seq = part.seq - 1
        self.snapshot_required = False
    return batch


def join_without_ending_streams(self, *arguments):
    kept = Session.end_streams
    Session.end_streams = lambda session: None
    try:
        return register(self, *arguments)
    finally:
        Session.end_streams = kept


def use_the_number_again(self):
    if self._snapshot_needed and self._last_seq > self._acked_seq:
        self._last_seq = max(self._acked_seq, self._last_seq - 1)
    return next_batch(self)


def snapshot_without_calls(self):
    batch = next_batch(self)
    if batch is not None and batch.snapshot:
        batch.calls = []
    return batch


def forget_calls_when_sent(self, ops=(), calls=()):
    put(self, ops, calls)
    if not self._snapshot_needed:
        self._ends.clear()
        self._begun.clear()


def let_calls_move_back(self, updates):
    for update in updates:
        if update.call_id in self._calls:
            self._calls[update.call_id].update = update
            self._news.append(update)


def equal_calls_are_one(self, run):
    for call in list(self.open_calls()):
        if (call.run.method_name, call.run.args) == (run.method_name, run.args):
            return
    add(self, run)


def demands_count_for_ever(self, taken_seq=0):
    self._demanded_ever = getattr(self, "_demanded_ever", 0) + 1
    self._demanded_at_seq, self._snapshot_demands = taken_seq, self._demanded_ever - 1
    demand_snapshot(self, taken_seq)


def joining_is_a_demand(self, acked_seq, *, snapshot_required):
    registered(self, acked_seq, snapshot_required=snapshot_required)
    self.demand_snapshot()


def read_on_without_bound(self):
    return True


def a_lease_that_is_not_renewed(self, now_s):
    pass


def move_the_overlay_after_the_ops(self, batch):
    seen, self.overlay = self.overlay, Overlay()
    take(self, batch)
    self.overlay = seen
    self._move_overlay(batch.seen_revision)


def misfits_stop_the_overlay(self, seen_revision):
    seen = [write.op for write in self.overlay if write.revision <= seen_revision]
    self.overlay = Overlay(write for write in self.overlay if write.revision > seen_revision)
    for op in seen:
        if not apply_fitting(self.published, [op]):
            break
    self._rebuild.update(dict.fromkeys(map(variable_of, seen)))


def apply_a_write_whole_or_not(self, update, apply_live):
    if update.snapshot or update.revision <= self.outbox.seen_revision:
        return receive(self, update, apply_live)
    self.outbox.seen_revision = update.revision
    try:
        apply(self.mirror, update.ops)
    except MisfitError:
        return []
    apply_live(update.ops)
    return list(update.ops)


def the_overlay_outlives_the_works_change(self, changed):
    self._rebuild.update(dict.fromkeys(changed))


def what_is_under_way_is_dropped_too(self, changed):
    told, self.told_revision = self.told_revision, 0
    settle(self, changed)
    self.told_revision = told


def parts_outlive_their_stream(self):
    pass


def acknowledge_before_it_is_taken(self, part):
    batch = offer(self, part)
    if part.seq > self.taken_seq and part.more:
        self.taken_seq = part.seq
    return batch


def streams_are_numbered_by_session(self, *arguments):
    before = self.session
    session = admit(self, *arguments)
    if session is not before:
        session.last_stream = 0
    return session


def tell_everything_again(self, told, **options):
    said = commands(self, told, **options)
    told.noted_number = 0
    told.revision = 0
    return said


def merge_every_batch_but_the_last(self, view):
    kept = self._pending[-1:] if len(self._pending) > 1 and not self._rebuild else []
    del self._pending[len(self._pending) - len(kept) :]
    ops = merge(self, view)
    self._pending.extend(kept)
    return ops


def forget_told_writes_too(self, path):
    kept = (write for write in self.overlay if write.op.path[: len(path)] != path)
    self.overlay = Overlay(kept)


def forget_writes_before_a_splice(self, path):
    self.overlay = Overlay(
        write
        for write in self.overlay
        if write.revision <= self.told_revision or write.op.path[: len(path)] != path
    )


def write_without_bound(self, ops, revision, view):
    told, self.told_revision = self.told_revision, 10**9
    write(self, ops, revision, view)
    self.told_revision = told


def a_snapshot_is_always_a_change(self, batch):
    take_snapshot(self, batch)
    return list(self.published)


def a_start_has_seen_nothing(self):
    pass


def calls_are_forgotten_before_they_are_seen(self, updates):
    take_calls(self, updates)
    self._news = [update for update in self._news if not update.state.is_end]


def calls_that_have_ended_are_kept(self):
    news, self._news = self._news, []
    return news


def execute_a_call_whenever_it_is_told(self, run):
    hear(self, run)
    self._open[run.call_id] = run
    return True


def no_heartbeats(self, now_s):
    return next_message(self, now_s) if not self._has_greeted else self._outbox.next()


def leave_when_the_connection_is_lost(self, error, now_s):
    step = ended(self, error, now_s)
    return Leave(RefusedError(Reason.BAD_OP, "lost")) if error is not None else step


def commands_without_a_wake(self, name):
    return self.works[name].link


def what_is_taken_does_not_wait_for_a_merge(self, stream, part, now_s):
    waited = stream.member.link.name in self.pending
    has_room = exchange_offer(self, stream, part, now_s)
    if not waited:
        self.pending.discard(stream.member.link.name)
    return has_room


def acks_that_nobody_is_woken_for(self, member):
    self.acks.told(member.link.name)
    member.ack_due = True


def never_silent(self, now_s):
    pass


def who_is_heard_again_is_not_told(self, member):
    pass


def a_goodbye_before_the_last_batch(self, final_seq):
    release(self, min(final_seq, self.acked_seq))


def anyone_takes_over_after_a_restart(self, record, ttl_s, now_s):
    load_holder(self, record, ttl_s, now_s)
    if self.session is not None:
        self.session.is_awaited = False


def who_was_fenced_is_forgotten(self, record, ttl_s, now_s):
    load_holder(self, replace(record, fenced=()), ttl_s, now_s)


def batches_are_numbered_anew_after_a_restart(self, record, terms, now_s):
    load(self, record, terms, now_s)
    self.intake.taken_seq = 0


def the_overlay_is_not_kept(self, record):
    load_replica(self, replace(record, overlay=()))


def what_was_told_is_not_kept(self, record):
    load_replica(self, replace(record, told_revision=0))


def what_was_not_merged_is_not_kept(self, record):
    load_replica(self, record)
    self._rebuild.clear()


def ends_that_the_flow_has_not_seen_are_not_kept(self, record):
    load_calls(self, replace(record, news=()))


def calls_are_not_kept(self, record):
    load_calls(self, replace(record, calls=[], news=[]))


def every_launch_counts(self, instance_id, session_id, features, ttl_s, now_s, launch_id=""):
    return admit(self, instance_id, session_id, features, ttl_s, now_s)


def revisions_of_another_tree_count(self, registration):
    membership_registered(self, replace(registration, tree_id="one for ever"))


def a_silent_work_keeps_its_session(self, member):
    self.wakes.add_all(member.link.name)


def what_one_stream_told_counts_on_the_next(self):
    pass


def an_ended_call_is_sent_again(self, call_id):
    pass


def batches_are_forgotten_when_they_are_sent(self):
    batch = next_batch(self)
    if batch is not None and len(self._kept) > 1:
        self._kept.popleft()
        self._unsent = min(self._unsent, len(self._kept))
    return batch


def what_was_applied_is_taken_for_acknowledged(self, told, **options):
    return [
        replace(said, acked_seq=self.intake.taken_seq) if isinstance(said, Ack) else said
        for said in commands(self, told, **options)
    ]


def a_journal_is_always_up_to_date(self):
    return self.taken_seq


def what_is_written_later_counts_as_written(self, mark):
    return committed(self, (mark[0], self.intake.taken_seq))


def leave_when_the_server_is_away(self, now_s):
    if not self.is_up:
        self.is_over = True
    return goodbye(self, now_s)


def leave_without_a_goodbye(self, now_s):
    self.is_over = True


def a_silent_work_hides_the_others(self, now_s):
    silent = [
        one.link for one in self.works if not one.is_silent and one.link.holder.is_lost(now_s)
    ]
    for link in silent[1:]:
        link.session.lease.renew(now_s)
    sweep(self, now_s)


def the_first_work_of_a_step_hides_the_others(self):
    return take_pending(self)[:1]


PLANTED = [
    (Outbox, "next", batches_are_forgotten_when_they_are_sent),
    (WorkLink, "commands", what_was_applied_is_taken_for_acknowledged),
    (WorkLink, "committed", what_is_written_later_counts_as_written),
    (Intake, "acked_seq", property(a_journal_is_always_up_to_date)),
    (Membership, "goodbye", leave_when_the_server_is_away),
    (Membership, "goodbye", leave_without_a_goodbye),
    (Exchange, "sweep", a_silent_work_hides_the_others),
    (Pending, "take", the_first_work_of_a_step_hides_the_others),
    (Holder, "admit", every_launch_counts),
    (Membership, "registered", revisions_of_another_tree_count),
    (Exchange, "_end_session", a_silent_work_keeps_its_session),
    (Intake, "offer", apply_again_what_was_taken),
    (Outbox, "registered", go_on_one_too_late),
    (Outbox, "registered", go_on_with_what_was_not_sent_before),
    (Intake, "offer", apply_before_the_batch_is_whole),
    (WorkLink, "register", join_without_ending_streams),
    (Outbox, "next", use_the_number_again),
    (Outbox, "next", snapshot_without_calls),
    (Outbox, "put", forget_calls_when_sent),
    (CallLog, "take", let_calls_move_back),
    (CallLog, "add", equal_calls_are_one),
    (CallLog, "end", an_ended_call_is_sent_again),
    (CallLog, "take", calls_are_forgotten_before_they_are_seen),
    (CallLog, "merge", calls_that_have_ended_are_kept),
    (Outbox, "demand_snapshot", demands_count_for_ever),
    (Outbox, "registered", joining_is_a_demand),
    (Replica, "has_room", property(read_on_without_bound)),
    (Lease, "renew", a_lease_that_is_not_renewed),
    (Replica, "take", move_the_overlay_after_the_ops),
    (Replica, "_move_overlay", misfits_stop_the_overlay),
    (Publisher, "receive", apply_a_write_whole_or_not),
    (Replica, "_settle_overlay", the_overlay_outlives_the_works_change),
    (Replica, "_settle_overlay", what_is_under_way_is_dropped_too),
    (Replica, "_take_snapshot", a_snapshot_is_always_a_change),
    (Replica, "_forget_untold", forget_told_writes_too),
    (Replica, "_forget_untold", forget_writes_before_a_splice),
    (Replica, "write", write_without_bound),
    (Replica, "merge", merge_every_batch_but_the_last),
    (Intake, "drop_staged", parts_outlive_their_stream),
    (Intake, "offer", acknowledge_before_it_is_taken),
    (Holder, "admit", streams_are_numbered_by_session),
    (WorkLink, "process_starts", a_start_has_seen_nothing),
    (WorkLink, "commands", tell_everything_again),
    (KnownCalls, "forget_what_waits", what_one_stream_told_counts_on_the_next),
    (KnownCalls, "hear", execute_a_call_whenever_it_is_told),
    (Membership, "next_message", no_heartbeats),
    (Membership, "ended", leave_when_the_connection_is_lost),
    (Exchange, "command", commands_without_a_wake),
    (Exchange, "offer", what_is_taken_does_not_wait_for_a_merge),
    (Exchange, "_tell_ack", acks_that_nobody_is_woken_for),
    (Exchange, "sweep", never_silent),
    (Exchange, "_hear", who_is_heard_again_is_not_told),
    (WorkLink, "release", a_goodbye_before_the_last_batch),
    (Holder, "load", anyone_takes_over_after_a_restart),
    (Holder, "load", who_was_fenced_is_forgotten),
    (WorkLink, "load", batches_are_numbered_anew_after_a_restart),
    (Replica, "load", the_overlay_is_not_kept),
    (Replica, "load", what_was_told_is_not_kept),
    (Replica, "load", what_was_not_merged_is_not_kept),
    (CallLog, "load", ends_that_the_flow_has_not_seen_are_not_kept),
    (CallLog, "load", calls_are_not_kept),
]


def name_of(bug):
    return getattr(bug, "fget", bug).__name__


@pytest.mark.parametrize(
    ("owner", "method", "bug"), PLANTED, ids=[name_of(bug) for _, _, bug in PLANTED]
)
def test_the_simulation_finds_a_planted_bug(owner, method, bug, monkeypatch):
    monkeypatch.setattr(owner, method, bug)
    for seed in range(MAX_SEEDS):
        try:
            World(seed).play()
        except ViolationError as error:
            found = str(error).splitlines()[-1]
            print(f"found with {seed + 1} seeds: {found[:150]}")
            return
    pytest.fail(f"not found in {MAX_SEEDS} schedules")
