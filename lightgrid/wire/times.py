"""Seconds to `Duration` messages, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

#: The most that either message may hold, by its own definition: 10,000 years.
_MAX_DURATION_S: Final = 315_576_000_000
_MAX_TIMESTAMP_S: Final = 253_402_300_799
_NANOS: Final = 10**9


def encode_duration(seconds: float, message: Duration) -> None:
    """Write seconds from 0 on; what is longer than a `Duration` may be becomes its longest."""
    message.seconds, message.nanos = _split(seconds, _MAX_DURATION_S)


def decode_duration(message: Duration) -> float:
    """Return a duration in seconds."""
    return (message.seconds * _NANOS + message.nanos) / _NANOS


def encode_timestamp(seconds: float, message: Timestamp) -> None:
    """Write a time in seconds since the epoch."""
    message.seconds, message.nanos = _split(seconds, _MAX_TIMESTAMP_S)


def decode_timestamp(message: Timestamp) -> float:
    """Return a time in seconds since the epoch."""
    return (message.seconds * _NANOS + message.nanos) / _NANOS


def _split(seconds: float, most: int) -> tuple[int, int]:
    # min first: infinity has no integer. NaN compares false and becomes 0.
    return divmod(round(max(0.0, min(seconds, most)) * _NANOS), _NANOS)
