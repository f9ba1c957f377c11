"""What a work learns when it joins, to a message and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lightgrid.protocol.link import Settings
from lightgrid.protocol.messages import Registration
from lightgrid.wire.times import decode_duration, encode_duration
from lightgrid_protos.v1.work_service_pb2 import Limits, RegisterWorkResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The fields of `Limits`, which `Settings` has under the same names.
_LIMITS: Final = tuple(field.name for field in Limits.DESCRIPTOR.fields)
_MAX_UINT32: Final = 2**32 - 1


def encode_registration(registration: Registration, settings: Settings) -> RegisterWorkResponse:
    """Return the answer to a work that joins.

    Args:
        registration: The session.
        settings: What the server accepts.
    """
    message = RegisterWorkResponse(
        session_id=registration.session_id,
        epoch=registration.epoch,
        acked_seq=registration.acked_seq,
        snapshot_required=registration.snapshot_required,
        features=registration.features,
    )
    encode_duration(registration.heartbeat_interval_s, message.heartbeat_interval)
    encode_duration(registration.lease_ttl_s, message.lease_ttl)
    for name in _LIMITS:
        setattr(message.limits, name, min(getattr(settings, name), _MAX_UINT32))
    return message


def decode_registration(message: RegisterWorkResponse) -> tuple[Registration, Settings]:
    """Return the session, and what the server accepts.

    A limit or time of 0 was not told, and gets its default.
    """
    settings = Settings()
    limits: Mapping[str, int] = {name: getattr(message.limits, name) for name in _LIMITS}
    for name, limit in limits.items():
        if limit:
            setattr(settings, name, limit)
    heartbeat_s = decode_duration(message.heartbeat_interval)
    if heartbeat_s > 0:
        settings.heartbeat_interval_s = heartbeat_s
    lease_s = decode_duration(message.lease_ttl)
    if lease_s > 0:
        settings.lease_ttl_s = lease_s
    registration = Registration(
        session_id=message.session_id,
        epoch=message.epoch,
        acked_seq=message.acked_seq,
        snapshot_required=message.snapshot_required,
        heartbeat_interval_s=settings.heartbeat_interval_s,
        lease_ttl_s=settings.lease_ttl_s,
        features=tuple(message.features),
    )
    return registration, settings
