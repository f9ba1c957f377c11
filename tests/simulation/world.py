"""One seeded schedule: works, a flow server and a network, and what must hold after every step.

The promises are those of the README, each checked by a method that names it.
The checks keep records of their own and do not trust the core's.
"""

import random
from contextlib import contextmanager
from unittest.mock import patch

from simulation.edits import first_variables
from simulation.flow_server import LEASE_S, FlowServer
from simulation.network import LOST, Stream
from simulation.work_process import HEARTBEAT_S, WorkProcess

from lightgrid.errors import LightgridError, Reason
from lightgrid.protocol import outbox, replica
from lightgrid.protocol.messages import CallState
from lightgrid.state.delta import Set, apply_fitting, variable_of
from lightgrid.state.values import copy_value, same

KINDS = ("plain", "default", "updates")
STEPS = 110


class ViolationError(AssertionError):
    """A promise that was not kept."""


class WorkRecord:
    """What the checks know of one work."""

    def __init__(self, kind):
        self.kind = kind
        self.seen = (None, 0)  # whose state the view shows, and which of them
        self.replaced = set()  # instances that another one took over from
        self.holder = None
        self.live_streams = set()
        self.heard_at_s = 0.0
        self.is_gone = False
        self.seqs = {}  # what each number was sent for
        self.calls = {}  # call_id -> state that the flow saw
        self.call_order = []
        self.has_left = False
        self.is_stopped = False
        self.forgets = False
        # An oracle of the overlay rule for the one variable that is only ever assigned.
        self.number = 0  # as the work published it
        self.writes = []  # [revision, value] that the work has not seen
        self.told_revision = 0
        self.start_revision = 0


class World:
    """One schedule, made and played from its seed."""

    def __init__(self, seed):
        self.seed = seed
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.trace = []
        self.streams = []
        self.processes = {}
        self.stamps = {0: (None, 0, first_variables())}
        self._serial = 0
        rng = self.rng
        kinds = {f"root.w{n}": rng.choice(KINDS) for n in range(rng.choice((1, 1, 1, 2, 3)))}
        self.records = {name: WorkRecord(kind) for name, kind in kinds.items()}
        # What this schedule is like.
        self.fault_rate = rng.choice((0.0, 0.03, 0.06, 0.15))
        self.favourite_fault = rng.randrange(13)
        self.edit_rate = rng.choice((0.1, 0.2, 0.4))
        self.run_rate = rng.choice((0.03, 0.1, 0.2))
        self.write_rate = rng.choice((0.2, 0.6))
        self.call_rate = rng.choice((0.05, 0.2))
        self.window = rng.choice((3, 64))
        self.writes_kept = rng.choice((3, 64))
        self.pending = rng.choice((2, replica.MAX_PENDING_BATCHES))
        self.server = FlowServer(self, kinds)

    # --- playing ---------------------------------------------------------------

    def play(self):
        """Play the schedule and check it; `ViolationError` tells the seed and the trace."""
        with self.small_bounds():
            try:
                for name in self.records:
                    self.start(name)
                for _ in range(STEPS):
                    self.step()
                self.settle()
                self.check_rest()
                self.check_leases()
            except (AssertionError, LightgridError, LookupError, TypeError, ValueError) as error:
                raise ViolationError(self.report(error)) from error

    @contextmanager
    def small_bounds(self):
        """Make bounds small enough for a short schedule to reach them."""
        with (
            patch.object(outbox, "WINDOW", self.window),
            patch.object(outbox, "_MAX_KEPT", 2 * self.window),
            patch.object(replica, "MAX_PENDING_BATCHES", self.pending),
            patch.object(replica, "_MAX_WRITES_PER_VARIABLE", self.writes_kept),
        ):
            yield

    def report(self, error):
        kinds = ", ".join(f"{name} {record.kind}" for name, record in self.records.items())
        lines = [f"{at:8.2f}  {' '.join(map(str, event))}" for at, event in self.trace]
        what = f"{type(error).__name__}: {error}"
        return "\n".join([f"seed {self.seed} ({kinds}): {what}", *lines, what])

    def note(self, *event):
        self.trace.append((self.now_s, event))

    def require(self, holds, what, *facts):
        if not holds:
            raise ViolationError(" ".join([what, *map(repr, facts)]))

    def token(self):
        self._serial += 1
        return self._serial

    def new_session_id(self):
        return f"session-{self.token()}"

    def process(self, instance_id):
        return self.processes[instance_id]

    def open_stream(self, kind, process):
        stream = Stream(kind, process, self.token())
        self.streams.append(stream)
        return stream

    def running(self, name=None):
        return [
            process
            for process in self.processes.values()
            if process.is_running and name in (None, process.name)
        ]

    def start(self, name, *, launched=True):
        """Start a process: from the flow's object, or one that knows only its first values."""
        kind = self.records[name].kind
        if launched:
            variables, seen = self.server.launch(name)
            record = self.records[name]
            record.start_revision = seen
            record.told_revision = max(record.told_revision, seen)
        else:
            variables, seen = first_variables(), 0
        instance_id = f"{name}-{self.token()}"
        self.note("start", instance_id, "launched" if launched else "external")
        process = WorkProcess(
            self,
            name,
            instance_id,
            variables,
            seen,
            updates=kind == "updates",
            wants_state=not launched and kind != "plain",
            launched=launched,
        )
        self.processes[instance_id] = process

    def step(self):
        rng = self.rng
        self.now_s += rng.choice((0.0, 0.001, 0.01, 0.1, 1.0))
        dice = rng.random()
        if dice < self.fault_rate:
            self.fault()
        elif (dice := rng.random()) < self.edit_rate:
            for process in self.running():
                if rng.random() < 0.7:
                    process.edit()
                if rng.random() < 0.7:
                    process.collect(everything=rng.random() < 0.7)
        elif (dice := rng.random()) < self.run_rate:
            self.flow_runs()
        elif dice < 2 * self.run_rate:
            self.flow_acts()
        elif (dice := rng.random()) < 0.3:
            for process in self.running():
                process.turn(rng.randint(0, 3))
        elif dice < 0.4:
            for process in self.running():
                process.step_calls()
        elif dice < 0.6:
            self.server.turn()
            self.server.watch_leases()
        else:
            for _ in range(rng.randint(1, 6)):
                self.deliver()

    def deliver(self):
        """Let the network bring the next message of any one stream."""
        ready = []
        for stream in self.streams:
            if stream.up and (not stream.server_open or self.server.is_reading(stream)):
                ready.append((stream, True))
            if stream.down:
                ready.append((stream, False))
        if not ready:
            return False
        quick = [one for one in ready if not one[0].is_slow]
        self.bring(*self.rng.choice(quick if quick and self.rng.random() < 0.95 else ready))
        if len(self.streams) > 12:
            self.streams = [stream for stream in self.streams if not stream.is_over]
        return True

    def bring(self, stream, up):
        if up:
            message = stream.up.popleft()
            if stream.server_open:
                self.note(">", stream, message)
                self.server.receive(stream, message)
        else:
            message = stream.down.popleft()
            if stream.client_open and stream.process.is_running:
                self.note("<", stream, message)
                stream.process.receive(stream, message)
        if message is LOST:
            if up:
                stream.server_open = False
            else:
                stream.client_open = False

    def flow_runs(self):
        self.note("flow runs")
        self.server.run()
        self.flow_acts()

    def flow_acts(self):
        """Write and call; batches may have been taken since the flow's last merge."""
        for name, record in self.records.items():
            if record.kind != "plain" and self.rng.random() < self.write_rate:
                for _ in range(self.rng.randint(1, 3)):
                    self.server.write(name)
            if self.rng.random() < self.call_rate:
                self.server.call(name)
            open_calls = [call_id for call_id, state in record.calls.items() if not state.is_end]
            if open_calls and self.rng.random() < 0.1:
                call_id = self.rng.choice(open_calls)
                self.note("cancel", call_id)
                self.server.links[name].calls.cancel(call_id)

    def fault(self):
        rng = self.rng
        name = rng.choice(list(self.records))
        link, record = self.server.links[name], self.records[name]
        streams = [stream for stream in self.streams if not stream.is_over]
        processes = self.running(name)
        kind = rng.randrange(13) if rng.random() < 0.5 else self.favourite_fault
        if kind < 3 and streams:
            stream = rng.choice(streams)
            self.note("cut", stream)
            stream.cut(rng)
        elif kind == 3 and processes:
            process = rng.choice(processes)
            self.note("cut all of", process.instance_id)
            for stream in streams:
                if stream.process is process:
                    stream.cut(rng)
        elif kind == 4 and processes:
            self.crash(rng.choice(processes))
            if len(processes) == 1 and rng.random() < 0.7:
                self.start(name)
                self.running(name)[0].turn()
        elif kind == 5 and len(processes) < 2:
            self.start(name, launched=not processes)
        elif kind == 6:
            for stream in streams:
                if stream.kind != "register" and rng.random() < 0.5:
                    self.note("rotate", stream)
                    self.server.rotate(stream)
        elif kind == 7:
            self.note("stall")
            self.now_s += rng.choice((HEARTBEAT_S, 2 * LEASE_S))
        elif kind == 8:
            self.note("ask for a snapshot", name)
            link.ask_for_snapshot()
        elif kind == 9 and not record.is_stopped and rng.random() < 0.5:
            self.note("stop", name)
            record.is_stopped = True
            link.stop(5.0)
        elif kind == 10 and processes:
            rng.choice(processes).half_close()
        elif kind == 11 and link.is_held:
            self.note("forget", name)
            record.forgets = True
            self.server.forget(name)
            for process in processes:
                process.edit()
                process.collect()
                process.turn()
        elif processes:
            process = rng.choice(processes)  # its old streams stay half-open
            self.note("joins again", process.instance_id)
            process.join_again()

    def crash(self, process):
        self.note("crash", process.instance_id)
        process.crash()
        if self.rng.random() < 0.7:
            for stream in self.streams:
                if stream.process is process:
                    stream.abandon()
        if process.launched and self.rng.random() < 0.7:
            self.server.notice_exit(process)

    # --- coming to rest --------------------------------------------------------

    def settle(self):
        """Heal everything, and let everything that is on its way arrive."""
        self.note("heal")
        for process in self.processes.values():
            if process.is_alive:
                continue
            for stream in self.streams:
                if stream.process is process:
                    stream.abandon()
            self.server.notice_exit(process)
        for name, record in self.records.items():
            processes = self.running(name)
            holder = self.server.links[name].session
            keep = [p for p in processes if holder and p.instance_id == holder.instance_id]
            for process in processes:
                if process not in (keep or processes)[:1]:
                    self.crash(process)
                    for stream in self.streams:
                        if stream.process is process:
                            stream.abandon()
                    self.server.notice_exit(process)
            if not processes and not record.is_stopped:
                self.start(name)
        for _ in range(60):
            self.now_s += 3.0
            for process in self.running():
                if not process.is_leaving:
                    process.step_calls()
                process.collect()
                process.turn()
            while self.deliver():
                pass
            self.server.run()
            self.server.turn()
            if not any(stream.up or stream.down for stream in self.streams) and all(
                map(self.is_quiet, self.running())
            ):
                for name, record in self.records.items():
                    if not self.running(name) and not record.is_stopped:
                        self.start(name)
                        break
                else:
                    return
        self.require(False, "everything comes to rest", self.running())

    def is_quiet(self, process):
        if not process.is_done:
            process.collect()
        return (
            process.session_id is not None
            and process.deltas is not None
            and process.commands is not None
            and not (process.is_leaving or process.queue or process.current)
            and process.outbox.is_settled
            and not process.is_dirty
        )

    def check_rest(self):
        """Live: what a work has and what its flow sees is the same, when all is quiet."""
        for name, record in self.records.items():
            view, link = self.server.view(name), self.server.links[name]
            for process in self.running(name):
                where = (name, process.instance_id)
                mirror, live = process.publisher.mirror, process.live
                self.require(same(mirror, live), "Live: all is collected", where, mirror, live)
                published = link.replica.published
                self.require(
                    same(published, mirror), "Live: all is published", where, published, mirror
                )
                expected = copy_value(mirror)
                if record.kind == "default":
                    apply_fitting(expected, [write.op for write in link.replica.overlay])
                self.require(
                    same(view, expected), "Live: the view is the work's", where, view, expected
                )
                for call_id, state in record.calls.items():
                    self.require(state.is_end, "every call ends", call_id, state)
            if record.has_left:
                self.require(not self.running(name), "a work that left stays away", name)

    def check_leases(self):
        """A work that is heard is not lost; a silent one is, and another may take its name."""
        links = [self.server.links[process.name] for process in self.running()]
        for _ in range(8):
            self.now_s += HEARTBEAT_S + 0.5
            for process in self.running():
                process.turn()
            while self.deliver():
                pass
            for link in links:
                self.require(not link.is_lost(self.now_s), "a work that is heard is not lost")
        self.now_s += LEASE_S - 1
        for link in links:
            self.require(not link.is_lost(self.now_s), "a lease is not cut short", link.name)
        self.now_s += 1.5
        for name, link in self.server.links.items():
            for process in self.running(name):
                self.require(link.is_lost(self.now_s), "a silent work is lost", name)
                session = f"session-{self.token()}"
                # Its streams still look live, and do not keep the next one out.
                link.register(f"{process.instance_id}-next", session, (), self.now_s)

    # --- what happened, and what must hold ------------------------------------------

    def new_stamp(self, process):
        stamp = self.token()
        self.stamps[stamp] = (process, stamp, None)
        return stamp

    def collected(self, process):
        """Note a state that a work collected."""
        stamp = process.publisher.mirror["stamp"]
        owner, index, state = self.stamps[stamp]
        if self.records[process.name].kind == "plain" and owner is process and state is None:
            self.stamps[stamp] = (process, index, copy_value(process.publisher.mirror))
        kept = len(process.outbox._kept)
        self.require(kept <= 2 * self.window, "the outbox is bounded", kept)

    def sent(self, process, batch):
        """A number once sent is never used for other content."""
        first = process.__dict__.setdefault("sent_batches", {}).setdefault(batch.seq, batch)
        self.require(first is batch, "a number stands for one batch", batch.seq)
        states = dict.fromkeys(update.call_id for update in batch.calls)
        self.require(len(states) == len(batch.calls), "one update of each call", batch)

    def begun(self, process, call_id):
        key = (process.instance_id, call_id)
        begun = self.__dict__.setdefault("begun_calls", set())
        self.require(key not in begun, "a call begins once", key)
        begun.add(key)

    def registering(self, link, instance_id):
        record = self.records[link.name]
        record.joining = instance_id
        record.live_streams = {
            stream
            for stream in self.streams
            if stream.server_open
            and stream.process.name == link.name
            and self.server.is_current(link, stream)
        }

    def registered(self, link, before, stream):
        """A name changes hands only when its holder has no live stream, is silent or is gone."""
        record = self.records[link.name]
        instance_id = record.joining
        self.require(instance_id not in record.replaced, "Owned: a fenced process stays out")
        self.require(not record.has_left, "a work that left stays away")
        if record.holder not in (None, instance_id):
            free = (
                record.is_gone
                or not record.live_streams
                or self.now_s >= record.heard_at_s + LEASE_S
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
        record.heard_at_s = self.now_s
        self.require(
            not any(
                other.server_open and self.server.is_current(link, other)
                for other in self.streams
                if other.process.name == link.name
            ),
            "registering ends the live streams",
            stream,
        )

    def refused(self, link, stream, error):
        """Nobody misbehaves here, so nobody is told to have misbehaved."""
        record = self.records[link.name]
        if error.reason is Reason.SNAPSHOT_REQUIRED and record.forgets:
            return
        expected = error.reason in (
            Reason.SESSION_UNKNOWN,
            Reason.EPOCH_FENCED,
            Reason.STREAM_SUPERSEDED,
            Reason.WORK_HELD,
            Reason.WORK_STOPPED,
            Reason.BATCHES_PENDING,
        )
        self.require(expected, "a work that obeys is not refused", stream, error.reason, error)

    def released(self, link):
        record = self.records[link.name]
        holder = self.processes[record.holder]
        self.require(
            same(holder.publisher.mirror, link.replica.published),
            "a work leaves after its last batch",
            holder.instance_id,
        )
        record.is_gone = True
        record.call_order.clear()  # all of them end with it
        record.replaced.add(record.holder)
        record.has_left = record.is_stopped

    def given_up(self, link):
        record = self.records[link.name]
        record.is_gone = True
        record.call_order.clear()  # all of them end with it
        record.has_left = record.is_stopped

    def heard(self, link, stream):
        record = self.records[link.name]
        record.heard_at_s = self.now_s
        if stream is not None:
            self.check_holder(link, stream)

    def check_holder(self, link, stream):
        record = self.records[link.name]
        self.require(
            stream.process.instance_id == record.holder and stream.session is link.session,
            "Owned: only the current holder is heard",
            stream,
            record.holder,
        )

    def taken(self, link, stream):
        """Check and note that a batch was taken."""
        self.heard(link, stream)
        record = self.records[link.name]
        pending = link.replica._pending
        self.require(len(pending) <= self.pending, "taken and not applied is bounded", len(pending))
        batch = pending[-1]
        sent = stream.process.sent_batches[batch.seq]
        self.require(
            [u.call_id for u in sent.calls] == [u.call_id for u in batch.calls]
            and sent.seen_revision == batch.seen_revision,
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

    def written(self, link, ops, revision):
        self.note("flow writes", link.name, revision, ops)
        record = self.records[link.name]
        record.writes.extend([revision, op.value] for op in ops if op.path == ("number",))
        written = {variable_of(op) for op in ops}
        for name in sorted(written):
            untold = sum(
                variable_of(write.op) == name and write.revision > link.replica.told_revision
                for write in link.replica.overlay
            )
            self.require(untold <= self.writes_kept, "the overlay is bounded", name, untold)
        if not link.replica.pending_ops:
            expected, view = copy_value(link.replica.published), self.server.view(link.name)
            apply_fitting(expected, [write.op for write in link.replica.overlay])
            self.require(
                same(expected, view), "what the flow wrote is what it sees", expected, view
            )

    def told_state(self, link):
        self.records[link.name].told_revision = self.server.tree.revision

    def called(self, link, run):
        self.note("call", link.name, run.call_id)
        record = self.records[link.name]
        revision = self.server.tree.revision
        record.calls[run.call_id] = CallState.PENDING
        record.call_order.append((revision, run.call_id))
        record.told_revision = max(record.told_revision, revision)

    def merged(self, link, merged):
        """Check what the flow sees after a merge."""
        record, view = self.records[link.name], self.server.view(link.name)
        name = link.name
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
