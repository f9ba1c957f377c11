"""Batches to messages of the delta stream, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightgrid.errors import Reason, RefusedError
from lightgrid.protocol.messages import Batch
from lightgrid.wire.calls import clip_update, decode_call_update, encode_call_update
from lightgrid.wire.deltas import DEFAULTS, decode_ops, encode_ops
from lightgrid.wire.splitting import Packer, split_op
from lightgrid_protos.v1.delta_service_pb2 import StreamDeltasRequest

if TYPE_CHECKING:
    from lightgrid.protocol.limits import Limits


def encode_batch(
    batch: Batch,
    session_id: str,
    max_message_bytes: int = DEFAULTS.max_message_bytes,
    max_ops_per_message: int = DEFAULTS.max_ops_per_message,
) -> list[StreamDeltasRequest]:
    """Return a batch as the messages that carry it, nearly always one.

    Calls stand behind all ops, in the last messages.

    Args:
        batch: As it is to be applied.
        session_id: Stands in the first message.
        max_message_bytes: What the server accepts in one message.
        max_ops_per_message: As well.

    Raises:
        UnsupportedValueError: A str, bytes or tuple does not fit into one message.

    Cost: one pass and one `ByteSize`; a batch over a limit is encoded again, op by op.
    """
    message = StreamDeltasRequest(
        session_id=session_id,
        seq=batch.seq,
        snapshot=batch.snapshot,
        seen_revision=batch.seen_revision,
    )
    if len(batch.ops) <= max_ops_per_message:
        encode_ops(batch.ops, message.ops)
        for update in batch.calls:
            encode_call_update(update, message.call_updates.add())
        if message.ByteSize() <= max_message_bytes:
            return [message]
        del message.ops[:], message.call_updates[:]
    packer = Packer(
        message,
        lambda: StreamDeltasRequest(seq=batch.seq),
        max_message_bytes,
        max_ops_per_message,
    )
    for op in batch.ops:
        for piece in split_op(op, packer.room_bytes):
            packer.part_for(piece.ByteSize(), ops=1).ops.append(piece)
    for update in batch.calls:
        told = clip_update(update, packer.room_bytes)
        packer.part_for(told.ByteSize()).call_updates.append(told)
    return packer.finish()


def decode_batch_part(message: StreamDeltasRequest, limits: Limits = DEFAULTS) -> Batch:
    """Return one message's part of a batch; a heartbeat has number 0.

    Raises:
        RefusedError: As `decode_ops`, or BAD_OP for a heartbeat that carries something.
    """
    updates = message.call_updates
    if not message.seq and (message.ops or updates or message.more):
        raise RefusedError(Reason.BAD_OP, "this message has no number, yet carries something")
    return Batch(
        seq=message.seq,
        ops=decode_ops(message.ops, limits),
        calls=[decode_call_update(update, limits) for update in updates] if updates else (),
        snapshot=message.snapshot,
        seen_revision=message.seen_revision,
        more=message.more,
        size_bytes=message.ByteSize(),
    )
