"""The flow server, as the schedule has it: a driver of `Exchange` and a flow.

What to answer is decided by the exchange that production runs. Here is what
production does with a lock, an event loop and gRPC: handing messages in,
looking again when the exchange says so, and only then; and what a flow does.

In a part of the schedules it keeps a journal: a crash takes it back to what was written
last, so all that it tells waits for that.
"""

import pickle

from simulation.edits import first_variables, ops_by_flow
from simulation.network import LOST, Ended, Opening, Register, Release

from lightgrid.errors import RefusedError
from lightgrid.protocol.events import Silent
from lightgrid.protocol.exchange import Exchange
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import CallError, Run
from lightgrid.protocol.stream import Wake
from lightgrid.state.tree import StateTree
from lightgrid.state.values import copy_value

HEARTBEAT_S = 10.0
LEASE_S = 30.0
REJOIN_S = 1000.0


class Server:
    """A flow, its tree, and its end of every work."""

    def __init__(self, world, kinds, *, has_journal):
        self.world = world
        self.kinds = kinds
        self.has_journal = has_journal
        self.begin()

    def begin(self):
        """Be there, as at the first time."""
        self.streams = []
        self.woken = set()
        nodes = {name: {"vars": first_variables()} for name in self.kinds}
        self.tree = StateTree(f"tree-{self.world.token()}", {"works": nodes})
        self.begin_exchange()
        self.keep()

    def begin_exchange(self):
        self.marks = {}  # what the journal has, and the exchange does not know yet
        self.held_back, self.held_count = [], 0  # answers with streams, and how many it has
        self.exchange = Exchange(
            Limits(),
            LeaseTerms(HEARTBEAT_S, LEASE_S, REJOIN_S),
            self.world.now_s,
            self.tree.tree_id,
            has_journal=self.has_journal,
        )
        for name, kind in self.kinds.items():
            self.exchange.add_work(name, first_variables(), receives_updates=kind == "updates")
        self.sweep_at_s = self.world.now_s + self.exchange.sweep_interval_s

    def restart(self, *, keeps_record):
        """Crash and come back, with what was owed, or with nothing: then the tree is another."""
        if not keeps_record:
            self.begin()
            return
        if not self.has_journal:
            self.write_journal()  # as if it had one that is never behind
        record, self.tree = pickle.loads(self.journal)
        self.streams, self.woken = [], set()
        self.begin_exchange()
        missing = self.exchange.load(record, self.world.now_s)
        assert not missing

    # --- the journal -------------------------------------------------------------

    def write_journal(self):
        """Keep all that is known now over a crash."""
        self.journal = pickle.dumps((self.exchange.dump(), self.tree))
        self.held_count = len(self.held_back)
        self.marks = {name: self.link(name).mark for name in self.kinds}
        self.world.checks.journal_written()

    def journal_written(self):
        """Hear that it was written, maybe a while ago, and tell what has waited for it."""
        marks, self.marks = self.marks, {}
        for name, mark in marks.items():
            self.exchange.committed(name, mark, self.world.now_s)
        told, self.held_back = self.held_back[: self.held_count], self.held_back[self.held_count :]
        self.held_count = 0
        for stream, answer in told:
            stream.end_by_server(answer)
        self.note_wakes()

    def go_on_with_journal(self):
        """Write it, or hear that it was written."""
        if self.marks:
            self.journal_written()
        else:
            self.write_journal()

    def keep(self):
        """Write the journal, if there is one, and hear of it at once: what follows is told."""
        if self.has_journal:
            self.write_journal()
            self.journal_written()

    def answer(self, stream, message):
        """Answer a request for good: when it is in the journal."""
        if self.has_journal:
            self.held_back.append((stream, message))
        else:
            stream.end_by_server(message)

    def link(self, name):
        return self.exchange.works[name].link

    def view(self, name):
        return self.tree.root["works"][name]["vars"]

    # --- what works say --------------------------------------------------------

    def receive(self, stream, message):
        """Answer one message; a refusal ends its stream."""
        name, now_s = stream.process.name, self.world.now_s
        checks, exchange = self.world.checks, self.exchange
        try:
            if message is LOST or isinstance(message, Ended):
                self.on_end(stream, message)
            elif isinstance(message, Register):
                checks.registering(name, message.instance_id)
                session_id = self.world.new_session_id()
                registration = exchange.register(
                    name,
                    message.instance_id,
                    session_id,
                    message.features,
                    "",
                    now_s,
                    message.launch_id,
                )
                checks.registered(name, stream)
                checks.acknowledged(registration.session_id, registration.acked_seq)
                self.answer(stream, registration)
            elif isinstance(message, Release):
                exchange.release(message.session_id, message.final_seq)
                checks.released(name, message)
                self.answer(stream, Ended())
            elif isinstance(message, Opening):
                self.on_opening(stream, message)
            else:
                before = self.link(name).intake.taken_seq
                stream.is_blocked = not exchange.offer(stream.served, message, now_s)
                checks.heard(name, stream)
                if self.link(name).intake.taken_seq != before:
                    checks.taken(name, stream)
        except RefusedError as error:
            checks.refused(name, stream, error)
            self.end(stream, Ended(error))
        self.note_wakes()

    def on_opening(self, stream, message):
        stream.session_id = message.session_id
        stream.served = self.exchange.open_stream(
            message.session_id, stream.kind, message.seen_revision
        )
        self.streams.append(stream)
        if stream.kind == "commands":
            name = stream.process.name
            self.tell(stream, self.view(name) if message.include_state else None)
            if message.include_state:
                self.world.checks.told_state(name)
                self.keep()

    def on_end(self, stream, message):
        """Note a loss, or answer a work that half-closed."""
        if message is LOST:
            self.end(stream, LOST)
        elif self.is_current(stream):
            self.end(stream, self.how_far(stream))
        else:
            self.end_superseded(stream)

    def how_far(self, stream):
        """Return what a stream that ends in order is told."""
        acked_seq = self.link(stream.process.name).acked_seq
        if self.is_current(stream):
            self.world.checks.acknowledged(stream.session_id, acked_seq)
        return Ended(acked_seq=acked_seq)

    def end(self, stream, message):
        if stream.served is not None:
            self.exchange.close_stream(stream.served)
        stream.end_by_server(message)

    def end_superseded(self, stream):
        try:
            self.exchange.check_live(stream.served)
        except RefusedError as error:
            self.end(stream, Ended(error))

    def is_current(self, stream):
        """Tell whether a stream counts."""
        if stream.served is None:
            return False
        try:
            self.exchange.check_live(stream.served)
        except RefusedError:
            return False
        return True

    def tell(self, stream, include_state=None):
        for _ in range(20):
            commands = self.exchange.commands(stream.served, include_state)
            include_state = None
            for command in commands:
                self.world.checks.told(stream, command)
                stream.send_down(command)
            if not commands:
                return
        self.world.checks.require(False, "what was told is not told again", stream, commands)

    # --- what it does by itself ----------------------------------------------------

    def note_wakes(self):
        self.woken.update(self.exchange.wakes.take())

    def turn(self):
        """Let those look again who were woken, and the times pass that were set."""
        now_s = self.world.now_s
        if self.exchange.acks.next_s is not None and self.exchange.acks.next_s <= now_s:
            self.exchange.tell_acks(now_s)
        self.note_wakes()
        woken, self.woken = self.woken, set()
        self.streams = [stream for stream in self.streams if stream.server_open]
        for stream in self.streams:
            name = stream.process.name
            if stream.kind == "commands" and (name, Wake.COMMANDS) in woken:
                try:
                    self.tell(stream)
                except RefusedError as error:
                    self.end(stream, Ended(error))
            elif stream.kind == "deltas" and (name, Wake.STREAMS) in woken:
                self.end_superseded(stream)
            elif (name, Wake.ROOM) not in woken and self.world.rng.random() < 0.2:
                self.world.checks.not_woken(stream)
        for stream in self.streams:
            # Without being woken, it looks once in a heartbeat: that keeps the lease.
            if stream.is_blocked and stream.server_open:
                late = now_s >= self.world.checks.records[stream.process.name].heard_at_s + 10.0
                if late or (stream.process.name, Wake.ROOM) in woken:
                    self.look_for_room(stream)
        self.note_wakes()

    def look_for_room(self, stream):
        try:
            stream.is_blocked = not self.exchange.has_room(stream.served, self.world.now_s)
        except RefusedError as error:
            self.end(stream, Ended(error))
        else:
            self.world.checks.heard(stream.process.name, stream)

    def sweep_if_due(self):
        if self.world.now_s >= self.sweep_at_s:
            before = {one.link.name for one in self.exchange.works if one.is_silent}
            self.exchange.sweep(self.world.now_s)
            for member in self.exchange.works:
                if member.is_silent and member.link.name not in before:
                    self.world.checks.silent(member.link.name)
            self.sweep_at_s = self.world.now_s + self.exchange.sweep_interval_s

    def launch(self, name, launch_id):
        """Return what the flow gives a process to start with: the variables as it sees them."""
        self.run()
        self.link(name).process_starts()
        self.link(name).holder.launch_id = launch_id
        return copy_value(self.view(name)), self.tree.revision

    def notice_exit(self, process):
        """Hear from the launcher that a process has ended: maybe it is not the holder."""
        link = self.link(process.name)
        if link.is_held and link.session.instance_id == process.instance_id:
            self.give_up(process.name, "ProcessExited")

    def give_up(self, name, why):
        self.world.checks.given_up(name)
        self.exchange.process_gone(name, CallError(why, why))
        self.note_wakes()

    def rotate(self, stream):
        """Answer OK early, as a server that drains does."""
        if stream.server_open and stream.served is not None:
            self.end(stream, self.how_far(stream))

    # --- the flow ------------------------------------------------------------------

    def run(self):
        """Bring in what was taken, as one step of the tree for each work."""
        for name in self.exchange.pending.take():
            merged = self.exchange.merge(name, self.view(name))
            if merged.ops:
                self.tree.commit(name, [(("works", name, "vars"), merged.ops)], self.world.now_s)
            self.world.checks.merged(name, merged)
        for event in self.exchange.take_events():
            self.world.note(event)
            if isinstance(event, Silent):
                self.on_silent(event.work)
        self.note_wakes()

    def on_silent(self, name):
        """Give up a work; one that was launched and lives is unresponsive, but not gone."""
        holder = self.world.processes[self.world.checks.records[name].holder]
        if not (holder.launched and holder.is_alive):
            self.give_up(name, "Lost")

    def write(self, name):
        """Change a work's variables, as the flow's run or someone outside does."""
        ops = ops_by_flow(self.world.rng, self.view(name), self.world.token())
        change = self.tree.commit("root", [(("works", name, "vars"), ops)], self.world.now_s)
        self.exchange.write(name, ops, change.revision, self.view(name))
        self.world.checks.written(name, ops, change.revision)
        self.has_acted()

    def call(self, name):
        """Make a run call. Equal arguments do not make two calls one."""
        run = Run(f"call-{self.world.token()}", args=(1,))
        self.exchange.command(name).call(run)
        self.world.checks.called(name, run)
        self.has_acted()

    def end_call(self, name, call_id):
        """End a call by the flow's own decision, as it does with one that takes too long."""
        if any(call.run.call_id == call_id for call in self.link(name).calls.open_calls()):
            self.world.checks.ended_by_flow(name, call_id)
        self.exchange.command(name).calls.end(call_id)
        self.has_acted()

    def stop(self, name):
        """Ask a work to leave."""
        self.exchange.command(name).stop(5.0, self.world.now_s)
        self.has_acted()

    def has_acted(self):
        """Have works told what the flow did, once that is in the journal."""
        self.keep()
        self.note_wakes()

    def forget(self, name):
        """Ask for a snapshot by refusing what is no snapshot, as after a misfit."""
        self.link(name).intake.snapshot_required = True
