"""The flow server: its thread, its event loop, its port."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from concurrent.futures import Future
from typing import Final, NamedTuple

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from lightgrid.errors import LightgridError
from lightgrid.runtime.hub import Hub
from lightgrid.server.advertised import advertised_address, host_of
from lightgrid.server.auth import Auth
from lightgrid.server.delta_servicer import DeltaServicer
from lightgrid.server.edge import Edge
from lightgrid.server.listen import Listen
from lightgrid.server.rotation import Rotation
from lightgrid.server.state_servicer import StateServicer
from lightgrid.server.work_servicer import WorkServicer
from lightgrid_protos.v1 import (
    delta_service_pb2_grpc,
    state_service_pb2_grpc,
    work_service_pb2_grpc,
)

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


class _Reached(NamedTuple):
    """What peers dial, HOST:PORT, and the certificates that they trust, PEM; None without TLS."""

    address: str
    root_certificates: bytes | None


class Server:
    """Serves a hub. One thread with one event loop owns all gRPC of the process."""

    def __init__(
        self, hub: Hub, auth: Auth, listen: Listen, rotation: Rotation = _ROTATION
    ) -> None:
        self._hub = hub
        self._auth = auth
        self._listen = listen
        self._rotation = rotation
        self._ready: Future[_Reached] = Future()
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
        return self.address

    @property
    def address(self) -> str:
        """What peers dial, HOST:PORT; once it listens."""
        return self._ready.result().address

    @property
    def root_certificates(self) -> bytes | None:
        """What peers trust, PEM; None without TLS. Known once it listens."""
        return self._ready.result().root_certificates

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
            reached = self._bind(server)
            self._hub.serve()
            await server.start()
        except Exception as error:
            self._ready.set_exception(error)
            return
        await health.set("", health_pb2.HealthCheckResponse.SERVING)
        self._ready.set_result(reached)
        sweeper = asyncio.ensure_future(self._sweep_leases())
        await self._stopping.wait()
        sweeper.cancel()
        await health.enter_graceful_shutdown()
        self._hub.drain()
        await server.stop(grace=_DRAIN_S)

    def _bind(self, server: grpc.aio.Server) -> _Reached:
        listen = self._listen
        host, _, port_text = listen.address.rpartition(":")
        try:
            resolved = _try_to_listen(host.strip("[]"), int(port_text))
            dialled = advertised_address(listen.address, resolved, listen.advertise)
            tls = listen.open_tls(host_of(dialled), host_of(listen.address), resolved)
            if tls is None:
                port = server.add_insecure_port(listen.address)
            else:
                credentials = grpc.ssl_server_credentials([(tls.key, tls.chain)])
                port = server.add_secure_port(listen.address, credentials)
        except (RuntimeError, OSError) as error:
            cause = getattr(error, "strerror", None) or error
            hint = ""
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                hint = ". Another program listens there; port 0 is any free one"
            raise LightgridError(f"cannot listen on {listen.address}: {cause}{hint}") from error
        address = advertised_address(f"{host}:{port}", resolved, listen.advertise)
        return _Reached(address, None if tls is None else tls.root_certificates)

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
