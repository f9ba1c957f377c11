"""One run of a work's process, as the schedule has it: user code, and a driver without threads.

What the server's answers mean is decided by `Membership` and `KnownCalls`, what
has changed is found by `Collector`: those that production runs. Here is what
production does with a thread, an event loop and gRPC: opening streams, carrying
messages, beginning and ending calls.
"""

from dataclasses import replace

from simulation.edits import EditedWork, edit_by_user_code
from simulation.network import LOST, Ended, Lost, Opening, Register, Release

from lightgrid.errors import FlowUnavailableError, Reason
from lightgrid.protocol.features import UPDATES
from lightgrid.protocol.known_calls import KnownCalls
from lightgrid.protocol.membership import Leave, Membership
from lightgrid.protocol.messages import (
    Batch,
    CallState,
    CallUpdate,
    Cancel,
    Registration,
    Run,
    Stop,
    Update,
)
from lightgrid.state.delta import Assignments, Set
from lightgrid.state.values import SCALAR_TYPES
from lightgrid.worker.collector import Collector

#: Why a work that obeys may be sent away. WORK_HELD: it was no one's turn for a minute.
SENT_AWAY = (Reason.EPOCH_FENCED, Reason.WORK_STOPPED, Reason.WORK_HELD)


class Process:
    """A process that plays a work.

    Args:
        world: The schedule: its clock, its randomness, its network, its checks.
        name: The work.
        instance_id: Random, once per process.
        variables: What it starts with.
        seen_revision: The revision of the tree they were taken from, 0 for none.
        updates: It asks to be told what the flow writes while it runs.
        wants_state: It begins by asking for its variables as the flow sees them.
        launch_id: By which launch the flow started it, and hears of its exit; "" if it did not.
    """

    def __init__(
        self, world, name, instance_id, variables, seen_revision, *, updates, wants_state, launch_id
    ):
        self.world = world
        self.name = name
        self.instance_id = instance_id
        self.launch_id = launch_id
        self.launched = bool(launch_id)
        self.is_alive = True
        self.has_left = False
        self.is_leaving = False
        self.is_sent_away = False
        self.leaving_at_s = 0.0
        self.rejoin_s = 60.0  # until a server says another time
        self.sent_batches = {}  # by number
        self.is_done = False  # user code has ended, and nothing is collected any more
        self.features = (UPDATES,) if updates else ()
        # User code.
        self.work = EditedWork(variables, updates)
        self.is_dirty = True
        self.stamp()
        self.collector = Collector(
            self.work, seen_revision, clock=lambda: world.now_s, cpu_clock=lambda: 0.0
        )
        self.mirror = self.collector.publisher.mirror
        self.outbox = self.collector.outbox
        world.checks.collected(self)
        # Calls.
        self.calls = KnownCalls()
        self.queue = []
        self.is_cancelled = False  # the call that runs is to end
        # The connection.
        self.membership = Membership(
            self.outbox, world.rng.random, self.calls, wants_state=wants_state
        )
        self.registering = self.deltas = self.commands = self.releasing = None
        self.retry_at_s = 0.0

    @property
    def is_running(self):
        return self.is_alive and not self.has_left

    @property
    def live(self):
        return {name: getattr(self.work, name) for name in self.mirror}

    # --- user code -----------------------------------------------------------

    def edit(self):
        if not self.is_done:
            edit_by_user_code(self.world.rng, self.work, self.world.token())
            self.is_dirty = True

    def stamp(self):
        """Mark the state of this moment, in two variables that change together."""
        if self.is_dirty:
            self.work.stamp = self.work.twin = self.world.checks.new_stamp(self)
            self.is_dirty = False

    def collect(self, *calls, everything=True):
        """Put what changed into the outbox. Ends of calls go even when the window is full."""
        if self.is_done or not (calls or self.outbox.has_room):
            return
        was_dirty = self.is_dirty
        self.stamp()
        errors = self.collector.collect(lambda _: calls, everything=everything)
        assert not errors
        self.world.checks.collected(self)
        self.is_dirty = was_dirty and not everything  # something may have changed in place

    def take_in(self, update):
        """Apply what the flow wrote, and tell that it was seen."""
        if self.is_done:
            return
        self.stamp()
        assert not self.collector.receive(update)
        self.world.checks.collected(self)
        self.is_dirty = True  # with the flow's state came another process's stamp

    def begin_call(self):
        """Begin the next call; even of a cancelled one the flow's writes count."""
        run = self.queue.pop(0)
        begun = self.calls.begin(run)
        if begun is None:
            return
        self.world.checks.begun(self, run.call_id)
        self.take_in(Update(run.revision, run.ops))
        self.is_cancelled = False
        if begun.state.is_end:
            assert self.calls.end(run.call_id)
        self.collect(begun)

    def end_call(self):
        call_id = self.calls.current
        assert self.calls.end(call_id)
        if self.is_cancelled or self.is_leaving:
            self.collect(CallUpdate(call_id, CallState.CANCELLED))
            return
        # In place, just before the end: the flow is to see it with the success.
        self.work.log.append(call_id)
        self.is_dirty = True
        self.collect(CallUpdate(call_id, CallState.SUCCEEDED, result=self.instance_id))

    def step_calls(self):
        if self.calls.current is not None:
            self.end_call()
        elif self.queue and not self.is_leaving:
            self.begin_call()

    # --- the driver ----------------------------------------------------------

    def turn(self, batches=8):
        """Do what is to be done now: join, connect, send, keep the lease, leave."""
        if not self.is_running:
            return
        if self.membership.session_id:
            self.connect()
            self.send(batches)
        elif self.registering is None and self.world.now_s >= self.retry_at_s:
            self.membership.begin(self.world.now_s)
            self.registering = self.world.open_stream("register", self)
            self.registering.send_up(Register(self.instance_id, self.features, self.launch_id))
        if self.is_leaving:
            self.leave()

    def connect(self):
        session_id = self.membership.session_id
        if self.commands is None:
            self.commands = self.world.open_stream("commands", self)
            self.commands.send_up(
                Opening(session_id, self.membership.open_commands(), self.membership.wants_state)
            )
        if self.deltas is None:
            self.deltas = self.world.open_stream("deltas", self)
            self.deltas.send_up(Opening(session_id))

    def send(self, count):
        for _ in range(count):
            batch = self.membership.next_message(self.world.now_s)
            if batch is None:
                return
            if batch.seq == 0:
                self.deltas.send_up(batch)
                continue
            self.world.checks.sent(self, batch)
            for part in split(self.world.rng, batch):
                self.deltas.send_up(as_decoded(part))

    def leave(self):
        """End the call that runs, collect for the last time, say goodbye."""
        if not self.is_done:
            if self.calls.current is not None:
                self.end_call()
            elif not self.outbox.has_room:
                return
            self.collect()
            self.is_done = True
            self.leaving_at_s = self.world.now_s
            self.membership.leave(self.world.now_s)
        if self.releasing is None:
            final_seq = self.membership.goodbye(self.world.now_s)
            if final_seq is not None:
                self.releasing = self.world.open_stream("release", self)
                self.releasing.send_up(Release(self.membership.session_id, final_seq))
        self.go_if_over()

    def crash(self):
        """End without a word; what is in flight stays in flight."""
        self.is_alive = False

    def go_if_over(self):
        if self.membership.is_over and self.releasing is None:
            self.give_up_streams()
            self.has_left = True
            self.world.checks.has_left(self)

    # --- what the server says ----------------------------------------------------

    def receive(self, stream, message):
        if stream is self.registering:
            self.registering = None
            if isinstance(message, Registration):
                self.rejoin_s = message.terms.rejoin_timeout_s
                self.membership.registered(message)
            else:
                self.end_session(message)
        elif stream is self.releasing:
            self.releasing = None
            error = error_of(message)
            if error is None:
                self.membership.released()
            else:
                self.membership.not_released(error, self.world.now_s)
                self.is_sent_away = self.membership.is_over
            self.go_if_over()
        elif stream is self.deltas or stream is self.commands:
            if isinstance(message, Lost | Ended):
                self.end_session(message)
            else:
                self.do(self.membership.take(message))
        # A stream that was given up has nothing to say any more.

    def do(self, command):
        if isinstance(command, Run):
            self.queue.append(command)
        elif isinstance(command, Cancel):
            self.is_cancelled = True
        elif isinstance(command, Update):
            self.take_in(command)
            if command.snapshot or self.world.rng.random() < 0.5:
                self.collect()
        elif isinstance(command, Stop):
            self.is_leaving = True

    def end_session(self, message=LOST):
        """Note that one of the streams has ended, or that there is no session."""
        self.give_up_streams()
        step = self.membership.ended(error_of(message), self.world.now_s)
        if not isinstance(step, Leave):
            self.retry_at_s = self.world.now_s + step.after_s
        elif message is LOST or step.error.reason in SENT_AWAY:
            self.is_sent_away = message is not LOST
            self.go_if_over()
        else:
            raise step.error  # a bug in the work

    def give_up_streams(self):
        for stream in (self.registering, self.deltas, self.commands):
            if stream is not None:
                stream.abandon()
        self.registering = self.deltas = self.commands = None


def error_of(message):
    """Return what a client raises for the end of a stream; None when it ended with OK."""
    return FlowUnavailableError("lost") if message is LOST else message.error


def as_decoded(part):
    """Return a message as the server reads it: scalars that are assigned as one dict."""
    if part.ops and all(
        type(op) is Set and len(op.path) == 1 and type(op.value) in SCALAR_TYPES for op in part.ops
    ):
        return replace(part, ops=Assignments({op.path[0]: op.value for op in part.ops}))
    return part


def split(rng, batch):
    """Return a batch as one message or as several; a snapshot's variables may come one by one."""
    if rng.random() < 0.7:
        return [batch]
    ops = list(batch.ops)
    if batch.snapshot:
        whole = ops[0].value
        ops[:1] = [Set((), {}), *(Set((name,), value) for name, value in whole.items())]
    size = rng.randint(1, 3)
    chunks = [ops[at : at + size] for at in range(0, len(ops), size)] or [[]]
    parts = [
        Batch(batch.seq, chunk, (), batch.snapshot, batch.seen_revision, more=True)
        for chunk in chunks
    ]
    parts[rng.randrange(len(parts))].calls = batch.calls
    parts[-1].more = False
    for part in parts[1:]:  # they count from the first part
        part.snapshot, part.seen_revision = False, 0
    return parts
