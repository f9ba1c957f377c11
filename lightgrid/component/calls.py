"""Which calls of a work are made, and what is remembered of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from lightgrid.component.passes import Passes
from lightgrid.component.status import WorkStage, WorkStatus
from lightgrid.state.values import Value, memory_of

#: Ended calls that are remembered per work, beside those that the flow still asks for.
MAX_KEPT_CALLS: Final = 1000
#: What ended calls of a work have returned and said, as far as it is kept.
MAX_KEPT_BYTES: Final = 16 * 2**20
#: Steps of one call's life that are kept, the newest: it may be restarted for ever.
MAX_KEPT_STATUSES: Final = 100


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
        statuses: Its life so far, in order; the newest steps of a long one.
        has_lost_steps: The newest step has put the oldest out of `statuses`.
        asked_in: The newest run of the flow that asked for it.
        kept_bytes: What its end has returned and said, once it has ended.
    """

    key: str
    call_id: str
    statuses: list[WorkStatus] = field(default_factory=list)
    has_lost_steps: bool = False
    asked_in: int = 0
    kept_bytes: int = 0

    @property
    def status(self) -> WorkStatus:
        """Where it stands."""
        return self.statuses[-1]

    def move(self, status: WorkStatus) -> None:
        """Note the next step of its life."""
        self.has_lost_steps = len(self.statuses) == MAX_KEPT_STATUSES
        if self.has_lost_steps:
            del self.statuses[0]
        self.statuses.append(status)

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
    | and `parallel=False` | send | | send again, if not made in this pass | |
    | `parallel=False` | wait | wait | go on; wait if sent | go on |

    A pass is the runs of the flow until one is not held up (see `Passes`). Each of them
    asks again for what the pass has behind it; of calls that are neither cached nor
    parallel, the n-th time that a run asks for a key is therefore the n-th such call of
    the pass. One that still runs when a pass first asks for it counts as the pass's own.
    """

    def __init__(self) -> None:
        self.records: dict[str, CallRecord] = {}
        self.made_count = 0  # also of those that are forgotten; for whoever adds
        self.success_count = 0
        self.timeout_count = 0
        self.passes = Passes()
        self._by_id: dict[str, CallRecord] = {}
        self._open: dict[str, CallRecord] = {}
        self._ended: OrderedDict[str, CallRecord] = OrderedDict()  # first to be forgotten first
        self._with_content: OrderedDict[str, CallRecord] = OrderedDict()
        self._kept_bytes = 0
        self._run = 0  # the newest run of the flow that had something decided here
        self._run_before = 0  # the one before
        self._settled_in = -1  # a run in which all that is remembered was found asked for
        # Of calls that are neither cached nor parallel, by key:
        self._pass = -1
        self._made: dict[str, int] = {}  # in this pass
        self._asked: dict[str, int] = {}  # in this run

    @property
    def latest(self) -> CallRecord | None:
        """The call made last."""
        return next(reversed(self.records.values()), None)

    def decide(self, key: str, *, cache_calls: bool, parallel: bool) -> Decision:
        """Return what a call with this key does."""
        self._enter_run()
        record = self.records.get(key)
        if not (cache_calls or parallel):
            return self._decide_in_pass(key, record)
        if record is None:
            return Decision.SEND if parallel else Decision.SEND_AND_WAIT
        record.asked_in = self._run
        stage = record.status.stage
        if not stage.is_end:
            return Decision.GO_ON if parallel else Decision.WAIT
        if stage is WorkStage.SUCCEEDED and not cache_calls:
            return Decision.SEND
        return Decision.GO_ON

    def add(self, key: str, call_id: str, status: WorkStatus) -> None:
        """Remember a call that is made, as the newest."""
        self._drop(key)
        record = CallRecord(key, call_id, [status], asked_in=self.passes.run)
        self.records[key] = self._by_id[call_id] = self._open[key] = record
        if key in self._asked:
            self._made[key] = self._made.get(key, 0) + 1

    def advance(self, call_id: str, status: WorkStatus) -> CallRecord | None:
        """Note where a call stands; None when it is not known (any more), or that is no news."""
        record = self._by_id.get(call_id)
        if record is None or record.status.stage.is_end or record.status.says_same(status):
            return None
        record.move(status)
        if status.stage is WorkStage.SUCCEEDED:
            self.success_count += 1
            self.timeout_count = 0
        elif status.stage.is_end and status.reason.is_timeout:
            self.timeout_count += 1
        if status.stage.is_end:
            self._note_end(record)
        return record

    def reissue(self, call_id: str, new_call_id: str, status: WorkStatus) -> CallRecord | None:
        """Note that a call is made again under another id; what is said of the old one is void."""
        record = self._by_id.pop(call_id, None)
        if record is None:
            return None
        if record.status.stage.is_end:
            self._note_no_end(record)
        record.call_id = new_call_id
        record.move(status)
        self._by_id[new_call_id] = self._open[record.key] = record
        return record

    def forget(self, key: str) -> bool:
        """Forget a call, so that it can be made again; tell whether it was known."""
        if self._made.get(key):
            self._made[key] -= 1
        return self._drop(key)

    def forget_oldest(self) -> list[str]:
        """Forget ended calls beyond `MAX_KEPT_CALLS`, and return their keys.

        Those asked for longest ago go first. What the flow asks for in every pass stays,
        or each pass would make it again; so does what a pass that is held up asks for in
        each of its runs. As that is what a run of the flow walks through, memory stays
        bounded by the program, also by a pass that never ends.
        """
        forgotten: list[str] = []
        if len(self._ended) <= MAX_KEPT_CALLS or self._settled_in == self.passes.run:
            return forgotten
        for _ in range(len(self._ended)):
            if len(self._ended) <= MAX_KEPT_CALLS:
                return forgotten
            key, record = next(iter(self._ended.items()))
            if self._is_asked_for(record):
                self._ended.move_to_end(key)
            else:
                self._made.pop(key, None)
                self._drop(key)
                forgotten.append(key)
        self._settled_in = self.passes.run
        return forgotten

    def drop_content(self) -> list[CallRecord]:
        """Drop what the oldest ended calls returned and said, beyond `MAX_KEPT_BYTES`.

        They stay known, and how they ended; of the newest call all is kept.

        Returns:
            The records that have changed.
        """
        changed = []
        while self._kept_bytes > MAX_KEPT_BYTES and len(self._with_content) > 1:
            _, record = self._with_content.popitem(last=False)
            if record is self.latest:
                self._with_content[record.key] = record
                continue
            self._kept_bytes -= record.kept_bytes
            record.kept_bytes = 0
            record.statuses = [status.without_content() for status in record.statuses]
            changed.append(record)
        return changed

    def open_records(self) -> list[CallRecord]:
        """Return the calls without an end, oldest first."""
        return list(self._open.values())

    def load(self, value: dict[str, Value]) -> None:
        """Take over what a state tree remembers, in place of what is here.

        Calls that had ended are known as ended. One that had not is forgotten:
        what executed it is gone, so it is made again when it is asked for.
        """
        for key in list(self.records):
            self._drop(key)
        self._made.clear()
        self.made_count = self.success_count = self.timeout_count = 0
        for key, kept in value.items():
            record = CallRecord(
                key, kept["call_id"], [WorkStatus.from_value(one) for one in kept["statuses"]]
            )
            if record.status.stage.is_end:
                self.records[key] = self._by_id[record.call_id] = record
                self._note_end(record)
                self.made_count += 1
                self.success_count += record.status.stage is WorkStage.SUCCEEDED

    def to_value(self) -> dict[str, Value]:
        """Return the table as it stands in the state tree."""
        return {key: record.to_value() for key, record in self.records.items()}

    def _enter_run(self) -> None:
        passes = self.passes
        if self._run != passes.run:
            self._run_before, self._run = self._run, passes.run
            self._asked.clear()
            if self._pass != passes.number:
                self._pass = passes.number
                self._made.clear()

    def _decide_in_pass(self, key: str, record: CallRecord | None) -> Decision:
        """Decide for what is neither cached nor parallel."""
        turn = self._asked[key] = self._asked.get(key, 0) + 1
        made = self._made.get(key, 0)
        if record is not None:
            record.asked_in = self._run
            stage = record.status.stage
            if not stage.is_end:
                if turn < made:
                    return Decision.GO_ON
                self._made[key] = max(made, 1)
                return Decision.WAIT
            if stage is not WorkStage.SUCCEEDED:
                return Decision.GO_ON
        if turn > made:
            return Decision.SEND_AND_WAIT
        self.passes.has_more = True
        return Decision.GO_ON

    def _is_asked_for(self, record: CallRecord) -> bool:
        asked_in, full = record.asked_in, self.passes.last_full_run
        return asked_in == full or asked_in >= max(self._run_before, full)

    def _note_end(self, record: CallRecord) -> None:
        self._open.pop(record.key, None)
        self._ended[record.key] = record
        record.kept_bytes = sum(len(status.message) for status in record.statuses)
        if record.status.returned is not None:
            record.kept_bytes += memory_of(record.status.returned)
        if record.kept_bytes:
            self._with_content[record.key] = record
            self._kept_bytes += record.kept_bytes

    def _note_no_end(self, record: CallRecord) -> None:
        self._open.pop(record.key, None)
        self._ended.pop(record.key, None)
        self._with_content.pop(record.key, None)
        self._kept_bytes -= record.kept_bytes
        record.kept_bytes = 0

    def _drop(self, key: str) -> bool:
        record = self.records.pop(key, None)
        if record is None:
            return False
        self._note_no_end(record)
        del self._by_id[record.call_id]
        return True
