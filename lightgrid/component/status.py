"""Where a work stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from lightgrid.state.values import Value, copy_value


class WorkStage(StrEnum):
    """What a work, or one of its calls, is doing."""

    NOT_STARTED = "not_started"
    STARTED = "started"
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"

    @property
    def is_end(self) -> bool:
        """Whether a call in this stage has ended."""
        return self in _ENDS


# A tuple: the hash of an enum's member is computed in Python.
_ENDS = (WorkStage.SUCCEEDED, WorkStage.FAILED, WorkStage.STOPPED)


class StatusReason(StrEnum):
    """Why a work failed, was stopped, or is not quite well."""

    NONE = ""
    USER_EXCEPTION = "user_exception"
    INVALID_STATE = "invalid_state"
    INVALID_RETURN_VALUE = "invalid_return_value"
    INVALID_CALL = "invalid_call"
    PROCESS_DIED = "process_died"
    NEVER_REGISTERED = "never_registered"
    LOST = "lost"
    UNRESPONSIVE = "unresponsive"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    RESTARTING = "restarting"
    CANCELLED = "cancelled"
    STOP_REQUESTED = "stop_requested"
    APP_ENDED = "app_ended"
    DELETED = "deleted"

    @property
    def is_timeout(self) -> bool:
        """Whether something took too long."""
        return self in (StatusReason.TIMEOUT, StatusReason.STALLED)


@dataclass(frozen=True, slots=True)
class WorkStatus:
    """One entry in the life of a work.

    Attributes:
        stage: What it is doing.
        reason: Why, where there is something to say.
        message: For people; of a user's exception its type and message, then the traceback.
        time_s: When, in seconds since the epoch.
        returned: What the call returned, as it came: nothing changes it. `result` is for use.
            Of calls before the newest the state keeps results and messages of some 16 MB for
            each work, those that ended last; the others have None and "". A work that is
            stopped still has what its newest call returned.
        attempt: How often the process was started for it, from 1; 0 before.
        call_count: How many calls the flow had made by then; one that is made again for
            a restart counts once.
    """

    stage: WorkStage
    reason: StatusReason = StatusReason.NONE
    message: str = ""
    time_s: float = 0.0
    returned: Value = None
    attempt: int = 0
    call_count: int = 0

    @property
    def result(self) -> Value:
        """What the call's `run` returned, once it has succeeded; a copy.

        None, bool, int, float, str, bytes, list, tuple or dict with str keys. None before,
        and of a process.
        """
        return copy_value(self.returned)

    def says_same(self, other: WorkStatus) -> bool:
        """Tell whether another entry is no news after this one."""
        return (self.stage, self.reason, self.message) == (
            other.stage,
            other.reason,
            other.message,
        )

    def without_content(self) -> WorkStatus:
        """Return what is left of it when what was returned or said is not kept any more."""
        return replace(self, message="", returned=None)

    def to_value(self) -> dict[str, Value]:
        """Return the status as it stands in the state tree."""
        return {
            "stage": str(self.stage),
            "reason": str(self.reason),
            "message": self.message,
            "time_s": self.time_s,
            "result": self.result,
            "attempt": self.attempt,
            "call_count": self.call_count,
        }

    @classmethod
    def from_value(cls, value: dict[str, Value]) -> WorkStatus:
        """Return the status that stands in a state tree."""
        return cls(
            WorkStage(value["stage"]),
            StatusReason(value["reason"]),
            value["message"],
            value["time_s"],
            copy_value(value["result"]),
            value["attempt"],
            value.get("call_count", 0),
        )


def is_over(process: WorkStatus, call: WorkStatus) -> bool:
    """Tell whether a process's end says where its work stands, and not the newest call.

    It does when it came after the call's last step: the flow has stopped the work, or the
    process died with nothing to do. But the end of the app is no news of a call that
    had ended: how it did is what is asked for then.
    """
    return (
        process.stage.is_end
        and process.time_s >= call.time_s
        and not (process.reason is StatusReason.APP_ENDED and call.stage.is_end)
    )
