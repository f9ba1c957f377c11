"""One holder of a work's name for one epoch: its streams and its lease."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Lease:
    """Time until which a silent peer counts as alive."""

    ttl_s: float
    deadline_s: float

    def renew(self, now_s: float) -> None:
        """Count the whole time from now."""
        self.deadline_s = now_s + self.ttl_s

    def is_over(self, now_s: float) -> bool:
        """Tell whether the peer was silent for too long."""
        return now_s >= self.deadline_s


@dataclass(slots=True)
class Session:
    """One holder of a work's name, for one epoch.

    Attributes:
        session_id: Unguessable; stands for work and epoch in every later call.
        epoch: Rises with every new holder.
        instance_id: The holder: one run of a process.
        features: Optional parts of the protocol that both sides know.
        streams: The live streams, by kind ("deltas", "commands"), as numbers
            that only rise: an older stream of a kind was superseded.
        last_stream: The newest stream's number. The next holder goes on from it, or
            a half-open stream of this one would pass for one of its own.
        first_stream: The newest stream of the holder before; higher numbers are its own.
        took_over: Its holder is another one than the holder before.
        is_awaited: The server has begun anew since: for as long as the lease lasts the
            holder is expected back, and keeps the name as if it were connected.
    """

    session_id: str
    epoch: int
    instance_id: str
    features: Sequence[str]
    lease: Lease
    streams: dict[str, int] = field(default_factory=dict)
    last_stream: int = 0
    first_stream: int = field(init=False)
    took_over: bool = False
    is_awaited: bool = False

    def __post_init__(self) -> None:
        self.first_stream = self.last_stream

    @property
    def is_connected(self) -> bool:
        """Whether the holder has a live stream, or is to be counted as if it had."""
        return bool(self.streams) or self.is_awaited

    def open_stream(self, kind: str) -> int:
        """Return the number of a new stream, which supersedes the last of its kind."""
        self.last_stream += 1
        self.streams[kind] = self.last_stream
        return self.last_stream

    def is_live(self, kind: str, stream: int) -> bool:
        """Tell whether a stream is still the one that counts."""
        return self.streams.get(kind) == stream

    def close_stream(self, kind: str, stream: int) -> None:
        """Forget a stream that ended, unless another one took over."""
        if self.is_live(kind, stream):
            del self.streams[kind]

    def end_streams(self) -> None:
        """Let none of the live streams count any more."""
        self.streams.clear()
        self.is_awaited = False
