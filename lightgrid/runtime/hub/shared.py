"""What the flow's thread and the server's thread share: one lock around the exchange."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lightgrid.process.wakeup import Wakeup
from lightgrid.protocol.exchange import Exchange
from lightgrid.runtime.hub.events import Event
from lightgrid.runtime.hub.port import Port


class Shared:
    """The exchange, for one thread at a time: `with shared as exchange`.

    Leaving it does what the exchange asks for: those are rung who are to look again,
    and the flow's thread is woken if there is anything for it. Every step under the
    lock costs no more than the change at hand.

    Attributes:
        clock: Seconds of a clock that never goes back.
        ports: The works, by name. Only under the lock.
        events: What happened, in order. Only under the lock.
        wakeup: Of the flow's thread.
    """

    def __init__(self, exchange: Exchange, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.ports: dict[str, Port] = {}
        self.events: list[Event] = []
        self.wakeup = Wakeup()
        self._exchange = exchange
        self._lock = threading.RLock()  # see `Hub.as_one_step`

    def take_events(self) -> list[Event]:
        """Return what happened since the last time, in order."""
        with self._lock:
            events, self.events = self.events, []
            return events

    def __enter__(self) -> Exchange:
        self._lock.acquire()
        return self._exchange

    def __exit__(self, *_: object) -> None:
        try:
            has_news = self._exchange.take_news()
            if has_news:
                self.events += self._exchange.take_events()
            for work, who in self._exchange.wakes.take():
                port = self.ports.get(work)
                if port is not None:
                    port.bells[who].ring()
        finally:
            self._lock.release()
        if has_news:
            self.wakeup.set()
