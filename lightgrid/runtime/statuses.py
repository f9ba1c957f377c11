"""Writing down where works and their calls stand: in the work, and in the tree."""

from __future__ import annotations

import time

from lightgrid.component.calls import CallRecord
from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.component.work import Work
from lightgrid.runtime.observer import Observer
from lightgrid.state.delta import Op, Remove, Set, Splice
from lightgrid.state.tree import Part
from lightgrid.state.values import Value


class StatusWriter:
    """Moves works and calls on. What the tree is to learn waits in `take_parts`."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._parts: list[Part] = []
        self._moved: dict[Work, None] = {}  # whose own status is to be told, once

    @property
    def has_parts(self) -> bool:
        """Whether the tree is to learn something."""
        return bool(self._parts or self._moved)

    def take_parts(self) -> list[Part]:
        """Return the changes of the tree since the last time."""
        for work in self._moved:
            self._write(work, Set(("status",), work.status.to_value()))
        self._moved.clear()
        parts, self._parts = self._parts, []
        return parts

    def call_made(self, work: Work, key: str, call_id: str) -> None:
        """Note a call that was made: it is pending."""
        calls = work._calls
        calls.add(key, call_id, _status(work, WorkStage.PENDING))
        self._write(work, Set(("calls", key), calls.records[key].to_value()))
        self._note_stage(work)
        self._tidy(work)

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
        self._write_step(work, record)
        if stage.is_end:
            self._tidy(work)
        return True

    def call_reissued(
        self, work: Work, call_id: str, new_call_id: str, reason: StatusReason, message: str
    ) -> None:
        """Note that a call is to be made again: it is pending once more."""
        status = _status(work, WorkStage.PENDING, reason, message)
        record = work._calls.reissue(call_id, new_call_id, status)
        if record is not None:
            self._write(work, Set(("calls", record.key, "call_id"), new_call_id))
            self._write_step(work, record)

    def call_forgotten(self, work: Work, key: str) -> None:
        """Note that a call is to be as if it had never been made."""
        if work._calls.forget(key):
            self._write(work, Remove(("calls", key)))
            self._moved[work] = None

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
        self._note_stage(work)

    def _write_step(self, work: Work, record: CallRecord) -> None:
        """Write the newest step of a call's life: a part of the record, which may be long."""
        place = ("calls", record.key, "statuses")
        ops = [Splice(place, 0, 1, [])] if record.has_lost_steps else []
        newest = Splice(place, len(record.statuses) - 1, 0, [record.status.to_value()])
        self._write(work, *ops, newest)
        self._note_stage(work)

    def _tidy(self, work: Work) -> None:
        """Forget what is beyond the bounds of the work's table of calls."""
        for key in work._calls.forget_oldest():
            self._write(work, Remove(("calls", key)))
        for record in work._calls.drop_content():
            self._write(work, Set(("calls", record.key), record.to_value()))

    def _note_stage(self, work: Work) -> None:
        self._moved[work] = None
        self._observer.work_status(work.name, work.status)

    def _write(self, work: Work, *ops: Op) -> None:
        self._parts.append((work._lightgrid_node.place, ops))


def _status(
    work: Work,
    stage: WorkStage,
    reason: StatusReason = StatusReason.NONE,
    message: str = "",
    result: Value = None,
) -> WorkStatus:
    return WorkStatus(stage, reason, message, time.time(), result, work._process_status.attempt)
