"""The flow server: its thread, its event loop, its port."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from lightgrid.component.options import OptionChecker
from lightgrid.errors import LightgridError
from lightgrid.runtime.hub import Hub
from lightgrid.server.advertised import advertised_address
from lightgrid.server.auth import Auth
from lightgrid.server.delta_servicer import DeltaServicer
from lightgrid.server.edge import Edge
from lightgrid.server.rotation import Rotation
from lightgrid.server.state_servicer import StateServicer
from lightgrid.server.work_servicer import WorkServicer
from lightgrid_protos.v1 import (
    delta_service_pb2_grpc,
    state_service_pb2_grpc,
    work_service_pb2_grpc,
)

_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_ROTATION: Final = Rotation(300.0, 600.0)
#: What streams may take to end in order, in seconds.
_DRAIN_S: Final = 1.0
#: A message beyond this many times the limit is refused by gRPC in its own words, before
#: it is whole; below, by ours, which name the limit.
_LARGEST_READ: Final = 4
#: A dead network is noticed in seconds, and clients that look are let look: as the comment in
#: work_service.proto says, with these numbers.
KEEPALIVE: Final = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 4_000),
)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where to listen, and how.

    Attributes:
        address: HOST:PORT; port 0 for a free one.
        certificate: PEM file, for TLS.
        key: PEM file, for TLS.
        insecure: Allow another interface than loopback without TLS.
        advertise: What peers are told to dial, HOST or HOST:PORT, if that is not `address`.
    """

    address: str = "127.0.0.1:0"
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False
    advertise: str | None = None

    def check(self) -> None:
        """Refuse what would show an app to others by mistake.

        Raises:
            LightgridError: Another interface than loopback without TLS.
        """
        given = OptionChecker("Listen")
        given.address("address", self.address)
        given.advertised_or_none("advertise", self.advertise)
        host = self.address.rpartition(":")[0]
        if (self.certificate is None) != (self.key is None):
            raise LightgridError("TLS needs both a certificate and a key")
        if host not in _LOOPBACK and self.certificate is None and not self.insecure:
            raise LightgridError(
                f"{self.address} can be reached from other machines: give --tls-cert and "
                "--tls-key, or say --insecure if the network is trusted"
            )


class Server:
    """Serves a hub. One thread with one event loop owns all gRPC of the process."""

    def __init__(
        self, hub: Hub, auth: Auth, listen: Listen, rotation: Rotation = _ROTATION
    ) -> None:
        self._hub = hub
        self._auth = auth
        self._listen = listen
        self._rotation = rotation
        self._ready: Future[str] = Future()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name="lightgrid server", daemon=True)

    def start(self) -> str:
        """Listen; return the address to dial, HOST:PORT.

        Raises:
            LightgridError: The address cannot be had.
        """
        self._listen.check()
        self._thread.start()
        return self._ready.result()

    @property
    def address(self) -> str:
        """What peers dial, HOST:PORT; once it listens."""
        return self._ready.result()

    def stop(self) -> None:
        """Listen no longer and end all streams."""
        if self._loop is not None and self._stopping is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = grpc.aio.server(options=self._options())
        edge = Edge(server, self._auth, self._hub.limits.max_message_bytes)
        work_service_pb2_grpc.add_WorkServiceServicer_to_server(
            WorkServicer(self._hub, self._rotation), edge
        )
        delta_service_pb2_grpc.add_DeltaServiceServicer_to_server(
            DeltaServicer(self._hub, self._rotation), edge
        )
        state_service_pb2_grpc.add_StateServiceServicer_to_server(StateServicer(self._hub), edge)
        health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        try:
            address = self._bind(server)
            self._hub.serve()
            await server.start()
        except Exception as error:
            self._ready.set_exception(error)
            return
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._ready.set_result(address)
        sweeper = asyncio.ensure_future(self._sweep_leases())
        await self._stopping.wait()
        sweeper.cancel()
        await health.enter_graceful_shutdown()
        self._hub.drain()
        await server.stop(grace=_DRAIN_S)

    def _bind(self, server: grpc.aio.Server) -> str:
        host, _, port_text = self._listen.address.rpartition(":")
        try:
            resolved = _try_to_listen(host.strip("[]"), int(port_text))
            if self._listen.certificate is not None and self._listen.key is not None:
                pair = _read_tls_files(self._listen.certificate, self._listen.key)
                credentials = grpc.ssl_server_credentials([pair])
                port = server.add_secure_port(self._listen.address, credentials)
            else:
                port = server.add_insecure_port(self._listen.address)
        except (RuntimeError, OSError) as error:
            cause = getattr(error, "strerror", None) or error
            hint = ""
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                hint = ". Another program listens there; port 0 is any free one"
            raise LightgridError(
                f"cannot listen on {self._listen.address}: {cause}{hint}"
            ) from error
        return advertised_address(f"{host}:{port}", resolved, self._listen.advertise)

    async def _sweep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._hub.works.sweep_interval_s)
            self._hub.works.sweep_leases()

    def _options(self) -> list[tuple[str, int]]:
        return [
            # Two flows on one port would each get half of the works.
            ("grpc.so_reuseport", 0),
            *KEEPALIVE,
            (
                "grpc.max_receive_message_length",
                _LARGEST_READ * self._hub.limits.max_message_bytes,
            ),
            ("grpc.max_send_message_length", -1),
        ]


def _read_tls_files(certificate: Path, key: Path) -> tuple[bytes, bytes]:
    """Return the key and the certificate, checked: gRPC would say what is wrong on stderr.

    Raises:
        LightgridError: One cannot be read, or they are no pair.
    """
    contents = {}
    for path in (certificate, key):
        try:
            contents[path] = path.read_bytes()
        except OSError as error:
            raise LightgridError(f"{path}: {error.strerror or error}") from None
    try:
        # A password that is not asked for: a key that needs one is refused.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise LightgridError(
            f"{certificate} and {key} are no certificate and its key, in PEM: "
            f"{error.reason or error}"
        ) from None
    return contents[key], contents[certificate]


def _try_to_listen(host: str, port: int) -> str:
    """Find out why an address cannot be had; gRPC would write it on stderr, in its own words.

    Returns:
        The IP address that the host stands for.

    Raises:
        OSError: None of the host's addresses can.
    """
    errors = []
    for family, kind, protocol, _, place in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        try:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(place)
        except OSError as error:
            errors.append(error)
        else:
            return str(place[0])
    raise errors[0]
