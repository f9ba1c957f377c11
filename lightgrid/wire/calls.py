"""Progress of run calls to messages, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lightgrid.errors import Reason, RefusedError, UnsupportedValueError
from lightgrid.protocol.messages import CallError, CallErrorReason, CallState, CallUpdate
from lightgrid.state.sizes import size_of
from lightgrid.wire.values import decode_value, encode_value
from lightgrid_protos.v1 import delta_service_pb2, value_pb2

if TYPE_CHECKING:
    from lightgrid.protocol.limits import Limits
    from lightgrid.state.values import Value

#: Where a result stands in the tree is the flow's affair; here it is one deep, as a variable is.
_RESULT: Final = ("result",)
#: What a message needs besides the result in it.
_ENVELOPE_BYTES: Final = 4096


def encode_call_update(update: CallUpdate, message: delta_service_pb2.CallUpdate) -> None:
    """Write an update of a call into an empty message.

    Raises:
        UnsupportedValueError: The result cannot be state.
    """
    message.call_id = update.call_id
    message.state = int(update.state)  # type: ignore[assignment]
    if update.result is not None:
        encode_value(update.result, message.result, _RESULT)
    if update.error is not None:
        message.error.type_name = _text(update.error.type_name)
        message.error.message = _text(update.error.message)
        message.error.trace = _text(update.error.trace)
        message.error.reason = int(update.error.reason)  # type: ignore[assignment]
        message.error.SetInParent()


def decode_call_update(message: delta_service_pb2.CallUpdate, limits: Limits) -> CallUpdate:
    """Return an update of a call.

    Raises:
        RefusedError: The state is not set (BAD_OP) or not known (UNKNOWN_OP), or as `decode_value`.
    """
    number = int(message.state)
    if number not in _STATES:
        reason = Reason.UNKNOWN_OP if number else Reason.BAD_OP
        raise RefusedError(
            reason,
            f"call {message.call_id}: {number} is no state that is known here",
            {"call_id": message.call_id},
        )
    error = None
    if message.HasField("error"):
        told = message.error
        # Not told, or of a newer peer: the user's code is to blame.
        kind = _REASONS.get(int(told.reason), CallErrorReason.USER_EXCEPTION)
        error = CallError(told.type_name, told.message, told.trace, kind)
    result = None
    if message.HasField("result"):
        result = decode_value(message.result, _RESULT, limits.max_value_depth)
    return CallUpdate(message.call_id, CallState(number), result, error)


def clip_update(update: CallUpdate, room_bytes: int) -> delta_service_pb2.CallUpdate:
    """Return the message of an update, whose error is cut to fit into one.

    Raises:
        UnsupportedValueError: The result does not fit.
    """
    message = delta_service_pb2.CallUpdate()
    encode_call_update(update, message)
    over = message.ByteSize() - room_bytes
    if over > 0 and message.HasField("error"):
        # The end of a trace says most, the beginning of a message does.
        message.error.trace = _clip(message.error.trace, over, keep_end=True)
        over = message.ByteSize() - room_bytes
        if over > 0:
            message.error.message = _clip(message.error.message, over, keep_end=False)
            over = message.ByteSize() - room_bytes
    if over > 0:
        raise UnsupportedValueError(
            _RESULT,
            f"{message.ByteSize()} bytes of a call's result do not fit into one message: "
            f"max_message_bytes leaves {room_bytes}",
        )
    return message


def check_result(result: Value, max_message_bytes: int) -> None:
    """Refuse a result that does not fit into one message.

    Raises:
        UnsupportedValueError: So it is; or the result cannot be state.

    Cost: one pass; only what may be too large is encoded to see.
    """
    room_bytes = max_message_bytes - _ENVELOPE_BYTES
    if size_of(result).bytes <= room_bytes:
        return
    message = value_pb2.Value()
    encode_value(result, message, _RESULT)
    if message.ByteSize() > room_bytes:
        raise UnsupportedValueError(
            _RESULT,
            f"{message.ByteSize():,} bytes do not fit into one message, which has room for "
            f"{room_bytes:,}. Assign a list or dict to a variable, where it travels in parts, and "
            "keep anything else in a file",
        )


_STATES: Final = frozenset(int(state) for state in CallState if state)
_REASONS: Final = {int(reason): reason for reason in CallErrorReason}


def _text(text: str) -> str:
    # What an exception says may be anything; it must not keep the call's end from being told.
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _clip(text: str, bytes_over: int, *, keep_end: bool) -> str:
    data = text.encode()
    keep = max(0, len(data) - bytes_over)
    part = data[len(data) - keep :] if keep_end else data[:keep]
    return part.decode("utf-8", "ignore")
