"""Messages with descriptors between two processes of this machine."""

from __future__ import annotations

import array
import errno
import json
import os
import select
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

_LENGTH_BYTES: Final = 4
_AT_ONCE: Final = 1 << 16
#: There is no room now for what is sent: of a user's descriptors only so many may be on their way.
_FULL: Final = (errno.ETOOMANYREFS, errno.ENOBUFS, errno.ENOMEM)
_RETRY_S: Final = 0.001
#: How many descriptors may come with so many bytes; the kernel passes on 253 at the most.
_MAX_DESCRIPTORS: Final = 253
#: Not on macOS, where the programs that are started get none by other means.
_RECEIVE_FLAGS: Final = socket.MSG_DONTWAIT | getattr(socket, "MSG_CMSG_CLOEXEC", 0)

Message = dict[str, Any]


class Channel:
    """One end of a Unix socket over which messages go, each whole, in their order.

    A message is the length of a JSON object in four bytes, and the object; descriptors
    come with its first byte, and "descriptors" in it says how many. What is large travels
    in a file whose descriptor is sent. No method waits but `drain`.

    Args:
        end: A connected stream socket, of which this is the owner.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._waiting: deque[tuple[bytes, Sequence[int]]] = deque()
        self._received = bytearray()
        self._descriptors: deque[int] = deque()

    def fileno(self) -> int:
        """Return the socket's descriptor, for `poll`."""
        return self._socket.fileno()

    @property
    def has_waiting(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._waiting)

    @property
    def wants(self) -> int:
        """What to `poll` for: to read, and to write what waits."""
        return select.POLLIN | (select.POLLOUT if self.has_waiting else 0)

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message, now or by later calls of `flush`.

        Args:
            message: What JSON can hold.
            descriptors: Handed over: they are closed here once they are sent.
        """
        if descriptors:
            message = {**message, "descriptors": len(descriptors)}
        data = json.dumps(message).encode()
        self._waiting.append((len(data).to_bytes(_LENGTH_BYTES, "big") + data, descriptors))
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as there is room. Of a peer that is gone only `read` tells."""
        while self._waiting:
            data, descriptors = self._waiting.popleft()
            try:
                sent = self._send(data, descriptors)
            except BlockingIOError:
                self._waiting.appendleft((data, descriptors))
                return
            except OSError as error:
                if error.errno in _FULL:
                    self._waiting.appendleft((data, descriptors))
                    return
                sent = len(data)  # nobody reads any more
            for one in descriptors:
                os.close(one)
            if sent < len(data):
                self._waiting.appendleft((data[sent:], ()))

    def drain(self) -> None:
        """Write all that waits, however long the peer takes to read."""
        poll = select.poll()
        poll.register(self._socket, select.POLLOUT)
        while self._waiting:
            poll.poll()
            self.flush()
            if self._waiting:
                select.select([], [], [], _RETRY_S)  # not only the socket's own room may be full

    def read(self) -> bool:
        """Take in some of what has come; return False when the peer is gone and has nothing more.

        Not all of it at once: a process may have few descriptors, so those of one message
        are to be used up before those of the next one are taken in.
        """
        room = socket.CMSG_LEN(_MAX_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, extra, *_ = self._socket.recvmsg(_AT_ONCE, room, _RECEIVE_FLAGS)
        except BlockingIOError:
            return True
        except OSError:
            return False
        for level, kind, content in extra:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                self._descriptors.extend(numbers)
        self._received += data
        return bool(data)

    def messages(self) -> Iterator[tuple[Message, list[int]]]:
        """Yield what has come whole, and the descriptors with it, which are the caller's then.

        There are fewer than were sent where this process may not have so many.
        """
        while len(self._received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._received[:_LENGTH_BYTES], "big")
            if len(self._received) < end:
                return
            message = json.loads(self._received[_LENGTH_BYTES:end])
            del self._received[:end]
            count = message.pop("descriptors", 0)
            there = min(count, len(self._descriptors))
            yield message, [self._descriptors.popleft() for _ in range(there)]

    def end(self) -> None:
        """Say no more; the peer may still."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket, and the descriptors that have not been sent or taken."""
        self._socket.close()
        left = [one for _, descriptors in self._waiting for one in descriptors]
        for one in [*left, *self._descriptors]:
            with suppress(OSError):
                os.close(one)
        self._waiting.clear()
        self._descriptors.clear()

    def _send(self, data: bytes, descriptors: Sequence[int]) -> int:
        passed = array.array("i", descriptors)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)] if descriptors else []
        return self._socket.sendmsg([data], rights, socket.MSG_DONTWAIT)


def channel_pair() -> tuple[Channel, socket.socket]:
    """Return one end as a channel, and the other as what a child process makes one of."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return Channel(ours), theirs
