"""What must hold after every step: the promises of the README, checked where they could break."""

from simulation.edits import first_variables
from simulation.records import WorkRecord
from simulation.server import LEASE_S

from lightgrid.errors import Reason
from lightgrid.protocol.messages import Ack, CallState, Run
from lightgrid.state.delta import Set, apply_fitting, variable_of
from lightgrid.state.values import copy_value, same

#: What a work that obeys may be told. The others would say that it misbehaves.
ORDINARY = (
    Reason.SESSION_UNKNOWN,
    Reason.EPOCH_FENCED,
    Reason.STREAM_SUPERSEDED,
    Reason.WORK_HELD,
    Reason.WORK_STOPPED,
    Reason.BATCHES_PENDING,
)


class ViolationError(AssertionError):
    """A promise that was not kept."""


class Checks:
    """Told of everything that happens; `require` raises where a promise is broken."""

    def __init__(self, world, kinds):
        self.world = world
        self.kinds = kinds
        self.records = {name: WorkRecord(kind) for name, kind in kinds.items()}
        self.stamps = {0: (None, 0, first_variables())}
        self.begun_calls = set()
        self.taken_seqs = {}  # by session
        self.acked_seqs = {}
        self.journal_written()

    @property
    def server(self):
        return self.world.server

    def require(self, holds, what, *facts):
        if not holds:
            raise ViolationError(" ".join([what, *map(repr, facts)]))

    def begin_anew(self):
        """Forget all that the flow knew: it has, too."""
        self.records = {name: WorkRecord(kind) for name, kind in self.kinds.items()}
        self.journal_written()

    def journal_written(self):
        """Note that what the flow knows now is what it knows when it begins anew."""
        self.kept_records = {name: record.copy() for name, record in self.records.items()}
        self.kept_seqs = dict(self.taken_seqs)

    def acknowledged(self, session_id, seq):
        """Nothing that is acknowledged is ever lost, and no work needs what it has forgotten."""
        known = (self.kept_seqs if self.server.has_journal else self.taken_seqs).get(session_id, 0)
        self.require(seq <= known, "Kept: what is acknowledged is not lost", seq, known)
        before = self.acked_seqs.get(session_id, 0)
        self.require(seq >= before, "Kept: no work needs what it has forgotten", seq, before)
        self.acked_seqs[session_id] = seq

    def server_is_back(self):
        """Note that the flow server has begun anew, and knows what it owed."""
        self.records = {name: record.copy() for name, record in self.kept_records.items()}
        self.taken_seqs = dict(self.kept_seqs)
        for record in self.records.values():
            record.live_streams = set()
            if not record.is_silent:
                record.awaited_until_s = self.world.now_s + LEASE_S
                record.heard_at_s = self.world.now_s

    # --- what happened, and what must hold ------------------------------------------

    def new_stamp(self, process):
        stamp = self.world.token()
        self.stamps[stamp] = (process, stamp, None)
        return stamp

    def collected(self, process):
        """Note a state that a work collected."""
        stamp = process.mirror["stamp"]
        owner, index, state = self.stamps[stamp]
        if self.records[process.name].kind == "plain" and owner is process and state is None:
            self.stamps[stamp] = (process, index, copy_value(process.mirror))
        kept = len(process.outbox._kept)
        self.require(kept <= 2 * self.world.window, "the outbox is bounded", kept)

    def sent(self, process, batch):
        """A number once sent is never used for other content."""
        first = process.sent_batches.setdefault(batch.seq, batch)
        self.require(first is batch, "a number stands for one batch", batch.seq)
        states = dict.fromkeys(update.call_id for update in batch.calls)
        self.require(len(states) == len(batch.calls), "one update of each call", batch)

    def begun(self, process, call_id):
        key = (process.instance_id, call_id)
        self.require(key not in self.begun_calls, "a call begins once", key)
        self.begun_calls.add(key)

    def registering(self, name, instance_id):
        record = self.records[name]
        record.joining = instance_id
        record.live_streams = {
            stream
            for stream in self.world.streams
            if stream.server_open and stream.process.name == name and self.server.is_current(stream)
        }

    def registered(self, name, stream):
        """A name changes hands only when its holder has no live stream, is silent or is gone."""
        record = self.records[name]
        instance_id = record.joining
        self.require(instance_id not in record.replaced, "Owned: a fenced process stays out")
        self.require(not record.has_left, "a work that left stays away")
        self.require(
            not record.launch_id or stream.process.launch_id in ("", record.launch_id),
            "a process of an earlier launch stays out",
            stream,
        )
        if record.holder not in (None, instance_id):
            free = (
                record.is_gone
                or (not record.live_streams and self.world.now_s >= record.awaited_until_s)
                or self.world.now_s >= record.heard_at_s + LEASE_S
            )
            self.require(free, "a held work is not taken over", record.holder, instance_id)
            record.replaced.add(record.holder)
        if record.holder != instance_id:  # one that is back still has what it was told
            record.told_revision = max(
                (
                    revision
                    for revision, call_id in record.call_order
                    if not record.calls[call_id].is_end
                ),
                default=0,
            )
            record.told_revision = max(record.told_revision, record.start_revision)
        record.holder = instance_id
        record.is_gone = False
        record.live_streams = set()
        record.is_silent = False
        record.awaited_until_s = 0.0
        record.heard_at_s = self.world.now_s
        self.require(
            not any(
                other.server_open and self.server.is_current(other)
                for other in self.world.streams
                if other.process.name == name
            ),
            "registering ends the live streams",
            stream,
        )

    def refused(self, name, stream, error):
        """Nobody misbehaves here, so nobody is told to have misbehaved."""
        record = self.records[name]
        if error.reason is Reason.SNAPSHOT_REQUIRED and record.forgets:
            return
        self.require(
            error.reason in ORDINARY,
            "a work that obeys is not refused",
            stream,
            error.reason,
            error,
        )

    def released(self, name, message):
        record = self.records[name]
        holder = self.world.processes[record.holder]
        self.require(
            same(holder.mirror, self.server.link(name).replica.published),
            "a work leaves after its last batch",
            holder.instance_id,
        )
        self.acknowledged(message.session_id, message.final_seq)
        record.is_gone = True
        record.call_order.clear()  # all of them end with it
        record.replaced.add(record.holder)
        record.has_left = record.is_stopped

    def has_left(self, process):
        """Check that a process that has left was let go, was sent away, or has waited."""
        waited_s = self.world.now_s - process.leaving_at_s
        self.require(
            process.membership.was_released or process.is_sent_away or waited_s >= process.rejoin_s,
            "who leaves waits for its last acknowledgement",
            process.instance_id,
            waited_s,
        )

    def given_up(self, name):
        record = self.records[name]
        record.is_gone = True
        record.call_order.clear()  # all of them end with it
        record.has_left = record.is_stopped

    def not_woken(self, stream):
        """Check that who was not woken missed nothing."""
        self.require(self.server.is_current(stream), "who counts no more is woken", stream)
        if stream.kind == "commands":
            missed = self.server.exchange.commands(stream.served)
            self.require(not missed, "who has something to tell is woken", stream, missed)
        else:
            has_room = self.server.link(stream.process.name).replica.has_room
            self.require(not (stream.is_blocked and has_room), "who may read on is woken", stream)

    def heard(self, name, stream):
        record = self.records[name]
        record.heard_at_s = self.world.now_s
        self.require(
            stream.process.instance_id == record.holder
            and stream.session_id == self.server.link(name).session.session_id,
            "Owned: only the current holder is heard",
            stream,
            record.holder,
        )

    def silent(self, name):
        """Check that a work that was found silent has not been heard of for its lease."""
        record = self.records[name]
        record.is_silent = True
        self.require(
            self.world.now_s >= record.heard_at_s + LEASE_S,
            "a lease is not cut short",
            name,
            record.heard_at_s,
        )

    def taken(self, name, stream):
        """Check and note that a batch was taken."""
        self.heard(name, stream)
        record = self.records[name]
        pending = self.server.link(name).replica._pending
        self.require(
            len(pending) <= self.world.pending, "taken and not applied is bounded", len(pending)
        )
        self.require(pending, "what was taken is kept for the flow", stream)
        batch = pending[-1]
        self.taken_seqs[stream.session_id] = batch.seq
        sent = stream.process.sent_batches[batch.seq]
        self.require(
            [u.call_id for u in sent.calls] == [u.call_id for u in batch.calls]
            and (
                sent.seen_revision == batch.seen_revision
                # Who says that a call runs has seen what came with it, as the server knows.
                or (batch.calls and sent.seen_revision < batch.seen_revision)
            ),
            "Atomic: a batch is taken whole",
            batch,
        )
        if record.kind == "default":
            self.follow_number(record, batch)

    def follow_number(self, record, batch):
        """Follow the overlay rule for one variable: what the flow wrote stands until ..."""
        seen = [value for revision, value in record.writes if revision <= batch.seen_revision]
        record.writes = [write for write in record.writes if write[0] > batch.seen_revision]
        before = record.number = seen[-1] if seen else record.number
        content = {"number": before}
        for op in batch.ops:
            if type(op) is Set and op.path == ("number",):
                content["number"] = op.value
            elif type(op) is Set and not op.path:
                content["number"] = op.value.get("number", content["number"])
        record.number = content["number"]
        changed = record.number != before or (
            not batch.snapshot and any(op.path == ("number",) for op in batch.ops)
        )
        # ... the work changes it itself, unless the work is still to get it, with a call.
        told = any(revision <= record.told_revision for revision, _ in record.writes)
        if changed and not told:
            record.writes = []

    def written(self, name, ops, revision):
        self.world.note("flow writes", name, revision, ops)
        record = self.records[name]
        record.writes.extend([revision, op.value] for op in ops if op.path == ("number",))
        written = {variable_of(op) for op in ops}
        replica = self.server.link(name).replica
        for variable in sorted(written):
            untold = sum(
                variable_of(write.op) == variable and write.revision > replica.told_revision
                for write in replica.overlay
            )
            self.require(
                untold <= self.world.writes_kept, "the overlay is bounded", variable, untold
            )
        if name not in self.server.exchange.pending:
            expected, view = copy_value(replica.published), self.server.view(name)
            apply_fitting(expected, [write.op for write in replica.overlay])
            self.require(
                same(expected, view), "what the flow wrote is what it sees", expected, view
            )

    def told_state(self, name):
        self.records[name].told_revision = self.server.tree.revision

    def called(self, name, run):
        self.world.note("call", name, run.call_id)
        record = self.records[name]
        revision = self.server.tree.revision
        record.calls[run.call_id] = CallState.PENDING
        record.call_order.append((revision, run.call_id))
        record.told_revision = max(record.told_revision, revision)

    def ended_by_flow(self, name, call_id):
        self.world.note("the flow ends", name, call_id)
        self.records[name].calls[call_id] = CallState.CANCELLED

    def told(self, stream, command):
        """Check what a command stream is told of batches and calls."""
        if isinstance(command, Ack):
            self.acknowledged(stream.session_id, command.acked_seq)
            self.require(command.applied_seq <= command.acked_seq, "applied is taken", command)
        if isinstance(command, Run):
            state = self.records[stream.process.name].calls[command.call_id]
            self.require(not state.is_end, "a call that has ended is not sent again", command)

    def merged(self, name, merged):
        """Check what the flow sees after a merge."""
        record, view = self.records[name], self.server.view(name)
        stamp, twin = view["stamp"], view["twin"]
        self.require(stamp == twin, "Atomic: what changes together is seen together", name, view)
        process, index, state = self.stamps[stamp]
        if record.kind == "plain":
            self.require(
                state is not None and same(view, state),
                "Gap-free: the flow sees what the work once had",
                name,
                view,
                state,
            )
        seen_process, seen_index = record.seen
        if process is seen_process:
            self.require(index >= seen_index, "Ordered: no way back", name, seen_index, index)
        elif process is not None:
            self.require(
                process.instance_id == record.holder or process.instance_id in record.replaced,
                "Owned: the view is a holder's",
                name,
            )
            self.require(
                seen_process is None or seen_process.instance_id in record.replaced,
                "Owned: the one before was replaced",
                name,
            )
        record.seen = (process, index)
        for key in ("items", "log"):
            self.require(
                len(set(view[key])) == len(view[key]), "Unique: applied once", name, key, view[key]
            )
        for update in merged.calls:
            before = record.calls[update.call_id]
            self.require(
                update.state > before and not before.is_end,
                "a call's states move forward",
                update,
                before,
            )
            record.calls[update.call_id] = update.state
            if update.state is CallState.SUCCEEDED and process is not None:
                self.require(
                    process.instance_id != update.result or update.call_id in view["log"],
                    "Final: with a call's success come its changes",
                    update,
                    view["log"],
                )
        if record.kind == "default":
            expected = record.writes[-1][1] if record.writes else record.number
            self.require(
                view["number"] == expected,
                "the flow's value stands until the work changes the variable",
                name,
                view["number"],
                expected,
            )
