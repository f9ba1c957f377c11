"""Messages that cannot be read: what is wrong with the bytes, and where.

protobuf says of a text that is no UTF-8 only that the message is broken. A Go or
C++ program makes one easily, so its author is told the field: the bytes are read
once more, by a copy of the schema in which each text is bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from lightgrid.errors import Reason, RefusedError

#: What stands around the largest content that is accepted.
ENVELOPE_BYTES: Final = 65_536


class Unreadable:
    """Stands in the place of a message that cannot be read.

    Attributes:
        error: Why.
    """

    def __init__(self, error: RefusedError) -> None:
        self.error = error


def reader_of(
    message_class: type[Message], max_message_bytes: int
) -> Callable[[bytes], Message | Unreadable]:
    """Return what turns bytes from anyone into a message.

    Not by raising: gRPC would answer INTERNAL, and log it as a fault of ours.
    """
    most_bytes = max_message_bytes + ENVELOPE_BYTES
    from_bytes = message_class.FromString

    def read(data: bytes) -> Message | Unreadable:
        if len(data) > most_bytes:
            return Unreadable(
                RefusedError(
                    Reason.LIMIT_EXCEEDED,
                    f"a message of {len(data)} bytes is over max_message_bytes, "
                    f"{max_message_bytes}",
                    {"limit": "max_message_bytes", "value": max_message_bytes},
                )
            )
        try:
            return from_bytes(data)
        except DecodeError:
            return Unreadable(_explain(message_class, data))

    return read


def readable(message: Any) -> Any:
    """Return a message that was read.

    Raises:
        RefusedError: BAD_OP or LIMIT_EXCEEDED: it could not be.
    """
    if type(message) is Unreadable:
        raise message.error
    return message


def _explain(message_class: type[Message], data: bytes) -> RefusedError:
    name = message_class.DESCRIPTOR.name
    try:
        where = next(
            _bad_texts(_lenient(message_class.DESCRIPTOR.full_name).FromString(data), ""), None
        )
    except DecodeError:
        where = None
    if where is None:
        return RefusedError(Reason.BAD_OP, f"these bytes are no {name}")
    return RefusedError(
        Reason.BAD_OP, f"{name}: the text at {where} is no valid UTF-8", {"path": where}
    )


def _bad_texts(message: Message, prefix: str) -> Iterator[str]:
    """Yield where a message of the lenient schema has bytes that are no UTF-8."""
    texts = _text_fields(message.DESCRIPTOR.full_name)
    for field, content in message.ListFields():
        # Not by the field's label, which protobuf 7 has no more.
        many = hasattr(content, "add") or hasattr(content, "append")
        for index, item in enumerate(content if many else (content,)):
            place = f"{prefix}{field.name}[{index}]" if many else f"{prefix}{field.name}"
            if field.message_type is not None:
                yield from _bad_texts(item, f"{place}.")
            elif field.number in texts and not _is_text(item):
                yield place


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@functools.cache
def _text_fields(full_name: str) -> frozenset[int]:
    """Return the numbers of a message's text fields, which the lenient schema has as bytes."""
    original = descriptor_pool.Default().FindMessageTypeByName(full_name)
    return frozenset(
        field.number for field in original.fields if field.type == FieldDescriptor.TYPE_STRING
    )


@functools.cache
def _lenient(full_name: str) -> type[Message]:
    """Return the message of a name, of a schema in which each text is bytes."""
    pool = descriptor_pool.DescriptorPool()
    original = descriptor_pool.Default().FindMessageTypeByName(full_name)
    _add_lenient(original.file, pool, set())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(full_name))


def _add_lenient(file: Any, pool: Any, added: set[str]) -> None:
    if file.name in added:
        return
    added.add(file.name)
    for dependency in file.dependencies:
        _add_lenient(dependency, pool, added)
    proto = descriptor_pb2.FileDescriptorProto()
    file.CopyToProto(proto)
    for message in proto.message_type:
        _loosen(message)
    pool.Add(proto)


def _loosen(message: descriptor_pb2.DescriptorProto) -> None:
    message.options.ClearField("map_entry")  # a map's key may not be bytes, a list's item may
    for nested in message.nested_type:
        _loosen(nested)
    for field in message.field:
        if field.type == descriptor_pb2.FieldDescriptorProto.TYPE_STRING:
            field.type = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
