"""Who holds a work's name: sessions, epochs, and the fence between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.messages import Stop
from lightgrid.protocol.session import Lease, Session

#: Processes that are refused because a newer one holds the work; older ones are dead.
_MAX_FENCED: Final = 1000


@dataclass(slots=True, frozen=True)
class SessionRecord:
    """What is kept of a session over a restart of the flow server."""

    session_id: str
    epoch: int
    instance_id: str
    features: Sequence[str]
    last_stream: int


@dataclass(slots=True, frozen=True)
class HolderRecord:
    """What is kept, over a restart of the flow server, of who holds a work's name."""

    session: SessionRecord | None
    is_gone: bool
    fenced: Sequence[str]
    stop: Stop | None
    has_left: bool
    launch_id: str


class Holder:
    """Who holds a work's name, who held it, and who may.

    Args:
        work: The name.

    Attributes:
        session: The newest one, also when its holder is gone.
        stop: Told to the holder: it is to leave.
        stop_ends_s: When it is to have left.
        launch_id: The newest launch of the work, if the flow launches it.
    """

    def __init__(self, work: str) -> None:
        self.session: Session | None = None
        self.stop: Stop | None = None
        self.stop_ends_s = 0.0
        self.launch_id = ""
        self._work = work
        self._fenced: dict[str, None] = {}  # processes that are to stay away, oldest first
        self._is_gone = False  # the holder is known to be gone
        self._has_left = False  # it was stopped and has left

    @property
    def is_held(self) -> bool:
        """Whether a process has joined and has not left."""
        return self.session is not None and not self._is_gone

    def knows(self, feature: str) -> bool:
        """Tell whether the process that has joined, and the server, know a feature."""
        return self.session is not None and feature in self.session.features

    def is_lost(self, now_s: float) -> bool:
        """Tell whether the holder was silent for longer than its lease."""
        session = self.session
        return session is not None and not self._is_gone and session.lease.is_over(now_s)

    def has_outstayed(self, now_s: float) -> bool:
        """Tell whether the holder was to leave, and has not within its grace."""
        return self.is_held and self.stop is not None and now_s >= self.stop_ends_s

    def admit(
        self,
        instance_id: str,
        session_id: str,
        features: Sequence[str],
        ttl_s: float,
        now_s: float,
        launch_id: str = "",
    ) -> Session:
        """Return the session of a process that joins: the one that it has, or a new one.

        Raises:
            RefusedError: EPOCH_FENCED, WORK_STOPPED or WORK_HELD.
        """
        if instance_id in self._fenced:
            raise self._fenced_off()
        if launch_id and self.launch_id and launch_id != self.launch_id:
            raise RefusedError(
                Reason.EPOCH_FENCED, f"{self._work} was launched anew; this process is to leave"
            )
        if self._has_left:
            raise RefusedError(Reason.WORK_STOPPED, f"the flow has stopped {self._work}")
        held = self.session
        if held is not None and held.instance_id == instance_id and not self._is_gone:
            # Nothing of the old streams is taken from here on: only then is acked_seq final.
            held.end_streams()
            held.lease.ttl_s = ttl_s  # what the work is told now
            held.lease.renew(now_s)
            return held
        epoch, last_stream, took_over = 1, 0, False
        if held is not None:
            epoch, last_stream = held.epoch + 1, held.last_stream
            if held.instance_id != instance_id:
                if held.is_connected and not held.lease.is_over(now_s):
                    raise RefusedError(
                        Reason.WORK_HELD, f"another process holds {self._work} and is connected"
                    )
                self.fence()
                took_over = True
        self._is_gone = False
        lease = Lease(ttl_s, now_s + ttl_s)
        self.session = Session(
            session_id,
            epoch,
            instance_id,
            features,
            lease,
            last_stream=last_stream,
            took_over=took_over,
        )
        return self.session

    def fence(self) -> None:
        """Let the process that holds the name never join again."""
        if self.session is not None:
            self._fenced[self.session.instance_id] = None
            if len(self._fenced) > _MAX_FENCED:
                del self._fenced[next(iter(self._fenced))]

    def gone(self) -> None:
        """Note that the holder is gone: none of its streams counts any more."""
        self._is_gone = True
        if self.session is not None:
            self.session.end_streams()
        if self.stop is not None:
            self._has_left = True

    def check_live(self, kind: str, stream: int) -> None:
        """Go on if a stream still counts.

        Raises:
            RefusedError: It does not: STREAM_SUPERSEDED, EPOCH_FENCED, WORK_STOPPED or
                SESSION_UNKNOWN, which says no more than that its session is over.
        """
        session = self.session
        if session is not None and session.is_live(kind, stream):
            return
        if session is not None and stream > session.first_stream:
            if kind in session.streams:
                raise RefusedError(
                    Reason.STREAM_SUPERSEDED, f"another stream of {self._work} took over"
                )
            if self._has_left:
                raise RefusedError(Reason.WORK_STOPPED, f"the flow has stopped {self._work}")
            if session.instance_id in self._fenced:
                raise self._fenced_off()
        elif session is not None and session.took_over:
            raise self._fenced_off()
        raise RefusedError(
            Reason.SESSION_UNKNOWN, f"the session of {self._work} is over; register again"
        )

    def _fenced_off(self) -> RefusedError:
        return RefusedError(
            Reason.EPOCH_FENCED, f"a newer process holds {self._work}; this one is to leave"
        )

    def allow_again(self, launch_id: str = "") -> None:
        """Let a new process hold the name, also one whose holder was stopped.

        Args:
            launch_id: By which launch it is started; none of an earlier one may join any more.
        """
        self.stop = None
        self._has_left = False
        self.launch_id = launch_id

    def session_of(self, session_id: str) -> Session:
        """Return the session that an id stands for.

        Raises:
            RefusedError: SESSION_UNKNOWN; register again.
        """
        if self.session is None or self.session.session_id != session_id or self._is_gone:
            raise RefusedError(Reason.SESSION_UNKNOWN, f"no such session of {self._work}")
        return self.session

    def dump(self) -> HolderRecord:
        """Return all there is to keep. Streams and leases do not outlive a server."""
        session = self.session
        return HolderRecord(
            session=None
            if session is None
            else SessionRecord(
                session.session_id,
                session.epoch,
                session.instance_id,
                session.features,
                session.last_stream,
            ),
            is_gone=self._is_gone,
            fenced=list(self._fenced),
            stop=self.stop,
            has_left=self._has_left,
            launch_id=self.launch_id,
        )

    def load(self, record: HolderRecord, ttl_s: float, now_s: float) -> None:
        """Go on from what was kept: the holder has a whole lease to come back."""
        kept = record.session
        if kept is not None:
            lease = Lease(ttl_s, now_s + ttl_s)
            self.session = Session(
                kept.session_id,
                kept.epoch,
                kept.instance_id,
                kept.features,
                lease,
                last_stream=kept.last_stream,
                is_awaited=not record.is_gone,
            )
        self._is_gone = record.is_gone
        self._fenced = dict.fromkeys(record.fenced)
        self.stop = record.stop
        if record.stop is not None:
            self.stop_ends_s = now_s + record.stop.grace_s
        self._has_left = record.has_left
        self.launch_id = record.launch_id
