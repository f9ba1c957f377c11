"""Which calls of a work are made, and what is remembered of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from lightgrid.component.status import WorkStage, WorkStatus
from lightgrid.state.values import Value

#: Ended calls that are remembered per work. A call forgotten is made again when
#: it is asked for: keep this above the number of different calls one loop makes.
MAX_KEPT_CALLS: Final = 1000


class CallPending(BaseException):
    """Ends a `run` of the flow at a call that is not complete.

    A `BaseException`, so that `except Exception` around a call lets it pass.
    """


class Decision(Enum):
    """What `work.run(...)` does in a flow."""

    SEND = auto()
    SEND_AND_WAIT = auto()
    WAIT = auto()
    GO_ON = auto()

    @property
    def sends(self) -> bool:
        """Whether the call is made."""
        return self in (Decision.SEND, Decision.SEND_AND_WAIT)

    @property
    def waits(self) -> bool:
        """Whether the flow's run ends here for now."""
        return self in (Decision.SEND_AND_WAIT, Decision.WAIT)


@dataclass(slots=True)
class CallRecord:
    """One call a flow made.

    Attributes:
        key: What equal calls share.
        call_id: Names this very call.
        statuses: Its life so far, in order.
    """

    key: str
    call_id: str
    statuses: list[WorkStatus] = field(default_factory=list)

    @property
    def status(self) -> WorkStatus:
        """Where it stands."""
        return self.statuses[-1]

    def to_value(self) -> dict[str, Value]:
        """Return the record as it stands in the state tree."""
        return {
            "call_id": self.call_id,
            "statuses": [status.to_value() for status in self.statuses],
        }


class CallTable:
    """The calls made to one work, by key; the newest last.

    Decides by this table whether a call is made (H: the key is known, R: it
    ended):

    | | not H | H, running | H, succeeded | H, failed or stopped |
    |---|---|---|---|---|
    | `cache_calls=True` | send | | | |
    | `cache_calls=False` | send | | send again | |
    | `parallel=False` | wait | wait | go on; wait if sent | go on |
    """

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}
        self.success_count = 0
        self.timeout_count = 0
        self._by_id: dict[str, CallRecord] = {}

    @property
    def latest(self) -> CallRecord | None:
        """The call made last."""
        return next(reversed(self.records.values()), None)

    def decide(self, key: str, *, cache_calls: bool, parallel: bool) -> Decision:
        """Return what a call with this key does."""
        record = self.records.get(key)
        if record is None:
            return Decision.SEND if parallel else Decision.SEND_AND_WAIT
        stage = record.statuses[-1].stage
        if not stage.is_end:
            return Decision.GO_ON if parallel else Decision.WAIT
        if stage is WorkStage.SUCCEEDED and not cache_calls:
            return Decision.SEND if parallel else Decision.SEND_AND_WAIT
        return Decision.GO_ON

    def add(self, key: str, call_id: str, status: WorkStatus) -> list[str]:
        """Remember a call that is made, as the newest.

        Returns:
            The keys of calls that are forgotten for it.
        """
        again = self.records.pop(key, None)
        if again is not None:
            del self._by_id[again.call_id]
        record = self.records[key] = CallRecord(key, call_id, [status])
        self._by_id[call_id] = record
        return self._forget_oldest()

    def advance(self, call_id: str, status: WorkStatus) -> CallRecord | None:
        """Note where a call stands; None when it is not known (any more), or that is no news."""
        record = self._by_id.get(call_id)
        if record is None or record.status.stage.is_end or record.status.says_same(status):
            return None
        record.statuses.append(status)
        if status.stage is WorkStage.SUCCEEDED:
            self.success_count += 1
            self.timeout_count = 0
        elif status.stage.is_end and status.reason.is_timeout:
            self.timeout_count += 1
        return record

    def reissue(self, call_id: str, new_call_id: str, status: WorkStatus) -> CallRecord | None:
        """Note that a call is made again under another id; what is said of the old one is void."""
        record = self._by_id.pop(call_id, None)
        if record is None:
            return None
        record.call_id = new_call_id
        record.statuses.append(status)
        self._by_id[new_call_id] = record
        return record

    def forget(self, key: str) -> bool:
        """Forget a call, so that it can be made again; tell whether it was known."""
        record = self.records.pop(key, None)
        if record is None:
            return False
        del self._by_id[record.call_id]
        return True

    def open_records(self) -> list[CallRecord]:
        """Return the calls without an end, oldest first."""
        return [record for record in self.records.values() if not record.status.stage.is_end]

    def load(self, value: dict[str, Value]) -> None:
        """Take over what a state tree remembers, in place of what is here.

        Calls that had ended are known as ended. One that had not is forgotten:
        what executed it is gone, so it is made again when it is asked for.
        """
        self.records.clear()
        self._by_id.clear()
        self.success_count = self.timeout_count = 0
        for key, kept in value.items():
            record = CallRecord(
                key, kept["call_id"], [WorkStatus.from_value(one) for one in kept["statuses"]]
            )
            if record.status.stage.is_end:
                self.records[key] = self._by_id[record.call_id] = record
                self.success_count += record.status.stage is WorkStage.SUCCEEDED

    def to_value(self) -> dict[str, Value]:
        """Return the table as it stands in the state tree."""
        return {key: record.to_value() for key, record in self.records.items()}

    def _forget_oldest(self) -> list[str]:
        forgotten = []
        excess = len(self.records) - MAX_KEPT_CALLS
        if excess > 0:
            ended = (key for key, record in self.records.items() if record.status.stage.is_end)
            forgotten = [key for key, _ in zip(ended, range(excess), strict=False)]
            for key in forgotten:
                self.forget(key)
        return forgotten
