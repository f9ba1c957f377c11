"""The works of an app as its flow server knows them, and which sessions stand for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.limits import LeaseTerms
from lightgrid.protocol.link import LinkRecord, WorkLink

#: Goodbyes that were taken and are taken again, when their answer was lost.
_MAX_RELEASED: Final = 1000


@dataclass(slots=True, eq=False)
class Member:
    """One work.

    Attributes:
        link: Its state machine.
        generation: How many works have had its name.
        is_silent: Its holder was told as silent, and nobody has joined since.
        ack_due: An acknowledgement is to be told to it.
        is_blocked: Its delta stream was told to read no more until the next merge.
    """

    link: WorkLink
    generation: int
    is_silent: bool = False
    ack_due: bool = True
    is_blocked: bool = False


@dataclass(slots=True, frozen=True)
class ExchangeRecord:
    """What a flow server knows of its works and owes them, over a restart.

    Attributes:
        generations: How many works have had a name, by name.
        links: Of the works that there are, by name.
        released: Sessions that have ended with a goodbye, with the works' names.
    """

    generations: Mapping[str, int]
    links: Mapping[str, LinkRecord]
    released: Mapping[str, str]


class Roster:
    """Works by name and by session."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._generations: dict[str, int] = {}
        self._sessions: dict[str, Member] = {}
        self._released: dict[str, str] = {}  # sessions and works, the oldest first

    def __len__(self) -> int:
        return len(self._members)

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __getitem__(self, name: str) -> Member:
        return self._members[name]

    def get(self, name: str) -> Member | None:
        """Return a work; None when there is none of this name."""
        return self._members.get(name)

    def generation_of(self, name: str) -> int:
        """Return how many works have had a name; 0 for a name that is no work's."""
        return self._generations.get(name, 0)

    def is_held(self, name: str) -> bool:
        """Tell whether a process has joined as this work and has not left."""
        member = self._members.get(name)
        return member is not None and member.link.is_held

    def work_of(self, session_id: str) -> tuple[str, int]:
        """Return the name and the generation of the work that a session stands for, or stood.

        Raises:
            RefusedError: SESSION_UNKNOWN.
        """
        if self.was_released(session_id):
            name = self._released[session_id]
            return name, self.generation_of(name)
        member = self.of_session(session_id)
        return member.link.name, member.generation

    def was_released(self, session_id: str) -> bool:
        """Tell whether a session has ended with a goodbye, which may come again."""
        return session_id in self._released

    def new_generation(self, name: str) -> int:
        """Return the number of a work that gets a name: no token of the last one opens it."""
        generation = self._generations[name] = self.generation_of(name) + 1
        return generation

    def add(self, link: WorkLink, generation: int = 0) -> None:
        """Add a work; `generation` is what `new_generation` has returned for it, if it did."""
        self._members[link.name] = Member(link, generation or self.new_generation(link.name))

    def remove(self, name: str) -> None:
        """Forget a work, but not that its name was taken."""
        self.end_session(self._members.pop(name))

    def joining(self, name: str) -> Member:
        """Return the work that a process wants to be.

        Raises:
            RefusedError: NO_SUCH_WORK.
        """
        member = self._members.get(name)
        if member is None:
            raise RefusedError(
                Reason.NO_SUCH_WORK,
                f"the app has no work {name!r}; its works are: "
                f"{', '.join(sorted(self._members)) or 'none'}",
            )
        return member

    def of_session(self, session_id: str) -> Member:
        """Return the work that a session stands for.

        Raises:
            RefusedError: SESSION_UNKNOWN.
        """
        member = self._sessions.get(session_id)
        if member is None:
            raise RefusedError(Reason.SESSION_UNKNOWN, "no such session; register again")
        return member

    def begin_session(self, member: Member, session_id: str) -> bool:
        """Let a session stand for a work; return whether it is a new one."""
        if session_id in self._sessions:
            return False
        self.end_session(member)
        self._sessions[session_id] = member
        return True

    def end_session(self, member: Member) -> None:
        """Let no session stand for a work."""
        self._sessions = {key: one for key, one in self._sessions.items() if one is not member}

    def release(self, member: Member, session_id: str) -> None:
        """Let a session end with a goodbye."""
        self.end_session(member)
        self._released[session_id] = member.link.name
        if len(self._released) > _MAX_RELEASED:
            del self._released[next(iter(self._released))]

    def dump(self) -> ExchangeRecord:
        """Return all there is to keep, as it is at this moment. Cost: O(state)."""
        return ExchangeRecord(
            dict(self._generations),
            {name: member.link.dump() for name, member in self._members.items()},
            dict(self._released),
        )

    def load(self, record: ExchangeRecord, terms: LeaseTerms, now_s: float) -> list[str]:
        """Go on from what was kept; the works have been added.

        Returns:
            Works of the record that have not been added; nothing of them is kept.
        """
        self._generations.update(record.generations)
        self._released.update(record.released)
        missing = []
        for name, kept in record.links.items():
            member = self._members.get(name)
            if member is None:
                missing.append(name)
                continue
            member.generation = record.generations[name]
            member.link.load(kept, terms, now_s)
            session = member.link.session
            if session is not None and member.link.is_held:
                self.begin_session(member, session.session_id)
        return missing
