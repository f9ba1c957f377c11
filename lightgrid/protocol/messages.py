"""What travels between a work and the flow server, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.state.delta import Op
from lightgrid.state.values import Value


class CallState(IntEnum):
    """Where a run call stands. The numbers are those of delta_service.proto."""

    PENDING = 0
    RUNNING = 1
    SUCCEEDED = 2
    FAILED = 3
    CANCELLED = 4

    @property
    def is_end(self) -> bool:
        """Whether nothing comes after it."""
        return self > CallState.RUNNING


class CallErrorReason(IntEnum):
    """What kind of failure it was. The numbers are those of delta_service.proto."""

    USER_EXCEPTION = 1
    INVALID_STATE = 2
    INVALID_RETURN_VALUE = 3
    INVALID_CALL = 4


@dataclass(slots=True, frozen=True)
class CallError:
    """Why a call failed, in the work's own terms."""

    type_name: str
    message: str
    trace: str = ""
    reason: CallErrorReason = CallErrorReason.USER_EXCEPTION

    @property
    def is_permanent(self) -> bool:
        """Whether the same call would fail again: of what cannot be state, or cannot be called."""
        return self.reason is not CallErrorReason.USER_EXCEPTION

    @property
    def shown(self) -> str:
        """What people are shown: type and message, then the trace.

        Said once: a trace of Java begins with them, one of Python ends with them.
        """
        first = ": ".join(filter(None, (self.type_name, self.message)))
        trace = self.trace.rstrip()
        if not trace or trace.startswith(first):
            return trace or first
        before = trace.removesuffix(f"\n{first}")
        return f"{first}\n{before}"


@dataclass(slots=True, frozen=True)
class CallUpdate:
    """A change of the state of one run call."""

    call_id: str
    state: CallState
    result: Value = None
    error: CallError | None = None


@dataclass(slots=True)
class Batch:
    """Changes that are applied as a whole, or one message's part of them.

    Attributes:
        seq: The batch's number in its epoch, from 1.
        ops: Relative to the work's variables.
        calls: Progress of run calls; an end counts after the ops.
        snapshot: The ops stand in place of all that was published before.
        seen_revision: The highest revision whose flow writes these ops have seen.
        more: The batch goes on in the next part.
        size_bytes: What it took on the wire, for the limits.
    """

    seq: int
    ops: Sequence[Op] = ()
    calls: Sequence[CallUpdate] = ()
    snapshot: bool = False
    seen_revision: int = 0
    more: bool = False
    size_bytes: int = 0


@dataclass(slots=True, frozen=True)
class Registration:
    """What a work learns when it joins; `tree_id` names the life of the flow's tree."""

    session_id: str
    epoch: int
    acked_seq: int
    snapshot_required: bool
    terms: LeaseTerms
    limits: Limits
    features: Sequence[str] = ()
    tree_id: str = ""


# --- commands, from the flow server to the work -------------------------------


@dataclass(slots=True, frozen=True)
class Ack:
    """How far the server is: taken, and applied."""

    acked_seq: int
    applied_seq: int


@dataclass(slots=True)
class Run:
    """Call a method of the work.

    `ops` is what the flow had written and the work has not seen, up to
    `revision`. `python_arguments` is a pickle that stands in place of `args`
    and `kwargs`; the flow server never reads one.
    """

    call_id: str
    method_name: str = "run"
    args: Sequence[Value] = ()
    kwargs: Mapping[str, Value] = field(default_factory=dict)
    ops: Sequence[Op] = ()
    revision: int = 0
    python_arguments: bytes = b""


@dataclass(slots=True, frozen=True)
class Cancel:
    """End a running call with CANCELLED."""

    call_id: str


@dataclass(slots=True, frozen=True)
class Stop:
    """Finish and leave, within `grace_s` seconds."""

    grace_s: float


@dataclass(slots=True, frozen=True)
class Resync:
    """Send a snapshot."""


@dataclass(slots=True, frozen=True)
class Update:
    """What the flow wrote into the variables of a running work.

    With `snapshot`, the whole of the variables as the flow sees them.
    """

    revision: int
    ops: Sequence[Op]
    snapshot: bool = False


Command = Ack | Run | Cancel | Stop | Resync | Update
