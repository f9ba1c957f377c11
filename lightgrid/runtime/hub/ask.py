"""What others ask the flow's thread to do between two runs."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from lightgrid.component.flow import Flow
from lightgrid.errors import ClosedError

_TOO_LATE = "the app ends"


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """Something to do, and where its result goes.

    Attributes:
        do: Called with the root flow.
        answer: Takes what `do` returns or raises.
    """

    do: Callable[[Flow], Any]
    answer: Future[Any] = field(default_factory=Future)


class Asks:
    """Those that wait for their turn, in order. Any thread adds, the flow's takes."""

    def __init__(self) -> None:
        self._waiting: deque[Ask] = deque()
        self._is_closed = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, do: Callable[[Flow], Any]) -> Future[Any]:
        """Have something done; see `Hub.ask`.

        Raises:
            ClosedError: The app ends.
        """
        ask = Ask(do)
        with self._lock:
            if self._is_closed:
                raise ClosedError(_TOO_LATE)
            self._waiting.append(ask)
        return ask.answer

    def take(self) -> Ask:
        """Return what was asked for first."""
        return self._waiting.popleft()

    def close(self) -> None:
        """Refuse what waits, and whatever is asked for from now on."""
        with self._lock:
            self._is_closed = True
        while self._waiting:
            answer = self.take().answer
            if answer.set_running_or_notify_cancel():
                answer.set_exception(ClosedError(_TOO_LATE))
