"""What a work learns when it joins, to a message and back."""

from __future__ import annotations

from typing import Final

from lightgrid.protocol.limits import LeaseTerms, Limits
from lightgrid.protocol.messages import Registration
from lightgrid.wire.times import decode_duration, encode_duration
from lightgrid_protos.v1 import work_service_pb2
from lightgrid_protos.v1.work_service_pb2 import RegisterWorkResponse

#: The fields of the message, which `Limits` has under the same names.
_LIMITS: Final = tuple(field.name for field in work_service_pb2.Limits.DESCRIPTOR.fields)
_MAX_UINT32: Final = 2**32 - 1


def encode_registration(registration: Registration) -> RegisterWorkResponse:
    """Return the answer to a work that joins."""
    message = RegisterWorkResponse(
        session_id=registration.session_id,
        epoch=registration.epoch,
        acked_seq=registration.acked_seq,
        snapshot_required=registration.snapshot_required,
        features=registration.features,
        tree_id=registration.tree_id,
    )
    encode_duration(registration.terms.heartbeat_interval_s, message.heartbeat_interval)
    encode_duration(registration.terms.lease_ttl_s, message.lease_ttl)
    encode_duration(registration.terms.rejoin_timeout_s, message.rejoin_timeout)
    for name in _LIMITS:
        setattr(message.limits, name, min(getattr(registration.limits, name), _MAX_UINT32))
    return message


def decode_registration(message: RegisterWorkResponse) -> Registration:
    """Return the session, and what the server accepts.

    A limit or time of 0 was not told, and gets its default.
    """
    limits = {name: getattr(message.limits, name) for name in _LIMITS}
    terms = {
        "heartbeat_interval_s": decode_duration(message.heartbeat_interval),
        "lease_ttl_s": decode_duration(message.lease_ttl),
        "rejoin_timeout_s": decode_duration(message.rejoin_timeout),
    }
    return Registration(
        session_id=message.session_id,
        epoch=message.epoch,
        acked_seq=message.acked_seq,
        snapshot_required=message.snapshot_required,
        terms=LeaseTerms(**{name: time_s for name, time_s in terms.items() if time_s > 0}),
        limits=Limits(**{name: limit for name, limit in limits.items() if limit}),
        features=tuple(message.features),
        tree_id=message.tree_id,
    )
