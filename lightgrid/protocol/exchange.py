"""The flow's side: all works of an app, and the one who serves their streams.

What a work is told and when, who is let in, what waits for the flow's next merge,
who was silent for too long: all of that is decided here, for every work by its
`WorkLink`, over the works by `Exchange`. Whoever drives it brings what came, the
time, and random ids, and afterwards does three things: has those look again whom
`wakes` names, hands `take_events` to the flow, and has the flow look at these and
merge when there is anything new, as `take_news` tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lightgrid.protocol.acks import Acks
from lightgrid.protocol.events import Heard, Joined, Left, PeerEvent, Silent
from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.link import WorkLink
from lightgrid.protocol.merged import Merged
from lightgrid.protocol.messages import Batch, CallError, Command, Registration
from lightgrid.protocol.pending import Pending
from lightgrid.protocol.roster import ExchangeRecord, Member, Roster
from lightgrid.protocol.stream import Stream, Wake, Wakes
from lightgrid.protocol.sweeps import Sweeps
from lightgrid.protocol.told import Told
from lightgrid.state.delta import Op
from lightgrid.state.values import Value


class Exchange:
    """All works of an app, as its flow server deals with them.

    Args:
        limits: What is accepted.
        terms: How long works may be silent, while they are few.
        now_s: The time.
        tree_id: Names the life of the flow's tree, to which revisions and epochs belong.
        has_journal: What works send is acknowledged once it was `committed`. Whoever keeps
            the journal answers `register` and `release`, and tells commands, later, too.

    Attributes:
        works: By name and by session, to be looked at.
        acks: Say when `tell_acks` is to be called next.
        wakes: Who is to look again, of those who serve works.
        pending: The works of which there is something to merge.

    Not safe to share between threads.
    """

    def __init__(
        self,
        limits: Limits,
        terms: LeaseTerms,
        now_s: float,
        tree_id: str = "",
        *,
        has_journal: bool = False,
    ) -> None:
        self.limits = limits
        self._has_journal = has_journal
        self._tree_id = tree_id
        self.works = Roster()
        self.acks = Acks()
        self.pending = Pending()
        self._terms = terms
        self._events: list[PeerEvent] = []
        self.wakes = Wakes()
        self._sweeps = Sweeps(now_s)

    # --- the works of the app ------------------------------------------------------

    @property
    def terms(self) -> LeaseTerms:
        """What a work is told now of how long it may be silent."""
        return self._terms.for_works(len(self.works))

    def add_work(
        self,
        name: str,
        variables: dict[str, Value],
        *,
        receives_updates: bool = False,
        generation: int = 0,
    ) -> None:
        """Begin to serve a work; the arguments are those of `WorkLink` and `Roster.add`."""
        link = WorkLink(
            name,
            variables,
            self.limits,
            receives_updates=receives_updates,
            has_journal=self._has_journal,
        )
        self.works.add(link, generation)

    def remove_work(self, name: str) -> None:
        """Serve a work no longer; what it still sends does not count."""
        self.works[name].link.process_gone(None)
        self.works.remove(name)
        self.pending.discard(name)
        self.acks.forget(name)
        self.wakes.add_all(name)

    def command(self, name: str) -> WorkLink:
        """Return the flow's end of a work, to have the work told something."""
        link = self.works[name].link
        self.wakes.add(name, Wake.COMMANDS)
        return link

    def write(self, name: str, ops: Sequence[Op], revision: int, view: dict[str, Value]) -> None:
        """Note what the flow wrote into a work's variables; `view` has it already."""
        self.command(name).replica.write(ops, revision, view)

    def process_gone(self, name: str, error: CallError | None, succeeded: str = "") -> None:
        """Note that the process of a work is gone; as `WorkLink`. None of a removed work."""
        member = self.works.get(name)
        if member is not None:
            member.link.process_gone(error, succeeded)
            member.is_silent = False
            self.pending.add(name)
            self.wakes.add_all(name)

    # --- what the flow takes -------------------------------------------------------

    def take_news(self) -> bool:
        """Tell whether there is more to merge than the last time, or an event."""
        return self.pending.take_more() or bool(self._events)

    def merge(self, name: str, view: dict[str, Value]) -> Merged:
        """Return what a work sent since the last merge, as changes of the flow's view."""
        member = self.works[name]
        merged = member.link.merge(view)
        if member.is_blocked:
            member.is_blocked = False
            self.wakes.add(name, Wake.ROOM)
        if not self._has_journal and self.acks.applied(name):
            self._tell_ack(member)
        return merged

    def take_events(self) -> list[PeerEvent]:
        """Return what happened since the last time, in order."""
        events, self._events = self._events, []
        return events

    # --- what works ask ------------------------------------------------------------

    def register(
        self,
        name: str,
        instance_id: str,
        session_id: str,
        features: Sequence[str],
        user_agent: str,
        now_s: float,
        launch_id: str = "",
    ) -> Registration:
        """Let a process join as a work; the arguments are those of `WorkLink.register`.

        Raises:
            RefusedError: NO_SUCH_WORK, or as `WorkLink.register`.
        """
        member = self.works.joining(name)
        registration = member.link.register(
            instance_id, session_id, features, self.terms, now_s, launch_id
        )
        self.wakes.add_all(name)
        if self.works.begin_session(member, registration.session_id):
            self._hear(member)
            self._events.append(Joined(name, user_agent, launch_id, registration.features))
        return replace(registration, tree_id=self._tree_id)

    def release(self, session_id: str, final_seq: int) -> None:
        """Let a work leave; once more, if it has not heard that it may.

        Raises:
            RefusedError: SESSION_UNKNOWN or BATCHES_PENDING.
        """
        if self.works.was_released(session_id):
            return
        member = self.works.of_session(session_id)
        member.link.release(final_seq)
        name = member.link.name
        self.works.release(member, session_id)
        self.pending.add(name)
        self._events.append(Left(name))
        self.wakes.add_all(name)

    def open_stream(self, session_id: str, kind: str, seen_revision: int = 0) -> Stream:
        """Begin a stream, "deltas" or "commands"; an older one of its kind counts no more.

        Raises:
            RefusedError: SESSION_UNKNOWN.
        """
        member = self.works.of_session(session_id)
        number = member.link.holder.session_of(session_id).open_stream(kind)
        if kind == "commands":
            member.ack_due = True
            self.wakes.add(member.link.name, Wake.COMMANDS)
        else:
            self.wakes.add(member.link.name, Wake.STREAMS)
        return Stream(member, kind, number, Told(revision=seen_revision))

    def close_stream(self, stream: Stream) -> None:
        """Note that a stream ended, however it did."""
        if stream.kind == "deltas":
            stream.member.link.close_delta_stream(stream.number)
        elif stream.member.link.session is not None:
            stream.member.link.session.close_stream(stream.kind, stream.number)

    def check_live(self, stream: Stream) -> None:
        """Go on if a stream still counts.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        stream.member.link.holder.check_live(stream.kind, stream.number)

    def offer(self, stream: Stream, part: Batch, now_s: float) -> bool:
        """Take a message of a delta stream.

        Returns:
            Whether there is room for the next one.

        Raises:
            RefusedError: The stream is to end with it.
        """
        member, link = stream.member, stream.member.link
        taken = link.offer(stream.number, part, now_s)
        if taken:
            self.pending.add(link.name)
            if not self._has_journal and self.acks.taken(link.name, now_s):
                self._tell_ack(member)
        elif part.seq == 0 and self.acks.asked(
            link.name, all_applied=link.name not in self.pending and link.intake.is_settled
        ):
            self._tell_ack(member)
        member.is_blocked = not link.replica.has_room
        return not member.is_blocked

    def has_room(self, stream: Stream, now_s: float) -> bool:
        """Tell whether a delta stream may be read on; until then it counts as alive.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        link = stream.member.link
        link.renew(stream.number, now_s)
        return link.replica.has_room

    def commands(self, stream: Stream, include_state: Value = None) -> list[Command]:
        """Return what to tell a work next; many calls some at a time, so ask until it is nothing.

        Args:
            stream: A command stream.
            include_state: The variables as the flow sees them, to begin with them.

        Raises:
            RefusedError: As `Holder.check_live`.
        """
        self.check_live(stream)
        member = stream.member
        acks, member.ack_due = member.ack_due, False
        link = member.link
        commands = link.commands(stream.told, include_state=include_state, acks=acks)
        if link.calls.has_news and link.name not in self.pending:
            self.pending.add(link.name)  # a call that the work could not read has failed
        return commands

    # --- time ------------------------------------------------------------------------

    def tell_acks(self, now_s: float) -> None:
        """Have those told that have waited long enough for an acknowledgement."""
        for name in self.acks.due(now_s):
            self._tell_ack(self.works[name])

    @property
    def sweep_interval_s(self) -> float:
        """How often to call `sweep`."""
        return self._sweeps.interval_s(self.terms.lease_ttl_s)

    def sweep(self, now_s: float) -> None:
        """End the sessions of works that were silent for too long, or have not left in time."""
        if not self._sweeps.begin(self.terms.lease_ttl_s, now_s):
            return
        for member in self.works:
            if member.link.holder.has_outstayed(now_s):
                self._end_session(member)
            elif member.link.holder.is_lost(now_s):
                member.is_silent = True
                self._events.append(Silent(member.link.name))
                self._end_session(member)

    # --- over a restart ----------------------------------------------------------------

    def committed(self, name: str, mark: tuple[str, int], now_s: float) -> None:
        """Note that the journal has what was merged of a work: that is acknowledged now.

        Args:
            name: The work, maybe a removed one.
            mark: The link's `mark` of the moment that is in the journal.
            now_s: The time.
        """
        member = self.works.get(name)
        added = 0 if member is None else member.link.committed(mark)
        if added and (self.acks.taken(name, now_s, added) or self.acks.applied(name)):
            self._tell_ack(self.works[name])

    def dump(self) -> ExchangeRecord:
        """Return what is owed, as it is at this moment. Cost: O(state)."""
        return self.works.dump()

    def load(self, record: ExchangeRecord, now_s: float) -> list[str]:
        """Go on from what was owed; return the works that have not been added, and are lost."""
        missing = self.works.load(record, self.terms, now_s)
        for name in record.links:
            if name not in missing:
                self.pending.add(name)
        return missing

    # --- details -------------------------------------------------------------------------

    def _end_session(self, member: Member) -> None:
        # Its calls are another's affair: who comes back, in a new epoch, goes on with them.
        member.link.holder.gone()
        self.works.end_session(member)
        self.wakes.add_all(member.link.name)

    def _hear(self, member: Member) -> None:
        if member.is_silent:
            member.is_silent = False
            self._events.append(Heard(member.link.name))

    def _tell_ack(self, member: Member) -> None:
        self.acks.told(member.link.name, of_all=member.link.intake.is_settled)
        member.ack_due = True
        self.wakes.add(member.link.name, Wake.COMMANDS)
