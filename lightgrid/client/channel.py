"""What every connection to a flow server has in common: its options, its token, its errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc

from lightgrid.wire.rpc_errors import from_rpc_error

#: Of both ends: a dead network is noticed within the sum. The server is to allow pings
#: this often ("grpc.http2.min_ping_interval_without_data_ms"), or it ends idle streams.
_KEEPALIVE_S: Final = 10.0
_KEEPALIVE_TIMEOUT_S: Final = 5.0
#: How long one attempt to connect may take: over a slow link, or to a flow that was paused. gRPC
#: bounds the attempt by what it calls the least backoff, which for the pause between two
#: attempts that were refused means nothing.
_CONNECT_TIMEOUT_S: Final = 10.0
OPTIONS: Final = [
    ("grpc.keepalive_time_ms", int(_KEEPALIVE_S * 1000)),
    ("grpc.keepalive_timeout_ms", int(_KEEPALIVE_TIMEOUT_S * 1000)),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # The limits are the protocol's, which names them; gRPC's would end the stream unnamed.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # Where one process plays many works, each has a connection of its own.
    ("grpc.use_local_subchannel_pool", 1),
    # When to connect again is decided by the caller: gRPC's own pause grows to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", int(_CONNECT_TIMEOUT_S * 1000)),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # The flow is where it said it is, whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
]
UNARY_TIMEOUT_S: Final = 10.0
#: What clients of ours take: all that protobuf can carry.
MAX_MESSAGE_BYTES: Final = 2**31 - 1


def token_metadata(token: str) -> tuple[tuple[str, str], ...]:
    """Return what goes with every call."""
    return (("authorization", f"Bearer {token}"),)


@contextmanager
def told_errors() -> Iterator[None]:
    """Raise what the server refuses as `RefusedError`, what may work later as unavailable."""
    try:
        yield
    except grpc.RpcError as error:
        raise from_rpc_error(error) from None
