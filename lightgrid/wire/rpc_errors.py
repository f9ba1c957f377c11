"""Errors to gRPC statuses, and back.

A refusal travels as a google.rpc.Status with an ErrorInfo, so that both sides
have its reason and facts. An error that is not ours is sent as INTERNAL and
nothing else: what it says may be anyone's data. Whoever calls `to_status` logs it.
"""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from lightgrid.errors import (
    ClosedError,
    FlowUnavailableError,
    FlowUntrustedError,
    LightgridError,
    MisfitError,
    Reason,
    RefusedError,
    UnsupportedValueError,
)
from lightgrid.wire.times import decode_duration, encode_duration

DOMAIN: Final = "lightgrid.v1"
#: When an instance that found its work held asks again, unless the facts say otherwise.
RETRY_AFTER_S: Final = 1.0

Metadata = tuple[tuple[str, str | bytes], ...]

#: As the comments in errors.proto say; a test compares them.
CODES: Final[dict[Reason, grpc.StatusCode]] = {
    Reason.SESSION_UNKNOWN: grpc.StatusCode.ABORTED,
    Reason.EPOCH_FENCED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.SEQUENCE_GAP: grpc.StatusCode.ABORTED,
    Reason.SNAPSHOT_REQUIRED: grpc.StatusCode.ABORTED,
    Reason.STREAM_SUPERSEDED: grpc.StatusCode.ABORTED,
    Reason.REVISION_CONFLICT: grpc.StatusCode.ABORTED,
    Reason.WORK_HELD: grpc.StatusCode.ALREADY_EXISTS,
    Reason.NO_SUCH_WORK: grpc.StatusCode.NOT_FOUND,
    Reason.NO_SUCH_PATH: grpc.StatusCode.NOT_FOUND,
    Reason.BAD_OP: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.UNKNOWN_OP: grpc.StatusCode.UNIMPLEMENTED,
    Reason.UNKNOWN_VALUE_KIND: grpc.StatusCode.UNIMPLEMENTED,
    Reason.LIMIT_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Reason.WORK_STOPPED: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.BATCHES_PENDING: grpc.StatusCode.FAILED_PRECONDITION,
    Reason.TOKEN_MISSING: grpc.StatusCode.UNAUTHENTICATED,
    Reason.TOKEN_INVALID: grpc.StatusCode.UNAUTHENTICATED,
    Reason.NOT_ALLOWED: grpc.StatusCode.PERMISSION_DENIED,
}

#: What a code means that came without a reason known here: from a newer server,
#: or from gRPC itself. The code alone tells a work what to do next.
_REASONS: Final[dict[grpc.StatusCode, Reason]] = {
    grpc.StatusCode.ABORTED: Reason.SESSION_UNKNOWN,
    grpc.StatusCode.FAILED_PRECONDITION: Reason.WORK_STOPPED,
    grpc.StatusCode.ALREADY_EXISTS: Reason.WORK_HELD,
    grpc.StatusCode.NOT_FOUND: Reason.NO_SUCH_WORK,
    grpc.StatusCode.INVALID_ARGUMENT: Reason.BAD_OP,
    grpc.StatusCode.UNIMPLEMENTED: Reason.UNKNOWN_OP,
    grpc.StatusCode.UNAUTHENTICATED: Reason.TOKEN_INVALID,
    grpc.StatusCode.PERMISSION_DENIED: Reason.NOT_ALLOWED,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Reason.LIMIT_EXCEEDED,
    # Neither gRPC nor a flow server sends these; nothing says that a retry would help.
    grpc.StatusCode.OUT_OF_RANGE: Reason.BAD_OP,
    grpc.StatusCode.DATA_LOSS: Reason.BAD_OP,
}

#: What gRPC's TLS says, the first that fits, and what it means.
_UNTRUSTED: Final = (
    ("CERTIFICATE_VERIFY_FAILED: certificate has expired", "its certificate has expired"),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "nobody who is trusted here (--tls-ca, LIGHTGRID_TLS_CA) has signed its certificate",
    ),
    ("Hostname Verification Check failed", "its certificate is not for the host that was dialled"),
    (
        "WRONG_VERSION_NUMBER",
        "it speaks no TLS, and --tls-ca or LIGHTGRID_TLS_CA says that it does",
    ),
)

_DETAILS_KEY: Final = "grpc-status-details-bin"
# gRPC drops an answer whose metadata is over 8 KiB, and the message is in it
# twice, once percent-encoded.
_MAX_MESSAGE_BYTES: Final = 768
_MAX_FACT_BYTES: Final = 256
_MAX_FACTS: Final = 8


def to_status(error: BaseException) -> tuple[grpc.StatusCode, str, Metadata]:
    """Return the code, the details and the trailing metadata that tell an error.

    Args:
        error: Any. What is not an error of ours becomes INTERNAL without detail.
    """
    refusal = _as_refusal(error)
    if refusal is None:
        if isinstance(error, FlowUnavailableError | ClosedError):
            return grpc.StatusCode.UNAVAILABLE, _clip(str(error), _MAX_MESSAGE_BYTES), ()
        return grpc.StatusCode.INTERNAL, "internal error", ()
    code = CODES[refusal.reason]
    status = status_pb2.Status(code=code.value[0], message=_clip(str(refusal), _MAX_MESSAGE_BYTES))
    facts = list(refusal.facts.items())[:_MAX_FACTS]
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason=refusal.reason.value,
            domain=DOMAIN,
            metadata={
                _clip(key, _MAX_FACT_BYTES): _clip(value, _MAX_FACT_BYTES) for key, value in facts
            },
        )
    )
    if refusal.reason is Reason.WORK_HELD:
        retry = error_details_pb2.RetryInfo()
        encode_duration(_retry_after_s(refusal), retry.retry_delay)
        status.details.add().Pack(retry)
    told = rpc_status.to_status(status)
    return told.code, told.details, tuple(told.trailing_metadata)


def from_rpc_error(error: BaseException) -> LightgridError:
    """Return what a failed call means.

    Args:
        error: A `grpc.RpcError` that is a call too, or a `grpc.aio.AioRpcError`.

    Returns:
        `RefusedError` with the reason and the facts that were told; without
        them by the code alone; else `FlowUnavailableError`: the call may work later; or,
        unless this side or the other one changes, its kind `FlowUntrustedError`: not.
    """
    call: Any = error
    try:
        code, details = call.code(), str(call.details() or "")
        metadata = call.trailing_metadata() or ()
    except AttributeError:  # an RpcError that is no call: the channel is closed
        return FlowUnavailableError(str(error) or type(error).__name__)
    refusal = _told_refusal(metadata, details)
    if refusal is not None:
        return refusal
    reason = _REASONS.get(code)
    name = getattr(code, "name", str(code))
    if reason is None:
        for words, meaning in _UNTRUSTED:
            if words in details:
                return FlowUntrustedError(meaning)
        return FlowUnavailableError(f"{name}: {details}" if details else name)
    return RefusedError(reason, details or name, {"code": name})


def _as_refusal(error: BaseException) -> RefusedError | None:
    if isinstance(error, RefusedError):
        return error
    if isinstance(error, MisfitError):
        facts = {"path": ".".join(error.path), "cause": error.cause}
        return RefusedError(Reason.BAD_OP, str(error), facts)
    if isinstance(error, UnsupportedValueError):
        facts = {"path": ".".join(error.path), "cause": error.what}
        return RefusedError(Reason.BAD_OP, str(error), facts)
    return None


def _told_refusal(metadata: Any, details: str) -> RefusedError | None:
    """Return the refusal in the metadata of an answer, if one that is known here is there."""
    # Not rpc_status.from_call: it raises where a proxy has changed the message.
    packed = next((value for key, value in metadata if key == _DETAILS_KEY), None)
    if not isinstance(packed, bytes):
        return None
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    try:
        status = status_pb2.Status.FromString(packed)
        told = [detail.Unpack(info) for detail in status.details if detail.Is(info.DESCRIPTOR)]
        waits = [detail.Unpack(retry) for detail in status.details if detail.Is(retry.DESCRIPTOR)]
    except DecodeError:
        return None
    if not told or info.domain != DOMAIN or info.reason not in Reason.__members__:
        return None
    facts: dict[str, object] = dict(info.metadata)
    if waits:
        facts["retry_after_s"] = decode_duration(retry.retry_delay)
    return RefusedError(Reason[info.reason], status.message or details, facts)


def _retry_after_s(refusal: RefusedError) -> float:
    try:
        return float(refusal.facts.get("retry_after_s", RETRY_AFTER_S))
    except ValueError:
        return RETRY_AFTER_S


def _clip(text: str, most_bytes: int) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= most_bytes:
        return data.decode()
    return data[: most_bytes - 3].decode("utf-8", "ignore") + "..."
