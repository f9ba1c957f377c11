"""All who are told what happens in an app, as one."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from lightgrid.component.status import WorkStatus
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Op, Path
from lightgrid.state.values import Value

_logger = logging.getLogger("lightgrid")


class Observers(Observer):
    """Tells each of several observers. None of them can disturb the app or another one.

    What an observer raises is logged, the first time, and then ignored. It is told on, since
    it may have a screen to restore when the app ends.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self._raising: set[int] = set()
        self.wants_deltas = any(one.wants_deltas for one in self._observers)

    def started(self, app_name: str, address: str) -> None:
        """See `Observer.started`."""
        self._tell("started", app_name, address)

    def work_added(self, work: str) -> None:
        """See `Observer.work_added`."""
        self._tell("work_added", work)

    def work_removed(self, work: str) -> None:
        """See `Observer.work_removed`."""
        self._tell("work_removed", work)

    def work_status(self, work: str, status: WorkStatus) -> None:
        """See `Observer.work_status`."""
        self._tell("work_status", work, status)

    def work_changed(self, work: str, op_count: int) -> None:
        """See `Observer.work_changed`."""
        self._tell("work_changed", work, op_count)

    def committing(self, origin: str, place: Path, base: Value, ops: Sequence[Op]) -> None:
        """See `Observer.committing`."""
        for at, observer in enumerate(self._observers):
            if observer.wants_deltas:
                try:
                    observer.committing(origin, place, base, ops)
                except BaseException:
                    self._note_raised(at, "committing")

    def flow_ran(self) -> None:
        """See `Observer.flow_ran`."""
        self._tell("flow_ran")

    def printed(self, work: str, line: str) -> None:
        """See `Observer.printed`."""
        self._tell("printed", work, line)

    def said(self, message: str, *, is_problem: bool = False) -> None:
        """See `Observer.said`."""
        self._tell("said", message, is_problem=is_problem)

    def ended(self) -> None:
        """See `Observer.ended`."""
        self._tell("ended")

    def _tell(self, what: str, *args: object, **kwargs: object) -> None:
        for at, observer in enumerate(self._observers):
            try:
                getattr(observer, what)(*args, **kwargs)
            except BaseException:  # FlowExit and SystemExit, too
                self._note_raised(at, what)

    def _note_raised(self, at: int, what: str) -> None:
        if at not in self._raising:
            self._raising.add(at)
            kind = type(self._observers[at]).__qualname__
            _logger.exception(
                "%s.%s has raised; what this observer raises is ignored from now on", kind, what
            )
