"""What the server's thread does for works: every request is one step of the exchange."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager

from lightgrid.protocol.acks import Acks
from lightgrid.protocol.limits import LeaseTerms
from lightgrid.protocol.messages import Batch, Command, Registration
from lightgrid.protocol.stream import Stream, Wake
from lightgrid.runtime.hub.bell import Bell, Bells
from lightgrid.runtime.hub.shared import Shared
from lightgrid.state.delta import lookup
from lightgrid.state.tree import StateTree


class WorkGate:
    """For the servicers of works. All methods are thread-safe but for `offer` and `listening`.

    Those belong to the thread of the server's event loop.
    """

    def __init__(self, shared: Shared, tree: StateTree) -> None:
        self._shared = shared
        self._tree = tree
        self._ack_timer: asyncio.TimerHandle | None = None

    # --- joining and leaving -----------------------------------------------------

    @property
    def terms(self) -> LeaseTerms:
        """What works are told now of how long they may be silent."""
        with self._shared as exchange:
            return exchange.terms

    def generation_of(self, work: str) -> int:
        """Return how many works have had a name; 0 for a name that is no work's."""
        with self._shared as exchange:
            return exchange.works.generation_of(work)

    def new_generation(self, work: str) -> int:
        """Return the number of a work that gets a name: no token of the last one opens it."""
        with self._shared as exchange:
            return exchange.works.new_generation(work)

    def work_of(self, session_id: str) -> tuple[str, int]:
        """Return the name and the generation of the work that a session stands for.

        Raises:
            RefusedError: SESSION_UNKNOWN.
        """
        with self._shared as exchange:
            return exchange.works.work_of(session_id)

    def register(
        self,
        work: str,
        instance_id: str,
        features: Sequence[str],
        user_agent: str,
        launch_id: str = "",
    ) -> Registration:
        """Let a process join as a work.

        Raises:
            RefusedError: As `Exchange.register`.
        """
        session_id = secrets.token_hex(16)
        with self._shared as exchange:
            return exchange.register(
                work,
                instance_id,
                session_id,
                features,
                user_agent,
                self._shared.clock(),
                launch_id,
            )

    def release(self, session_id: str, final_seq: int) -> None:
        """Let a work leave.

        Raises:
            RefusedError: SESSION_UNKNOWN or BATCHES_PENDING.
        """
        with self._shared as exchange:
            exchange.release(session_id, final_seq)

    # --- streams -------------------------------------------------------------------

    def open_stream(self, session_id: str, kind: str, seen_revision: int = 0) -> Stream:
        """Begin a stream; the arguments are those of `Exchange.open_stream`.

        Raises:
            RefusedError: SESSION_UNKNOWN.
        """
        with self._shared as exchange:
            return exchange.open_stream(session_id, kind, seen_revision)

    def close_stream(self, stream: Stream) -> None:
        """End one, however it ended."""
        with self._shared as exchange:
            exchange.close_stream(stream)

    def check_live(self, stream: Stream) -> None:
        """Go on if a stream still counts.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        with self._shared as exchange:
            exchange.check_live(stream)

    def listening(self, stream: Stream, who: Wake) -> AbstractContextManager[Bell]:
        """Have a bell that rings when a stream's work has something for it."""
        with self._shared:
            port = self._shared.ports.get(stream.member.link.name)
        # Of a work that has just been removed nobody rings: its streams count no more.
        return (Bells() if port is None else port.bells[who]).listening()

    def offer(self, stream: Stream, part: Batch) -> bool:
        """Take a message of a delta stream.

        Returns:
            Whether there is room for the next one.

        Raises:
            RefusedError: The stream is to end with it.
        """
        with self._shared as exchange:
            has_room = exchange.offer(stream, part, self._shared.clock())
            if self._ack_timer is None:
                self._tell_acks_later(exchange.acks)
        return has_room

    def has_room(self, stream: Stream) -> bool:
        """Tell whether a delta stream may be read on; it still counts as alive.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        with self._shared as exchange:
            return exchange.has_room(stream, self._shared.clock())

    def acked_seq_of(self, work: str | None) -> int:
        """Return the last batch taken of a work; 0 for a name that is no work's."""
        with self._shared as exchange:
            member = None if work is None else exchange.works.get(work)
            return 0 if member is None else member.link.acked_seq

    def commands(self, stream: Stream, *, include_state: bool) -> list[Command]:
        """Return what to tell a work next.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        with self._shared as exchange:
            view = None
            if include_state:
                exchange.check_live(stream)
                place = self._shared.ports[stream.member.link.name].place
                view = lookup(self._tree.root, place)
            return exchange.commands(stream, view)

    # --- time ------------------------------------------------------------------------

    @property
    def sweep_interval_s(self) -> float:
        """How often to call `sweep_leases`."""
        with self._shared as exchange:
            return exchange.sweep_interval_s

    def sweep_leases(self) -> None:
        """Find works that were silent for too long."""
        with self._shared as exchange:
            exchange.sweep(self._shared.clock())

    def _tell_acks_later(self, acks: Acks) -> None:
        if acks.next_s is not None:
            self._ack_timer = asyncio.get_running_loop().call_later(
                acks.next_s - self._shared.clock(), self._tell_acks
            )

    def _tell_acks(self) -> None:
        self._ack_timer = None
        with self._shared as exchange:
            exchange.tell_acks(self._shared.clock())
            self._tell_acks_later(exchange.acks)
