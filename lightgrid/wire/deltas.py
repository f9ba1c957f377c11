"""Ops to messages, and back.

This is the hot path of the flow server, measured on whole batches of 256 ops
that each set one variable. The floor of decoding is a bare loop over the parsed
ops that makes `tuple(op.path)` and the Python value. `decode_ops` takes 0.7 of it
for ints, floats and str, 0.85 for zero, bool and None: it makes a dict of what is
assigned and no path and no op for each (1.0 of the floor with these), and a value
that is not zero proves its kind (asking both oneofs by name alone made it 1.7).
Ops that lie deeper take 1.0 of the floor.
`encode_batch` takes 1.1 of a bare loop that fills the messages. Keyword
arguments to `add` would take 1.4.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from lightgrid.errors import Reason, RefusedError, UnsupportedValueError
from lightgrid.protocol.limits import Limits
from lightgrid.state.delta import Assignments, Op, Path, Remove, Set, Splice
from lightgrid.state.values import Numbers, Value
from lightgrid.wire.values import (
    NO_SCALAR,
    decode_falsy,
    decode_value,
    decode_values,
    encode_value,
    encode_values,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    from lightgrid_protos.v1 import delta_pb2

#: What a peer accepts that has not said otherwise.
DEFAULTS: Final = Limits()


def encode_ops(
    ops: Iterable[Op],
    messages: RepeatedCompositeFieldContainer[delta_pb2.DeltaOp],
    depth_of: Callable[[Path], int] = len,
) -> None:
    """Add ops to a repeated field.

    Args:
        ops: In order.
        messages: Half filled when an op is refused.
        depth_of: How deep a place lies, for the limit on nesting.

    Raises:
        UnsupportedValueError: An op holds what cannot be state.
    """
    add = messages.add
    for op in ops:
        message = add()
        path = op.path
        if type(op) is not Set or len(path) != 1:
            encode_op(op, message, depth_of)
            continue
        kind = type(op.value)  # nearly all ops are this one, hence no call for scalars
        try:
            message.path.append(path[0])
            if kind is int:
                message.set.int_value = op.value
            elif kind is float:
                message.set.double_value = op.value
            elif kind is str:
                message.set.string_value = op.value
            elif kind is bool:
                message.set.bool_value = op.value
            else:
                encode_value(op.value, message.set, path, depth=depth_of(path))
        except ValueError:  # protobuf's: an int too large, a lone surrogate
            message.Clear()
            encode_op(op, message, depth_of)


def decode_ops(
    messages: Sequence[delta_pb2.DeltaOp],
    limits: Limits = DEFAULTS,
    depth_of: Callable[[Path], int] = len,
) -> Sequence[Op]:
    """Return the ops of one message.

    Args:
        messages: From anyone.
        limits: What is accepted.
        depth_of: How deep a place lies, for the limit on nesting.

    Returns:
        The ops; `Assignments` where each assigns a scalar at the root.

    Raises:
        RefusedError: LIMIT_EXCEEDED, UNKNOWN_OP, UNKNOWN_VALUE_KIND or BAD_OP.
    """
    if len(messages) > limits.max_ops_per_message:
        raise _over_limit("max_ops_per_message", limits.max_ops_per_message, len(messages))
    values: dict[str, Value] = {}
    rest = iter(messages)
    for message in rest:
        segments, value = message.path, message.set
        # An op that sets nothing reads as an empty value, whose fields are all zero: then
        # `decode_falsy` finds out which it is.
        leaf: Value = (
            value.int_value or value.double_value or value.string_value or decode_falsy(value)
        )
        if leaf is NO_SCALAR or len(segments) != 1:
            break
        values[segments[0]] = leaf
    else:
        return Assignments(values)
    # So far each op has assigned a scalar to a variable, and only the last assignment of a
    # variable matters. From here on ops are kept one by one, in their order.
    ops = list(Assignments(values))
    ops.extend(
        _decode_op(one, tuple(one.path[:]), limits, depth_of) for one in chain((message,), rest)
    )
    return ops


def encode_op(op: Op, message: delta_pb2.DeltaOp, depth_of: Callable[[Path], int] = len) -> None:
    """Write an op into an empty message; as `encode_ops`."""
    path = op.path
    try:
        message.path.extend(path)
    except (ValueError, TypeError) as error:
        raise UnsupportedValueError((), f"the path {path!r} is no text: {error}") from None
    if type(op) is Set:
        encode_value(op.value, message.set, path, depth=depth_of(path))
    elif type(op) is Remove:
        message.remove.SetInParent()
    elif type(op) is Splice:
        splice = message.splice
        splice.SetInParent()
        splice.start, splice.delete_count = op.start, op.delete_count
        encode_values(op.insert, splice.insert, path, op.start, depth_of(path))


def _decode_op(
    message: delta_pb2.DeltaOp,
    path: Path,
    limits: Limits,
    depth_of: Callable[[Path], int],
) -> Op:
    if len(path) > limits.max_path_segments:
        raise _over_limit("max_path_segments", limits.max_path_segments, len(path))
    value = message.set
    leaf = value.int_value or value.double_value or value.string_value or decode_falsy(value)
    if leaf is not NO_SCALAR:
        return Set(path, leaf)
    action = message.WhichOneof("action")
    if action == "set":
        value = decode_value(message.set, path, limits.max_value_depth, depth_of(path))
        is_packed = message.set.WhichOneof("kind") in ("double_list", "int_list")
        return Set(path, Numbers(value) if is_packed else value)
    if action == "remove":
        return Remove(path)
    if action == "splice":
        splice = message.splice
        items = decode_values(splice.insert, path, limits.max_value_depth, depth_of(path))
        return Splice(path, splice.start, splice.delete_count, items)
    raise RefusedError(
        Reason.UNKNOWN_OP,
        f"{'.'.join(path) or 'the root'}: an op that is not known here",
        {"path": ".".join(path)},
    )


def _over_limit(limit: str, most: int, found: int) -> RefusedError:
    return RefusedError(
        Reason.LIMIT_EXCEEDED,
        f"{found} is over {limit}, {most}",
        {"limit": limit, "value": most},
    )
