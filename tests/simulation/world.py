"""One seeded schedule: works, a flow server and a network.

At first anything may happen, faults too, and no promise may be broken. Then
everything is healed, and must come to rest, with the same values on both sides.
"""

import random
from contextlib import contextmanager
from unittest.mock import patch

from simulation.edits import first_variables
from simulation.faults import FAULTS
from simulation.network import LOST, Stream
from simulation.process import Process
from simulation.promises import Checks, ViolationError
from simulation.server import HEARTBEAT_S, LEASE_S, Server

from lightgrid.errors import LightgridError
from lightgrid.protocol import outbox, replica
from lightgrid.protocol.events import Heard, Silent
from lightgrid.state.delta import apply_fitting
from lightgrid.state.values import copy_value, same

KINDS = ("plain", "default", "updates")
STEPS = 110


class World:
    """One schedule, made and played from its seed."""

    def __init__(self, seed):
        self.seed = seed
        self.rng = random.Random(seed)
        self.now_s = 0.0
        self.trace = []
        self.streams = []
        self.processes = {}
        self._serial = 0
        rng = self.rng
        kinds = {f"root.w{n}": rng.choice(KINDS) for n in range(rng.choice((1, 1, 1, 2, 3)))}
        self.checks = Checks(self, kinds)
        # What this schedule is like.
        self.fault_rate = rng.choice((0.0, 0.03, 0.06, 0.15))
        self.favourite_fault = rng.choice(FAULTS)
        self.edit_rate = rng.choice((0.1, 0.2, 0.4))
        self.run_rate = rng.choice((0.03, 0.1, 0.2))
        self.write_rate = rng.choice((0.2, 0.6))
        self.call_rate = rng.choice((0.05, 0.2))
        self.window = rng.choice((3, 64))
        self.writes_kept = rng.choice((3, 64))
        self.pending = rng.choice((2, replica.MAX_PENDING_BATCHES))
        self.commit_rate = rng.choice((0.03, 0.1, 0.3))
        self.server = Server(self, kinds, has_journal=rng.random() < 0.4)

    # --- playing ---------------------------------------------------------------

    def play(self):
        """Play the schedule and check it; `ViolationError` tells the seed and the trace."""
        with self.small_bounds():
            try:
                for name in self.checks.records:
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
        kinds = ", ".join(f"{name} {record.kind}" for name, record in self.checks.records.items())
        lines = [f"{at:8.2f}  {' '.join(map(str, event))}" for at, event in self.trace]
        what = f"{type(error).__name__}: {error}"
        return "\n".join([f"seed {self.seed} ({kinds}): {what}", *lines, what])

    def note(self, *event):
        self.trace.append((self.now_s, event))

    def token(self):
        self._serial += 1
        return self._serial

    def new_session_id(self):
        return f"session-{self.token()}"

    def open_stream(self, kind, process):
        stream = Stream(kind, process, self.token())
        self.streams.append(stream)
        return stream

    def open_streams(self):
        return [stream for stream in self.streams if not stream.is_over]

    def running(self, name=None):
        return [
            process
            for process in self.processes.values()
            if process.is_running and name in (None, process.name)
        ]

    def start(self, name, *, launched=True):
        """Start a process: from the flow's object, or one that knows only its first values."""
        kind = self.checks.records[name].kind
        if launched:
            launch_id = f"launch-{self.token()}"
            variables, seen = self.server.launch(name, launch_id)
            record = self.checks.records[name]
            record.launch_id = launch_id
            record.start_revision = seen
            record.told_revision = max(record.told_revision, seen)
            self.server.keep()
        else:
            variables, seen, launch_id = first_variables(), 0, ""
        instance_id = f"{name}-{self.token()}"
        self.note("start", instance_id, "launched" if launched else "external")
        process = Process(
            self,
            name,
            instance_id,
            variables,
            seen,
            updates=kind == "updates",
            wants_state=not launched and kind != "plain",
            launch_id=launch_id,
        )
        self.processes[instance_id] = process

    def step(self):
        rng = self.rng
        self.now_s += rng.choice((0.0, 0.001, 0.01, 0.1, 1.0))
        if self.server.has_journal and rng.random() < self.commit_rate:
            self.server.go_on_with_journal()
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
            self.server.sweep_if_due()
        else:
            for _ in range(rng.randint(1, 6)):
                self.deliver()

    def deliver(self):
        """Let the network bring the next message of any one stream."""
        ready = []
        for stream in self.streams:
            if stream.up and not (stream.server_open and stream.is_blocked):
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
        for name, record in self.checks.records.items():
            if record.kind != "plain" and self.rng.random() < self.write_rate:
                for _ in range(self.rng.randint(1, 3)):
                    self.server.write(name)
            if self.rng.random() < self.call_rate:
                self.server.call(name)
            open_calls = [call_id for call_id, state in record.calls.items() if not state.is_end]
            if open_calls and self.rng.random() < 0.1:
                call_id = self.rng.choice(open_calls)
                self.server.end_call(name, call_id)

    def fault(self):
        rng = self.rng
        fault = rng.choice(FAULTS) if rng.random() < 0.5 else self.favourite_fault
        fault(self, rng.choice(list(self.checks.records)))
        self.server.note_wakes()

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
        self.bury()
        for name, record in self.checks.records.items():
            processes = self.running(name)
            holder = self.server.link(name).session
            keep = [p for p in processes if holder and p.instance_id == holder.instance_id]
            for process in processes:
                if process not in (keep or processes)[:1]:
                    process.crash()
                    self.bury()
            if not processes and not record.is_stopped:
                self.start(name)
        for _ in range(60):
            self.now_s += 3.0
            for process in self.running():
                process.step_calls()
                process.collect()
                process.turn()
            while self.deliver():
                pass
            self.bury()
            self.server.sweep_if_due()
            self.server.run()
            self.server.keep()
            self.server.turn()
            if not any(stream.up or stream.down for stream in self.streams) and all(
                map(self.is_quiet, self.running())
            ):
                for name, record in self.checks.records.items():
                    if not self.running(name) and not record.is_stopped:
                        self.start(name)
                        break
                else:
                    return
        self.checks.require(False, "everything comes to rest", self.running())

    def bury(self):
        """Let the server hear of every process that is no more."""
        for process in self.processes.values():
            if not process.is_running:
                for stream in self.streams:
                    if stream.process is process:
                        stream.abandon()
                self.server.notice_exit(process)

    def is_quiet(self, process):
        return (
            process.membership.is_up
            and process.deltas is not None
            and process.commands is not None
            and not (process.is_leaving or process.queue or process.calls.current)
            and process.outbox.is_settled
            and process.membership.applied_seq == process.outbox.last_seq
            and not process.is_dirty
        )

    def check_rest(self):
        """Live: what a work has and what its flow sees is the same, when all is quiet."""
        for name, record in self.checks.records.items():
            view, link = self.server.view(name), self.server.link(name)
            for process in self.running(name):
                where = (name, process.instance_id)
                mirror, live = process.mirror, process.live
                self.checks.require(
                    same(mirror, live), "Live: all is collected", where, mirror, live
                )
                published = link.replica.published
                self.checks.require(
                    same(published, mirror), "Live: all is published", where, published, mirror
                )
                expected = copy_value(mirror)
                if record.kind == "default":
                    apply_fitting(expected, [write.op for write in link.replica.overlay])
                self.checks.require(
                    same(view, expected), "Live: the view is the work's", where, view, expected
                )
                for call_id, state in record.calls.items():
                    self.checks.require(state.is_end, "every call ends", call_id, state)
                calls = link.calls.dump()
                self.checks.require(
                    not (calls.calls or calls.news),
                    "a call that has ended is forgotten",
                    calls,
                )
            if record.has_left:
                self.checks.require(not self.running(name), "a work that left stays away", name)

    def check_leases(self):
        """A work that is heard is not lost; a silent one is, and another may take its name."""
        works = {process.name: process for process in self.running()}
        for _ in range(8):
            self.pass_time(HEARTBEAT_S + 0.5)
            self.hear(works)
            self.checks.require(not self.silent(), "a work that is heard is not lost")
        self.pass_time(LEASE_S - 1)
        self.checks.require(not self.silent(), "a lease is not cut short")
        self.pass_time(1.5 + self.server.exchange.sweep_interval_s)
        self.checks.require(self.silent() == set(works), "a silent work is lost", set(works))
        epochs = {name: self.server.link(name).session.epoch for name in works}
        for _ in range(10):  # they hear that their sessions are over, and register again
            self.hear(works)
            self.now_s += 0.2
        heard = {one.work for one in self.server.exchange.take_events() if isinstance(one, Heard)}
        self.checks.require(heard == set(works), "a work that is heard again is told", heard)
        for name, epoch in epochs.items():
            again = self.server.link(name).session.epoch
            self.checks.require(again == epoch + 1, "a lost session is not gone on with", name)
        self.pass_time(LEASE_S + 1)
        for name, process in works.items():
            # Its streams still look live, and do not keep the next one out.
            self.server.exchange.register(
                name, f"{process.instance_id}-next", f"s-{self.token()}", (), "", self.now_s
            )

    def pass_time(self, seconds):
        """Let time pass for the server alone."""
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s = max(self.now_s, min(end_s, self.server.sweep_at_s))
            self.server.sweep_if_due()

    def hear(self, works):
        for process in works.values():
            process.turn()
        while self.deliver():
            pass
        self.server.keep()

    def silent(self):
        return {one.work for one in self.server.exchange.take_events() if isinstance(one, Silent)}
