"""What the flow's process has of its works: the tree, and the exchange with their processes.

The server's thread takes what works send; the flow's thread merges it between
two runs, commits what the flow did, and gives commands.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

from lightgrid.component.flow import Flow
from lightgrid.errors import MisfitError, Reason, RefusedError
from lightgrid.protocol.exchange import Exchange
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.link_statistics import statistics_of
from lightgrid.protocol.merged import Merged
from lightgrid.protocol.messages import CallError, Run
from lightgrid.runtime.hub.ask import Asks
from lightgrid.runtime.hub.bell import Bells
from lightgrid.runtime.hub.events import Event
from lightgrid.runtime.hub.outside import OutsideUpdate, OutsideUpdates
from lightgrid.runtime.hub.port import Port
from lightgrid.runtime.hub.shared import Shared
from lightgrid.runtime.hub.statistics import HubStatistics
from lightgrid.runtime.hub.work_gate import WorkGate
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Op, Path, lookup, within
from lightgrid.state.tree import Change, Part, StateTree
from lightgrid.state.values import MAX_TREE_DEPTH, Value, copy_value

T = TypeVar("T")

_LIMITS: Final = Limits()
_TERMS: Final = LeaseTerms()


class Hub:
    """Shared by the two threads of a flow's process. All methods are thread-safe.

    Args:
        limits: What is accepted.
        terms: How long works may be silent, while they are few.
        observer: Its `committing` is called before each commit, if it wants deltas.
        clock: Seconds of a clock that never goes back.
        wall_clock: Seconds since the epoch, for people.

    Attributes:
        tree: The state of the app.
        works: What the server does for works.
        asks: What others ask for, see `ask`.
        outside: What clients ask to be changed.
        watchers: Rung when the tree has changed, or the app ends.
        is_closed: The app ends.
        is_draining: Streams are to end.
    """

    def __init__(
        self,
        limits: Limits = _LIMITS,
        terms: LeaseTerms = _TERMS,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.limits = limits
        self.tree = StateTree(secrets.token_hex(8))
        wants_deltas = observer is not None and observer.wants_deltas
        self._delta_observer = observer if wants_deltas else None
        self._wall_clock = wall_clock
        self._shared = Shared(Exchange(limits, terms, clock(), self.tree.tree_id), clock)
        self.works = WorkGate(self._shared, self.tree)
        self.asks = Asks()
        self.outside = OutsideUpdates(self)
        self.watchers = Bells()
        self._merge_count = 0
        self.is_closed = False
        self.is_draining = False

    # --- the flow's thread: the tree -------------------------------------------------------------

    def wait(self, timeout_s: float | None) -> bool:
        """Wait until something happened; return False when nothing did within the time."""
        return self._shared.wakeup.wait(timeout_s)

    def wake(self) -> None:
        """Have `wait` return. Also for other threads and signal handlers."""
        self._shared.wakeup.set()

    def commit(self, origin: str, parts: Sequence[Part]) -> Change:
        """Change the tree, in one step."""
        with self._shared:
            return self._commit(origin, parts)

    @contextmanager
    def as_one_step(self) -> Iterator[None]:
        """Have the server's thread wait meanwhile: it sees all that is done here, or nothing."""
        with self._shared:
            yield

    def commit_flow(self, parts: Sequence[Part], writes: Mapping[str, Sequence[Op]]) -> Change:
        """Change the tree by what a run of the flow did.

        Args:
            parts: All of it.
            writes: What of it went into variables of works, by the work's name.
        """
        with self._shared as exchange:
            change = self._commit("root", parts)
            for work, ops in writes.items():
                exchange.write(work, ops, change.revision, self._view(work))
            return change

    def merge(self) -> list[tuple[str, Merged]]:
        """Merge all batches taken since the last time, and return what they bring."""
        with self._shared as exchange:
            merged = []
            for name in exchange.pending.take():
                news = exchange.merge(name, self._view(name))
                if news.ops:
                    self._commit(name, [(self._shared.ports[name].place, news.ops)])
                merged.append((name, news))
            self._merge_count += len(merged)
            return merged

    def apply_outside(self, update: OutsideUpdate) -> Change:
        """Change the tree as a client asks. In the flow's thread.

        Raises:
            RefusedError: NO_SUCH_PATH, BAD_OP or REVISION_CONFLICT; nothing changed.
        """
        with self._shared as exchange:
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
            for work, port in self._shared.ports.items():
                depth = len(port.place)
                own = [within(op, depth) for op in update.ops if op.path[:depth] == port.place]
                if own:
                    exchange.write(work, own, change.revision, self._view(work))
            return change

    def take_events(self) -> list[Event]:
        """Return what happened since the last time, in order."""
        return self._shared.take_events()

    # --- the flow's thread: works ----------------------------------------------------------------

    def add_work(
        self,
        name: str,
        place: Path,
        variables: dict[str, Value],
        *,
        receives_updates: bool,
        generation: int = 0,
    ) -> None:
        """Begin to serve a work whose node is in the tree.

        Args:
            name: The work's name.
            place: The path of its variables in the tree.
            variables: These, with their first values.
            receives_updates: See `WorkLink`.
            generation: What `WorkGate.new_generation` has returned for it; 0 to ask it now.
        """
        with self._shared as exchange:
            exchange.add_work(
                name, variables, receives_updates=receives_updates, generation=generation
            )
            self._shared.ports[name] = Port(place)

    def expect_process(self, work: str, launch_id: str = "", *, has_variables: bool = False) -> int:
        """Let a new process be the work, also of one that was stopped.

        Args:
            work: The work's name.
            launch_id: By which launch it is started; none of an earlier one may join any more.
            has_variables: It is given the work's variables as of now.

        Returns:
            The tree's revision, which it has seen if it has them.
        """
        with self._shared as exchange:
            link = exchange.command(work)
            link.allow_again(launch_id)
            if has_variables:
                link.process_starts()
            return self.tree.revision

    def remove_work(self, name: str) -> None:
        """Serve a work no longer."""
        with self._shared as exchange:
            exchange.remove_work(name)
        with self._shared:  # those who serve it have been woken
            del self._shared.ports[name]

    def call(self, work: str, run: Run, *, by_launch: bool = False) -> None:
        """Make a run call; see `WorkLink`."""
        with self._shared as exchange:
            exchange.command(work).call(run, by_launch=by_launch)

    def end_calls(self, work: str, call_ids: Sequence[str]) -> None:
        """End calls of a work, as the flow has decided. Not those of a work that is removed."""
        with self._shared as exchange:
            if exchange.works.get(work) is not None:
                calls = exchange.command(work).calls  # who still executes one is told
                for call_id in call_ids:
                    calls.end(call_id)

    def stop(self, work: str, grace_s: float) -> None:
        """Ask a work to leave."""
        with self._shared as exchange:
            exchange.command(work).stop(grace_s, self._shared.clock())

    def process_gone(self, work: str, error: CallError | None, succeeded: str = "") -> None:
        """Note that the process of a work is gone; its open calls end. See `WorkLink`."""
        with self._shared as exchange:
            exchange.process_gone(work, error, succeeded)

    def is_held(self, work: str) -> bool:
        """Tell whether a process has joined as this work and has not left."""
        with self._shared as exchange:
            return exchange.works.is_held(work)

    def add_event(self, event: Event) -> None:
        """Tell the flow's thread of something. For any thread."""
        with self._shared:
            self._shared.events.append(event)
        self.wake()

    def ask(self, do: Callable[[Flow], T]) -> Future[T]:
        """Have something done in the flow's thread between two runs. For any thread.

        It may do what the flow's `run` may: calls, starts and stops go out at once, changes of
        state when it is over. Then the flow runs. `stop` and `fail` of the flow end the app;
        another exception is for who asks alone. Who waits for the answer in the flow's own
        thread waits for ever.

        Args:
            do: Called with the root flow.

        Returns:
            What `do` returns, once all that it did is out; ClosedError when the app ends
            before its turn.

        Raises:
            ClosedError: The app ends.
        """
        answer = self.asks.add(do)
        self.wake()
        return answer

    def close(self) -> None:
        """Refuse from now on what others ask for, and what waits."""
        self.is_closed = True
        self.asks.close()
        self.watchers.ring()

    def serve(self) -> None:
        """Let peers come: a server listens. One may come after another that has ended."""
        self.is_draining = False

    def drain(self) -> None:
        """Have every stream end in order: whoever still speaks is to come again."""
        self.is_draining = True
        with self._shared as exchange:
            exchange.wakes.add_all(*(one.link.name for one in exchange.works))
        self.watchers.ring()

    def statistics(self) -> HubStatistics:
        """Return what there is to know now. For any thread; costs as much as there are works."""
        with self._shared as exchange:
            return HubStatistics(
                revision=self.tree.revision,
                kept_changes=self.tree.kept_count,
                kept_bytes=self.tree.kept_bytes,
                watchers=len(self.watchers),
                asks=len(self.asks),
                batches=exchange.acks.taken_count,
                merges=self._merge_count,
                acks=exchange.acks.told_count,
                links={one.link.name: statistics_of(one.link) for one in exchange.works},
            )

    # --- the server's thread: the tree -----------------------------------------------------------

    def read(self, path: Path) -> tuple[int, Value]:
        """Return the revision and a copy of what is at a path.

        Raises:
            RefusedError: NO_SUCH_PATH.
        """
        with self._shared:
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
        with self._shared:
            return self.tree.changes_since(revision)

    # --- under the lock --------------------------------------------------------------------------

    def _commit(self, origin: str, parts: Sequence[Part]) -> Change:
        if self._delta_observer is not None:
            for place, ops in parts:
                with suppress(MisfitError):  # a node that an earlier part of it brings
                    self._delta_observer.committing(
                        origin, place, lookup(self.tree.root, place), ops
                    )
        change = self.tree.commit(origin, parts, self._wall_clock())
        self.watchers.ring()
        return change

    def _view(self, work: str) -> dict[str, Value]:
        view: dict[str, Value] = lookup(self.tree.root, self._shared.ports[work].place)
        return view
