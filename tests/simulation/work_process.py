"""One run of a work's process: what it does with each answer of the flow server.

It is the model of the work's runtime: all that errors.proto and the protos'
comments ask of a work is here, around the real `Publisher` and `Outbox`.
"""

from simulation.edits import NAMES, edit_by_user_code
from simulation.network import LOST, Ended, Opening, Register, Release

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.link import UPDATES
from lightgrid.protocol.messages import (
    Ack,
    Batch,
    CallState,
    CallUpdate,
    Cancel,
    Registration,
    Resync,
    Run,
    Stop,
    Update,
)
from lightgrid.protocol.publisher import Publisher
from lightgrid.state.delta import Set
from lightgrid.state.values import copy_value

HEARTBEAT_S = 10.0
BACK_OFF_S = 2.0


class WorkProcess:
    """A process that plays a work.

    Args:
        world: The simulation: its clock, its randomness, its network, its checks.
        name: The work.
        instance_id: Random, once per process.
        variables: What it starts with.
        seen_revision: The revision of the tree they were taken from, 0 for none.
        updates: It asks to be told what the flow writes while it runs.
        wants_state: It begins by asking for its variables as the flow sees them.
        launched: The flow started it, and hears of its exit.
    """

    def __init__(
        self, world, name, instance_id, variables, seen_revision, *, updates, wants_state, launched
    ):
        self.world = world
        self.name = name
        self.instance_id = instance_id
        self.updates = updates
        self.wants_state = wants_state
        self.launched = launched
        self.is_alive = True
        self.has_left = False
        self.is_leaving = False
        self.is_done = False  # user code has ended, and nothing is collected any more
        # User code.
        self.live = copy_value(variables)
        self.assigned = set()
        self.is_dirty = True
        self.stamp()
        self.publisher = Publisher(self.live, NAMES, seen_revision)
        self.outbox = self.publisher.outbox
        self.world.collected(self)
        # Calls.
        self.known = set()
        self.queue = []
        self.cancelled = set()
        self.current = None
        # The connection.
        self.registering = self.deltas = self.commands = self.releasing = None
        self.session_id = None
        self.half_closed = False
        self.retry_at_s = 0.0
        self.sent_at_s = 0.0

    @property
    def is_running(self):
        return self.is_alive and not self.has_left

    # --- user code -----------------------------------------------------------

    def edit(self):
        if self.is_done:
            return
        self.assigned.update(edit_by_user_code(self.world.rng, self.live, self.world.token()))
        self.is_dirty = True

    def stamp(self):
        """Mark the state of this moment, in two variables that change together."""
        if self.is_dirty:
            self.live["stamp"] = self.live["twin"] = self.world.new_stamp(self)
            self.is_dirty = False

    def collect(self, calls=(), *, everything=True):
        """Put what changed into the outbox. Ends of calls go even when the window is full."""
        if self.is_done or not (calls or self.outbox.has_room):
            return
        self.stamp()
        names = NAMES if everything else ("stamp", "twin", *sorted(self.assigned))
        self.publisher.publish(names, calls)
        self.assigned.clear()
        self.world.collected(self)
        self.is_dirty = not everything  # something may have changed in place

    def take_in(self, update):
        """Apply what the flow wrote, and tell that it was seen."""
        if self.is_done:
            return
        self.stamp()
        fitting = self.publisher.receive(update, NAMES)
        if update.snapshot and fitting:  # its stamp is another process's
            self.is_dirty = True
        self.collect()

    def begin_call(self):
        """Begin the next call; even of a cancelled one the flow's writes count."""
        run = self.queue.pop(0)
        self.world.begun(self, run.call_id)
        self.stamp()
        self.publisher.receive(Update(run.revision, run.ops), NAMES)
        if run.call_id in self.cancelled:
            self.collect([CallUpdate(run.call_id, CallState.CANCELLED)])
        else:
            self.current = run.call_id
            self.collect([CallUpdate(run.call_id, CallState.RUNNING)])

    def end_call(self):
        call_id, self.current = self.current, None
        if call_id in self.cancelled:
            self.collect([CallUpdate(call_id, CallState.CANCELLED)])
            return
        # In place, just before the end: the flow is to see it with the success.
        self.live["log"].append(call_id)
        self.is_dirty = True
        self.collect([CallUpdate(call_id, CallState.SUCCEEDED, result=self.instance_id)])

    def step_calls(self):
        if self.current is not None:
            self.end_call()
        elif self.queue:
            self.begin_call()

    # --- the loop ------------------------------------------------------------

    def turn(self, batches=8):
        """Do what is to be done now: join, connect, send, keep the lease, leave."""
        if not self.is_running:
            return
        if self.session_id is None:
            if self.registering is None and self.world.now_s >= self.retry_at_s:
                features = (UPDATES,) if self.updates else ()
                self.registering = self.world.open_stream("register", self)
                self.registering.send_up(Register(self.instance_id, features))
            return
        if self.commands is None:
            self.commands = self.world.open_stream("commands", self)
            self.commands.send_up(
                Opening(self.session_id, self.outbox.seen_revision, self.wants_state)
            )
        if self.deltas is None:
            self.deltas = self.world.open_stream("deltas", self)
            self.deltas.send_up(Opening(self.session_id))
        if not self.half_closed:
            self.send(batches)
            if self.world.now_s - self.sent_at_s >= HEARTBEAT_S:
                self.sent_at_s = self.world.now_s
                self.deltas.send_up(Batch(0))
        if self.is_leaving:
            self.leave()

    def send(self, count):
        for _ in range(count):
            batch = self.outbox.next()
            if batch is None:
                return
            self.sent_at_s = self.world.now_s
            self.world.sent(self, batch)
            for part in split(self.world.rng, batch):
                self.deltas.send_up(part)

    def half_close(self):
        """End the stream to learn how far the server is."""
        if self.is_running and self.deltas is not None and not self.half_closed:
            self.half_closed = True
            self.deltas.send_up(Ended())

    def leave(self):
        """Say goodbye behind the last batch, as often as it takes."""
        if not self.is_done:
            self.finish()
        if (
            self.is_done
            and self.releasing is None
            and not self.outbox.has_unsent
            and self.world.now_s >= self.retry_at_s
        ):
            self.releasing = self.world.open_stream("release", self)
            self.releasing.send_up(Release(self.session_id, self.outbox.last_seq))

    def finish(self):
        """End every call, collect for the last time."""
        if self.current is not None:
            self.cancelled.add(self.current)
            self.end_call()
        if self.queue:
            self.cancelled.update(run.call_id for run in self.queue)
            self.begin_call()
        elif self.outbox.has_room:
            self.collect()
            self.is_done = True

    def crash(self):
        """End without a word; what is in flight stays in flight."""
        self.is_alive = False

    # --- what the server says ----------------------------------------------------

    def receive(self, stream, message):
        if stream is self.registering:
            self.on_registering(message)
        elif stream is self.deltas:
            self.on_deltas(message)
        elif stream is self.commands:
            self.on_commands(message)
        elif stream is self.releasing:
            self.on_releasing(message)
        # A stream that was given up has nothing to say any more.

    def on_registering(self, message):
        self.registering = None
        if isinstance(message, Registration):
            self.session_id = message.session_id
            self.outbox.registered(message.acked_seq, snapshot_required=message.snapshot_required)
            self.sent_at_s = self.world.now_s
        elif isinstance(message, Ended):
            self.on_refused(message.error)

    def on_deltas(self, message):
        half_closed, self.half_closed = self.half_closed, False
        self.deltas.abandon()
        self.deltas = None
        if message is LOST and self.world.rng.random() < 0.5:
            self.join_again()
        elif message is LOST:  # the session is still there: send again what is not acknowledged
            self.outbox.registered(self.outbox.acked_seq, snapshot_required=False)
        elif message.error is not None:
            self.on_refused(message.error)
        elif half_closed:  # the next stream is one of the same session
            self.outbox.registered(message.acked_seq, snapshot_required=False)
        else:  # the server drains: an early OK does not say that all is done
            self.join_again()

    def on_commands(self, message):
        if message is LOST or isinstance(message, Ended):
            self.commands.abandon()
            self.commands = None
            if message is not LOST and message.error is not None:
                self.on_refused(message.error)
        elif isinstance(message, Ack):
            self.outbox.acked(message.acked_seq)
        elif isinstance(message, Run):
            if message.call_id not in self.known and not self.is_done:
                self.known.add(message.call_id)
                self.queue.append(message)
        elif isinstance(message, Cancel):
            self.cancelled.add(message.call_id)
        elif isinstance(message, Resync):
            self.outbox.need_snapshot()
        elif isinstance(message, Update):
            self.wants_state = self.wants_state and not message.snapshot
            self.take_in(message)
        elif isinstance(message, Stop):
            self.is_leaving = True

    def on_releasing(self, message):
        self.releasing = None
        if isinstance(message, Ended):
            if message.error is None:
                self.go()
            else:
                self.on_refused(message.error)

    def on_refused(self, error):
        """Do what errors.proto says."""
        assert isinstance(error, RefusedError)
        match error.reason:
            case Reason.EPOCH_FENCED | Reason.WORK_STOPPED:
                self.go()
            case Reason.WORK_HELD | Reason.BATCHES_PENDING:
                self.retry_at_s = self.world.now_s + BACK_OFF_S
            case Reason.SNAPSHOT_REQUIRED:
                self.outbox.demand_snapshot()
                self.join_again()
            case Reason.SESSION_UNKNOWN | Reason.STREAM_SUPERSEDED | Reason.SEQUENCE_GAP:
                self.join_again()
            case _:
                raise error  # a bug in the work

    def join_again(self):
        """Give up what is left of the session's streams and register."""
        for stream in (self.deltas, self.commands, self.releasing):
            if stream is not None:
                stream.abandon()
        self.deltas = self.commands = self.releasing = None
        self.session_id = None
        self.half_closed = False

    def go(self):
        """Leave for good."""
        self.join_again()
        self.has_left = True


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
