"""Commands to messages of the command stream, and back.

A command too large for one message goes on in the next. The parts join so:
args, kwargs and ops add up, and so do the bytes of python_arguments; everything
else counts from the first part.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.messages import Ack, Cancel, Command, Resync, Run, Stop, Update
from lightgrid.wire.deltas import DEFAULTS, decode_ops, encode_ops
from lightgrid.wire.splitting import FRAME_BYTES, Packer, split_op, too_large
from lightgrid.wire.times import decode_duration, encode_duration
from lightgrid.wire.values import decode_value, encode_value
from lightgrid_protos.v1 import value_pb2
from lightgrid_protos.v1.work_service_pb2 import WatchCommandsResponse

if TYPE_CHECKING:
    from lightgrid.protocol.limits import Limits


def encode_command(
    command: Command,
    max_message_bytes: int = DEFAULTS.max_message_bytes,
    max_ops_per_message: int = DEFAULTS.max_ops_per_message,
) -> list[WatchCommandsResponse]:
    """Return a command as the messages that carry it, nearly always one.

    Raises:
        UnsupportedValueError: An argument, or a str, bytes or tuple in an op, cannot
            be state or does not fit into one message.
    """
    message = WatchCommandsResponse()
    if isinstance(command, Run | Update):
        _encode_head(command, message)
        if len(command.ops) <= max_ops_per_message:
            _encode_rest(command, message)
            if message.ByteSize() <= max_message_bytes:
                return [message]
            message.Clear()
            _encode_head(command, message)
        return _encode_parts(command, message, max_message_bytes, max_ops_per_message)
    if isinstance(command, Ack):
        message.ack.SetInParent()
        message.ack.acked_seq, message.ack.applied_seq = command.acked_seq, command.applied_seq
    elif isinstance(command, Cancel):
        message.cancel.call_id = command.call_id
        message.cancel.SetInParent()
    elif isinstance(command, Stop):
        message.stop.SetInParent()
        encode_duration(command.grace_s, message.stop.grace)
    elif isinstance(command, Resync):
        message.resync.SetInParent()
    else:
        assert_never(command)
    return [message]


class CommandJoiner:
    """Puts the parts of commands together, for the reader of one stream."""

    def __init__(self, limits: Limits = DEFAULTS) -> None:
        self._limits = limits
        self._begun: Run | Update | None = None

    def offer(self, message: WatchCommandsResponse) -> Command | None:
        """Return the command that a message completes, if any.

        A keep-alive and a command that is not known here give None.

        Raises:
            RefusedError: BAD_OP for parts of different commands, or as `decode_ops`.
        """
        part = _decode_part(message, self._limits)
        if part is None:
            return None
        if self._begun is not None:
            part = _join(self._begun, part)
            self._begun = None
        if not message.more:
            return part
        if not isinstance(part, Run | Update):
            raise RefusedError(Reason.BAD_OP, f"a {type(part).__name__} does not come in parts")
        self._begun = part
        return None


def _encode_head(command: Run | Update, message: WatchCommandsResponse) -> None:
    if isinstance(command, Run):
        message.run.call_id = command.call_id
        message.run.method_name = command.method_name
        message.run.revision = command.revision
        message.run.SetInParent()
    else:
        message.update.revision = command.revision
        message.update.snapshot = command.snapshot
        message.update.SetInParent()


def _encode_rest(command: Run | Update, message: WatchCommandsResponse) -> None:
    if isinstance(command, Update):
        encode_ops(command.ops, message.update.ops)
        return
    run = message.run
    encode_ops(command.ops, run.ops)
    for index, value in enumerate(command.args):
        encode_value(value, run.args.add(), (f"args[{index}]",))
    for name, value in command.kwargs.items():
        encode_value(value, run.kwargs[name], (name,))
    run.python_arguments = command.python_arguments


def _encode_parts(
    command: Run | Update,
    first: WatchCommandsResponse,
    max_message_bytes: int,
    max_ops_per_message: int,
) -> list[WatchCommandsResponse]:
    def later() -> WatchCommandsResponse:
        message = WatchCommandsResponse()
        _encode_head(command, message)
        return message

    packer = Packer(first, later, max_message_bytes, max_ops_per_message)
    room_bytes = packer.room_bytes
    for op in command.ops:
        for piece in split_op(op, room_bytes):
            message = packer.part_for(piece.ByteSize(), ops=1)
            ops = message.run.ops if isinstance(command, Run) else message.update.ops
            ops.append(piece)
    if isinstance(command, Update):
        return packer.finish()

    for index, value in enumerate(command.args):
        told, size_bytes = _argument(value, f"args[{index}]", 0, room_bytes)
        packer.part_for(size_bytes).run.args.append(told)
    for name, value in command.kwargs.items():
        key_bytes = len(name.encode()) + 2 * FRAME_BYTES
        told, size_bytes = _argument(value, name, key_bytes, room_bytes)
        packer.part_for(size_bytes).run.kwargs[name].CopyFrom(told)
    for start in range(0, len(command.python_arguments), max(room_bytes, 1)):
        piece_of_pickle = command.python_arguments[start : start + max(room_bytes, 1)]
        packer.part_for(len(piece_of_pickle)).run.python_arguments = piece_of_pickle
    return packer.finish()


def _argument(
    value: object, name: str, extra_bytes: int, room_bytes: int
) -> tuple[value_pb2.Value, int]:
    message = value_pb2.Value()
    encode_value(value, message, (name,))
    size_bytes = message.ByteSize() + extra_bytes
    if size_bytes > room_bytes:
        raise too_large((name,), size_bytes, room_bytes)
    return message, size_bytes


def _decode_part(message: WatchCommandsResponse, limits: Limits) -> Command | None:
    kind = message.WhichOneof("command")
    if kind == "ack":
        return Ack(message.ack.acked_seq, message.ack.applied_seq)
    if kind == "run":
        run = message.run
        depth = limits.max_value_depth
        return Run(
            call_id=run.call_id,
            method_name=run.method_name or "run",
            args=[
                decode_value(value, (f"args[{index}]",), depth)
                for index, value in enumerate(run.args)
            ],
            kwargs={name: decode_value(run.kwargs[name], (name,), depth) for name in run.kwargs},
            ops=decode_ops(run.ops, limits),
            revision=run.revision,
            python_arguments=run.python_arguments,
        )
    if kind == "cancel":
        return Cancel(message.cancel.call_id)
    if kind == "stop":
        return Stop(decode_duration(message.stop.grace))
    if kind == "resync":
        return Resync()
    if kind == "update":
        update = message.update
        return Update(update.revision, decode_ops(update.ops, limits), update.snapshot)
    return None


def _join(begun: Run | Update, part: Command) -> Run | Update:
    if isinstance(begun, Run) and isinstance(part, Run) and part.call_id == begun.call_id:
        return replace(
            begun,
            args=[*begun.args, *part.args],
            kwargs={**begun.kwargs, **part.kwargs},
            ops=[*begun.ops, *part.ops],
            python_arguments=begun.python_arguments + part.python_arguments,
        )
    if isinstance(begun, Update) and isinstance(part, Update):
        return replace(begun, ops=[*begun.ops, *part.ops])
    raise RefusedError(
        Reason.BAD_OP, f"a {type(begun).__name__} was to go on, here is another command"
    )
