"""What the flow's thread and the server's thread share: the tree and the works' links.

The server's thread takes what works send; the flow's thread merges it between
two runs, commits what the flow did, and gives commands. One lock guards both;
every step under it costs no more than the change at hand.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Final

from lightgrid.errors import ClosedError, MisfitError, Reason, RefusedError
from lightgrid.process.wakeup import Wakeup
from lightgrid.protocol.link import Merged, Settings, WorkLink
from lightgrid.protocol.messages import Batch, CallError, CallState, Command, Registration, Run
from lightgrid.protocol.told import Told
from lightgrid.runtime.bell import Bell, ring
from lightgrid.runtime.events import Event, Heard, Joined, Left, OutsideUpdate, Silent
from lightgrid.runtime.observer import Observer
from lightgrid.runtime.port import Port
from lightgrid.state.delta import Op, Path, lookup, within
from lightgrid.state.tree import Change, Part, StateTree
from lightgrid.state.values import MAX_TREE_DEPTH, Value, copy_value

#: An acknowledgement costs as much as a batch, and told at once it would keep the flow's
#: thread from what was just taken. So it waits until there are this many batches, or this
#: long; a work that wants one at once sends a heartbeat behind its batch.
_BATCHES_PER_ACK: Final = 16
_ACK_DELAY_S: Final = 1.0
#: Answers to updates from outside that are remembered, by request id.
_MAX_KEPT_REQUESTS: Final = 10_000
#: From this many works on, heartbeats and leases are stretched in proportion.
_WORKS_PER_HEARTBEAT: Final = 500


class Hub:
    """Shared by the two threads of a flow's process. All methods are thread-safe.

    Args:
        settings: What is accepted and promised.
        observer: Told of changes before they are committed, if it wants to know.
        clock: Seconds of a clock that never goes back.
        wall_clock: Seconds since the epoch, for people.
    """

    def __init__(
        self,
        settings: Settings,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings
        self._told = observer if observer is not None and observer.wants_deltas else None
        self.tree = StateTree(secrets.token_hex(8))
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.RLock()  # see `as_one_step`
        self._ports: dict[str, Port] = {}
        self._generations: dict[str, int] = {}
        self._sessions: dict[str, Port] = {}
        self._pending: dict[str, Port] = {}  # something to merge, in order of arrival
        self._silent: set[str] = set()
        self._events: list[Event] = []
        self._requests: OrderedDict[str, Future[int]] = OrderedDict()
        self._watchers: list[Bell] = []
        self._wakeup = Wakeup()
        self._last_sweep_s = clock()
        self._closed = False
        self._draining = False
        self._base = (settings.heartbeat_interval_s, settings.lease_ttl_s)

    # --- the flow's thread: the tree -------------------------------------------------------------

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until something happened; return False when nothing did within the time."""
        return self._wakeup.wait(timeout_s)

    def wake(self) -> None:
        """Have `wait` return. Also for other threads and signal handlers."""
        self._wakeup.set()

    def commit(self, origin: str, parts: Sequence[Part]) -> Change:
        """Change the tree, in one step."""
        with self._lock:
            return self._commit(origin, parts)

    @contextmanager
    def as_one_step(self) -> Iterator[None]:
        """Let nobody see what is done meanwhile before all of it is done."""
        with self._lock:
            yield

    def commit_flow(self, parts: Sequence[Part], writes: Mapping[str, Sequence[Op]]) -> Change:
        """Change the tree by what a run of the flow did.

        Args:
            parts: All of it.
            writes: What of it went into variables of works, by the work's name.
        """
        with self._lock:
            change = self._commit("root", parts)
            for work, ops in writes.items():
                self._write(self._ports[work], ops, change.revision)
            return change

    def merge(self) -> list[tuple[str, Merged]]:
        """Merge all batches taken since the last time, and return what they bring."""
        with self._lock:
            merged = []
            pending, self._pending = self._pending, {}
            for name, port in pending.items():
                news = port.link.merge(lookup(self.tree.root, port.place))
                if news.ops:
                    self._commit(name, [(port.place, news.ops)])
                merged.append((name, news))
                ring(port.room_bells)
                if port.ack_asked or not port.ack_scheduled:  # told as taken, now as applied
                    port.tell_ack()
            return merged

    def apply_outside(self, update: OutsideUpdate) -> Change:
        """Change the tree by an update from outside.

        Raises:
            RefusedError: NO_SUCH_PATH, BAD_OP or REVISION_CONFLICT; nothing changed.
        """
        with self._lock:
            if update.expected_revision is not None:
                for op in update.ops:
                    if self.tree.changed_since(op.path, update.expected_revision):
                        raise RefusedError(
                            Reason.REVISION_CONFLICT,
                            f"{'.'.join(op.path)} changed after revision "
                            f"{update.expected_revision}; read it again",
                            {"path": ".".join(op.path), "revision": self.tree.revision},
                        )
            try:
                change = self._commit(update.origin, [((), update.ops)])
            except MisfitError as error:
                raise RefusedError(
                    Reason.NO_SUCH_PATH, str(error), {"path": ".".join(error.path)}
                ) from error
            for port in self._ports.values():
                depth = len(port.place)
                own = [op for op in update.ops if op.path[:depth] == port.place]
                if own:
                    self._write(port, [within(op, depth) for op in own], change.revision)
            return change

    def take_events(self) -> list[Event]:
        """Return what happened since the last time, in order."""
        with self._lock:
            events, self._events = self._events, []
            return events

    # --- the flow's thread: works ----------------------------------------------------------------

    def add_work(
        self,
        name: str,
        place: Path,
        variables: dict[str, Value],
        *,
        receives_updates: bool,
        is_program: bool = False,
        generation: int = 0,
    ) -> None:
        """Begin to serve a work whose node is in the tree.

        Args:
            name: The work's name.
            place: The path of its variables in the tree.
            variables: These, with their first values.
            receives_updates: See `WorkLink`.
            is_program: See `WorkLink`.
            generation: What `new_generation` has returned for it; 0 to ask it now.
        """
        with self._lock:
            link = WorkLink(
                name,
                variables,
                self.settings,
                receives_updates=receives_updates,
                is_program=is_program,
            )
            self._ports[name] = Port(link, place, generation or self.new_generation(name))
            self._stretch()

    def new_generation(self, name: str) -> int:
        """Return the number of a work that gets a name: no token of the last one opens it."""
        with self._lock:
            self._generations[name] = self._generations.get(name, 0) + 1
            return self._generations[name]

    def process_starts(self, work: str) -> int:
        """Note that a process starts with the work as the flow has it now.

        Returns:
            The tree's revision, which the process has thereby seen.
        """
        with self._lock:
            self._ports[work].link.process_starts()
            return self.tree.revision

    def remove_work(self, name: str) -> None:
        """Serve a work no longer."""
        with self._lock:
            port = self._ports.pop(name)
            self._pending.pop(name, None)
            self._silent.discard(name)
            self._sessions = {key: one for key, one in self._sessions.items() if one is not port}
            port.ring_all()
            self._stretch()

    def call(self, work: str, run: Run) -> None:
        """Make a run call."""
        self._command(work, lambda link: link.call(run))

    def cancel(self, work: str, call_id: str) -> None:
        """Ask one call to end."""
        self._command(work, lambda link: link.calls.cancel(call_id))

    def stop(self, work: str, grace_s: float) -> None:
        """Ask a work to leave."""
        self._command(work, lambda link: link.stop(grace_s))

    def allow_again(self, work: str) -> None:
        """Let a new process be a work that was stopped."""
        self._command(work, lambda link: link.allow_again())

    def process_gone(
        self, work: str, error: CallError | None, state: CallState = CallState.CANCELLED
    ) -> None:
        """Note that the process of a work is gone; its open calls end."""
        with self._lock:
            port = self._ports.get(work)
            if port is not None:
                port.link.process_gone(error, state)
                self._pending[work] = port
                port.ring_all()
        self.wake()

    def is_held(self, work: str) -> bool:
        """Tell whether a process has joined as this work and has not left."""
        with self._lock:
            port = self._ports.get(work)
            return port is not None and port.link.is_held

    def add_event(self, event: Event) -> None:
        """Tell the flow's thread of something. For any thread."""
        with self._lock:
            self._events.append(event)
        self.wake()

    def close(self) -> None:
        """Refuse updates from outside from now on."""
        with self._lock:
            self._closed = True
            events, self._events = self._events, []
            for event in events:
                if isinstance(event, OutsideUpdate):
                    event.answer.set_exception(ClosedError("the app ends"))
                else:
                    self._events.append(event)
            for bell in self._watchers:
                bell.ring()

    def drain(self) -> None:
        """Have every stream end in order: whoever still speaks is to come again."""
        with self._lock:
            self._draining = True
            for port in self._ports.values():
                port.ring_all()
            for bell in self._watchers:
                bell.ring()

    # --- the server's thread: works --------------------------------------------------------------

    @property
    def is_draining(self) -> bool:
        """Whether streams are to end."""
        return self._draining

    def acked_seq_of(self, work: str | None) -> int:
        """Return the last batch taken of a work; 0 for a name that is no work's."""
        with self._lock:
            port = None if work is None else self._ports.get(work)
            return 0 if port is None else port.link.acked_seq

    def register(
        self, work: str, instance_id: str, features: Sequence[str], user_agent: str
    ) -> Registration:
        """Let a process join as a work.

        Raises:
            RefusedError: NO_SUCH_WORK, or as `WorkLink.register`.
        """
        with self._lock:
            port = self._ports.get(work)
            if port is None:
                raise RefusedError(
                    Reason.NO_SUCH_WORK,
                    f"the app has no work {work!r}; its works are: "
                    f"{', '.join(sorted(self._ports)) or 'none'}",
                )
            registration = port.link.register(
                instance_id, secrets.token_hex(16), features, self._clock()
            )
            port.ring_all()
            if registration.session_id not in self._sessions:
                self._sessions = {
                    key: one for key, one in self._sessions.items() if one is not port
                }
                self._sessions[registration.session_id] = port
                self._events.append(Joined(work, registration.epoch, user_agent))
        self.wake()
        return registration

    def generation_of(self, work: str) -> int:
        """Return how many works have had a name; 0 for a name that is no work's."""
        with self._lock:
            return self._generations.get(work, 0)

    def work_of(self, session_id: str) -> tuple[str, int]:
        """Return the name and the generation of the work that a session stands for.

        Raises:
            RefusedError: SESSION_UNKNOWN.
        """
        with self._lock:
            port = self._port_of(session_id)
            return port.link.name, port.generation

    def release(self, session_id: str, final_seq: int) -> None:
        """Let a work leave.

        Raises:
            RefusedError: SESSION_UNKNOWN or BATCHES_PENDING.
        """
        with self._lock:
            port = self._port_of(session_id)
            port.link.release(final_seq)
            del self._sessions[session_id]
            self._pending[port.link.name] = port
            self._events.append(Left(port.link.name))
            port.ring_all()
        self.wake()

    def open_delta_stream(self, session_id: str) -> tuple[Port, int]:
        """Begin to take batches; an older stream of the session does not count any more."""
        with self._lock:
            port = self._port_of(session_id)
            stream = port.link.session_of(session_id).open_stream("deltas")
            port.ring_all()
            return port, stream

    def close_delta_stream(self, port: Port, stream: int) -> None:
        """End it, however it ended."""
        with self._lock:
            port.link.close_delta_stream(stream)

    def offer(self, port: Port, stream: int, part: Batch) -> bool:
        """Take a message of a delta stream.

        Returns:
            Whether there is room for the next one.

        Raises:
            RefusedError: The stream is to end with it.
        """
        link = port.link
        with self._lock:
            taken = link.offer(stream, part, self._clock())
            if link.name in self._silent:
                self._silent.discard(link.name)
                self._events.append(Heard(link.name))
                taken = True
            if taken:
                self._pending[link.name] = port
            has_room = link.replica.has_room
            if part.seq == 0:
                self._ack_soon(port)
            elif taken:
                self._ack_later(port)
        if taken:
            self._wakeup.set()
        return has_room

    def has_room(self, port: Port, stream: int) -> bool:
        """Tell whether a delta stream may be read on; it still counts as alive.

        Raises:
            RefusedError: STREAM_SUPERSEDED.
        """
        with self._lock:
            port.link.renew(stream, self._clock())
            return port.link.replica.has_room

    def open_command_stream(self, session_id: str) -> tuple[Port, int]:
        """Begin to tell a work what to do."""
        with self._lock:
            port = self._port_of(session_id)
            stream = port.link.session_of(session_id).open_stream("commands")
            port.ack_due = True
            ring(port.command_bells)
            return port, stream

    def close_command_stream(self, port: Port, stream: int) -> None:
        """End it."""
        with self._lock:
            session = port.link.session
            if session is not None:
                session.close_stream("commands", stream)

    def commands(
        self, port: Port, stream: int, told: Told, *, include_state: bool
    ) -> list[Command] | None:
        """Return what to tell a work next; None when the stream does not count any more."""
        with self._lock:
            session = port.link.session
            if session is None or not session.is_live("commands", stream):
                return None
            view = lookup(self.tree.root, port.place) if include_state else None
            acks, port.ack_due = port.ack_due, False
            return port.link.commands(told, include_state=view, acks=acks)

    def _ack_soon(self, port: Port) -> None:
        """Tell how far we are as soon as all that was taken is applied."""
        if port.link.name in self._pending:
            port.ack_asked = True
        else:
            port.tell_ack()

    def _ack_later(self, port: Port) -> None:
        port.unacked_count += 1
        if port.unacked_count >= _BATCHES_PER_ACK:
            port.tell_ack()
        if not port.ack_scheduled:
            port.ack_scheduled = True
            asyncio.get_running_loop().call_later(_ACK_DELAY_S, self._ack, port)

    def _ack(self, port: Port) -> None:
        port.ack_scheduled = False
        if port.unacked_count:
            port.tell_ack()

    def sweep_leases(self) -> None:
        """Find works that were silent for too long. To be called every few seconds.

        After a stall of this process no lease runs out before what waits was read.
        """
        with self._lock:
            now_s = self._clock()
            stalled = now_s - self._last_sweep_s > 2 * self.sweep_interval_s
            self._last_sweep_s = now_s
            if stalled:
                return
            lost = [
                name
                for name, port in self._ports.items()
                if name not in self._silent and port.link.is_lost(now_s)
            ]
            self._silent.update(lost)
            self._events.extend(map(Silent, lost))
        if lost:
            self.wake()

    @property
    def sweep_interval_s(self) -> float:
        """How often to call `sweep_leases`."""
        return max(0.05, self.settings.lease_ttl_s / 8)

    # --- the server's thread: the tree -----------------------------------------------------------

    def read(self, path: Path) -> tuple[int, Value]:
        """Return the revision and a copy of what is at a path.

        Raises:
            RefusedError: NO_SUCH_PATH.
        """
        with self._lock:
            try:
                return self.tree.revision, copy_value(
                    lookup(self.tree.root, path), max_depth=MAX_TREE_DEPTH
                )
            except MisfitError as error:
                raise RefusedError(
                    Reason.NO_SUCH_PATH, str(error), {"path": ".".join(path)}
                ) from error

    def changes_since(self, revision: int) -> list[Change] | None:
        """Return the changes after a revision; None when some are forgotten."""
        with self._lock:
            return self.tree.changes_since(revision)

    def watch(self) -> Bell:
        """Return a bell that rings when the tree changed."""
        with self._lock:
            bell = Bell()
            self._watchers.append(bell)
            return bell

    def unwatch(self, bell: Bell) -> None:
        """Let a bell be."""
        with self._lock:
            self._watchers.remove(bell)

    @property
    def is_closed(self) -> bool:
        """Whether the app ends."""
        return self._closed

    def request_update(
        self, ops: Sequence[Op], origin: str, expected_revision: int | None, request_id: str
    ) -> Future[int]:
        """Have a change made between two runs; the same request id gets the same answer."""
        with self._lock:
            if self._closed:
                raise ClosedError("the app ends")
            if request_id in self._requests:
                return self._requests[request_id]
            answer: Future[int] = Future()
            if request_id:
                self._requests[request_id] = answer
                if len(self._requests) > _MAX_KEPT_REQUESTS:
                    self._requests.popitem(last=False)
            self._events.append(OutsideUpdate(ops, origin, expected_revision, answer))
        self.wake()
        return answer

    # --- under the lock --------------------------------------------------------------------------

    def _commit(self, origin: str, parts: Sequence[Part]) -> Change:
        if self._told is not None:
            for place, ops in parts:
                with suppress(MisfitError):  # a node that an earlier part of it brings
                    self._told.committing(origin, place, lookup(self.tree.root, place), ops)
        change = self.tree.commit(origin, parts, self._wall_clock())
        for bell in self._watchers:
            bell.ring()
        return change

    def _write(self, port: Port, ops: Sequence[Op], revision: int) -> None:
        port.link.replica.write(ops, revision, lookup(self.tree.root, port.place))
        ring(port.command_bells)

    def _command(self, work: str, give: Callable[[WorkLink], None]) -> None:
        with self._lock:
            port = self._ports[work]
            give(port.link)
            ring(port.command_bells)

    def _port_of(self, session_id: str) -> Port:
        port = self._sessions.get(session_id)
        if port is None:
            raise RefusedError(Reason.SESSION_UNKNOWN, "no such session; register again")
        return port

    def _stretch(self) -> None:
        factor = max(1.0, len(self._ports) / _WORKS_PER_HEARTBEAT)
        self.settings.heartbeat_interval_s = self._base[0] * factor
        self.settings.lease_ttl_s = self._base[1] * factor
