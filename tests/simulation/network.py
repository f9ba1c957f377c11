"""A simulated network: streams that delay, that are cut, and that stay half-open.

A gRPC stream never loses a message in its middle. So a stream is a queue each
way; a cut keeps a random head of each queue and puts `Lost` behind it, which
each side meets at a time of its own. Until then the stream is half-open: what
was in flight is still delivered, even after the peer has registered again.
"""

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True, frozen=True)
class Lost:
    """The connection broke."""


@dataclass(slots=True, frozen=True)
class Ended:
    """The peer ended the stream: with an error, or with OK and maybe an answer."""

    error: object = None
    acked_seq: int = -1


@dataclass(slots=True, frozen=True)
class Opening:
    """The first message of a stream of a session."""

    session_id: str
    seen_revision: int = 0
    include_state: bool = False


@dataclass(slots=True, frozen=True)
class Register:
    """RegisterWork."""

    instance_id: str
    features: tuple = ()
    launch_id: str = ""


@dataclass(slots=True, frozen=True)
class Release:
    """ReleaseWork."""

    session_id: str
    final_seq: int


LOST = Lost()


class Stream:
    """One RPC between a work's process and the flow server."""

    def __init__(self, kind, process, serial):
        self.kind = kind
        self.process = process
        self.serial = serial
        self.up = deque()
        self.down = deque()
        self.client_open = True
        self.server_open = True
        self.is_cut = False
        self.is_slow = False  # half-open: what is still in flight may come very late
        # What the server keeps with it.
        self.session_id = ""
        self.served = None
        self.is_blocked = False  # not read: too much was taken and not yet applied

    def __repr__(self):
        return f"{self.process.instance_id}/{self.kind}#{self.serial}"

    @property
    def is_over(self):
        return not (self.up or self.down or self.client_open or self.server_open)

    def send_up(self, message):
        if self.client_open and not self.is_cut:
            self.up.append(message)

    def send_down(self, message):
        if self.server_open and not self.is_cut:
            self.down.append(message)

    def end_by_server(self, ended):
        """Let the client meet the end behind what was sent to it before."""
        self.send_down(ended)
        self.server_open = False

    def abandon(self):
        """Let the client forget it; the server meets the loss behind what is in flight."""
        if self.client_open and not self.is_cut:
            self.up.append(LOST)
        self.client_open = False
        self.is_slow = True

    def cut(self, rng):
        """Break the connection; each side meets that in its own time."""
        if self.is_cut:
            return
        self.is_cut = self.is_slow = True
        for queue in (self.up, self.down):
            for _ in range(rng.randint(0, len(queue))):
                queue.pop()
            queue.append(LOST)
