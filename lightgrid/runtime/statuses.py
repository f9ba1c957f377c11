"""Writing down where works and their calls stand: in the work, and in the tree."""

from __future__ import annotations

import time

from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.component.work import Work
from lightgrid.runtime.observer import Observer
from lightgrid.state.delta import Remove, Set
from lightgrid.state.tree import Part
from lightgrid.state.values import Value


class StatusWriter:
    """Moves works and calls on. What the tree is to learn waits in `take_parts`."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._parts: list[Part] = []

    @property
    def has_parts(self) -> bool:
        """Whether the tree is to learn something."""
        return bool(self._parts)

    def take_parts(self) -> list[Part]:
        """Return the changes of the tree since the last time."""
        parts, self._parts = self._parts, []
        return parts

    def call_made(self, work: Work, key: str, call_id: str) -> None:
        """Note a call that was made: it is pending."""
        status = _status(work, WorkStage.PENDING)
        for forgotten in work._calls.add(key, call_id, status):
            self._write(work, Remove(("calls", forgotten)))
        self._write_call(work, key)

    def call_moved(
        self,
        work: Work,
        call_id: str,
        stage: WorkStage,
        reason: StatusReason = StatusReason.NONE,
        message: str = "",
        result: Value = None,
    ) -> bool:
        """Note where a call stands; return False for one that has ended already."""
        status = _status(work, stage, reason, message, result)
        record = work._calls.advance(call_id, status)
        if record is None:
            return False
        self._write_call(work, record.key)
        return True

    def call_reissued(
        self, work: Work, call_id: str, new_call_id: str, reason: StatusReason, message: str
    ) -> None:
        """Note that a call is to be made again: it is pending once more."""
        status = _status(work, WorkStage.PENDING, reason, message)
        record = work._calls.reissue(call_id, new_call_id, status)
        if record is not None:
            self._write_call(work, record.key)

    def call_forgotten(self, work: Work, key: str) -> None:
        """Note that a call is to be as if it had never been made."""
        if work._calls.forget(key):
            status = Set(("status",), work.status.to_value())
            self._write(work, Remove(("calls", key)), status)

    def open_calls_moved(
        self, work: Work, stage: WorkStage, reason: StatusReason, message: str = ""
    ) -> int:
        """Move every call without an end on; return how many there were."""
        records = work._calls.open_records()
        for record in records:
            self.call_moved(work, record.call_id, stage, reason, message)
        return len(records)

    def running_calls_said(self, work: Work, reason: StatusReason, message: str = "") -> None:
        """Note something about the calls that run, which go on running."""
        for record in work._calls.open_records():
            if record.status.stage is WorkStage.RUNNING:
                self.call_moved(work, record.call_id, WorkStage.RUNNING, reason, message)

    def process_moved(
        self,
        work: Work,
        stage: WorkStage,
        reason: StatusReason = StatusReason.NONE,
        message: str = "",
        attempt: int | None = None,
    ) -> None:
        """Note where the work itself stands, beside its calls."""
        status = _status(work, stage, reason, message)
        if attempt is not None:
            status = WorkStatus(stage, reason, message, status.time_s, None, attempt)
        work._process_status = status
        self._write(work, Set(("status",), work.status.to_value()))
        self._observer.work_status(work.name, work.status)

    def _write_call(self, work: Work, key: str) -> None:
        self._write(
            work,
            Set(("calls", key), work._calls.records[key].to_value()),
            Set(("status",), work.status.to_value()),
        )
        self._observer.work_status(work.name, work.status)

    def _write(self, work: Work, *ops: Set | Remove) -> None:
        self._parts.append((work._lightgrid_node.place, ops))


def _status(
    work: Work,
    stage: WorkStage,
    reason: StatusReason = StatusReason.NONE,
    message: str = "",
    result: Value = None,
) -> WorkStatus:
    return WorkStatus(stage, reason, message, time.time(), result, work._process_status.attempt)
