"""Writing down where works and their calls stand: in the work, and in the tree."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from lightgrid.component.calls import CallRecord
from lightgrid.component.status import StatusReason, WorkStage, WorkStatus
from lightgrid.component.work_node import WorkNode
from lightgrid.runtime.loop.outputs import Outputs
from lightgrid.runtime.reporting.observer import Observer
from lightgrid.state.delta import Op, Remove, Set, Splice
from lightgrid.state.layout import CALLS, PROCESS, STATUS
from lightgrid.state.values import Value

#: Between two entries of one moment: what a float of seconds since the epoch can tell apart.
_TICK_S: Final = 1e-6


class StatusWriter:
    """Moves works and calls on, at once for who reads components; the tree learns it later.

    Args:
        observer: Told of each status.
        outputs: Where changes of the tree wait.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, observer: Observer, outputs: Outputs, clock: Callable[[], float] = time.time
    ) -> None:
        self._observer = observer
        self._outputs = outputs
        self._clock = clock
        self._last_s = 0.0

    def call_made(self, work: WorkNode, key: str, call_id: str) -> None:
        """Note a call that was made: it is pending."""
        calls = work.calls
        calls.made_count += 1
        calls.add(key, call_id, self._status(work, WorkStage.PENDING))
        self._write(work, Set((CALLS, key), calls.records[key].to_value()))
        self._note_stage(work)
        self._tidy(work)

    def call_moved(
        self,
        work: WorkNode,
        call_id: str,
        stage: WorkStage,
        reason: StatusReason = StatusReason.NONE,
        message: str = "",
        result: Value = None,
    ) -> bool:
        """Note where a call stands; return False for one that has ended already."""
        status = self._status(work, stage, reason, message, result)
        record = work.calls.advance(call_id, status)
        if record is None:
            return False
        self._write_step(work, record)
        if stage.is_end:
            self._tidy(work)
        return True

    def call_reissued(
        self, work: WorkNode, call_id: str, new_call_id: str, reason: StatusReason, message: str
    ) -> None:
        """Note that a call is to be made again: it is pending once more."""
        status = self._status(work, WorkStage.PENDING, reason, message)
        record = work.calls.reissue(call_id, new_call_id, status)
        if record is not None:
            self._write(work, Set((CALLS, record.key, "call_id"), new_call_id))
            self._write_step(work, record)

    def call_forgotten(self, work: WorkNode, key: str) -> None:
        """Note that a call is to be as if it had never been made."""
        if work.calls.forget(key):
            # It may say again where the work stands, and is to count the calls up to now.
            count = work.calls.made_count
            work.process_status = replace(work.process_status, call_count=count)
            self._write(work, Remove((CALLS, key)))
            self._note_stage(work)

    def open_calls_moved(
        self, work: WorkNode, stage: WorkStage, reason: StatusReason, message: str = ""
    ) -> int:
        """Move every call without an end on; return how many there were."""
        records = work.calls.open_records()
        for record in records:
            self.call_moved(work, record.call_id, stage, reason, message)
        return len(records)

    def running_calls_said(self, work: WorkNode, reason: StatusReason, message: str = "") -> None:
        """Note something about the calls that run, which go on running."""
        for record in work.calls.open_records():
            if record.status.stage is WorkStage.RUNNING:
                self.call_moved(work, record.call_id, WorkStage.RUNNING, reason, message)

    def process_moved(
        self,
        work: WorkNode,
        stage: WorkStage,
        reason: StatusReason = StatusReason.NONE,
        message: str = "",
        attempt: int | None = None,
    ) -> None:
        """Note where the work itself stands, beside its calls."""
        returned = work.status.returned if stage is WorkStage.STOPPED else None
        work.process_status = self._status(work, stage, reason, message, returned, attempt)
        self._note_stage(work)

    def process_placed(self, work: WorkNode, place: Mapping[str, Value]) -> None:
        """Note where the process of a work is, for people; {} for nowhere."""
        work.place_of_process = place
        self._write(work, Set((PROCESS,), dict(place)))

    def _write_step(self, work: WorkNode, record: CallRecord) -> None:
        """Write the newest step of a call's life: a part of the record, which may be long."""
        place = (CALLS, record.key, "statuses")
        ops = [Splice(place, 0, 1, [])] if record.has_lost_steps else []
        newest = Splice(place, len(record.statuses) - 1, 0, [record.status.to_value()])
        self._write(work, *ops, newest)
        self._note_stage(work)

    def _tidy(self, work: WorkNode) -> None:
        """Forget what is beyond the bounds of the work's table of calls."""
        for key in work.calls.forget_oldest():
            self._write(work, Remove((CALLS, key)))
        for record in work.calls.drop_content():
            self._write(work, Set((CALLS, record.key), record.to_value()))

    def _note_stage(self, work: WorkNode) -> None:
        self._outputs.tell_last(work.place, lambda: _stage_op(work))
        self._observer.work_status(work.name, work.status)

    def _write(self, work: WorkNode, *ops: Op) -> None:
        self._outputs.tell(work.place, *ops)

    def _status(
        self,
        work: WorkNode,
        stage: WorkStage,
        reason: StatusReason = StatusReason.NONE,
        message: str = "",
        returned: Value = None,
        attempt: int | None = None,
    ) -> WorkStatus:
        """Return an entry that is newer than all before it, whatever the clock does."""
        self._last_s = max(self._clock(), self._last_s + _TICK_S)
        if attempt is None:
            attempt = work.process_status.attempt
        calls = work.calls.made_count
        return WorkStatus(stage, reason, message, self._last_s, returned, attempt, calls)


def _stage_op(work: WorkNode) -> Op:
    return Set((STATUS,), work.status.to_value())
