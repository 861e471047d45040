"""The gRPC server of a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from rookery.common.v1.exchange_service_pb2_grpc import add_ExchangeServiceServicer_to_server
from rookery_common.auth import TokenVerifier
from rookery_common.clock import Clock, SystemClock
from rookery_common.config import BaseServiceSettings
from rookery_common.logs import get_logger
from rookery_common.rpc.channel import MAX_MESSAGE_BYTES
from rookery_common.rpc.exchange_serving import Exchanges
from rookery_common.rpc.handling import CallHandling, Method, allowed_for
from rookery_common.rpc.limiter import Limiter
from rookery_common.rpc.tls import TlsFiles

log = get_logger()
# (add_XServicer_to_server, servicer, "rookery.x.v1.XService")
Registration = tuple[Callable[[Any, Any], None], Any, str]
GRACE_SECONDS = 10.0
_OPTIONS: list[tuple[str, int]] = [
    ("grpc.so_reuseport", 0),  # two processes on one port is a mistake that must show
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Callers come back through DNS now and then, and so find new replicas. No grace is set: calls and streams go on.
    ("grpc.max_connection_age_ms", 120_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
]


class RpcServer:
    """Serves RPCs, health, and in local mode reflection; `allowed_callers` lists every method by path, name or "*"."""

    def __init__(
        self,
        settings: BaseServiceSettings,
        *,
        verifier: TokenVerifier | None,
        services: Sequence[Registration],
        allowed_callers: Mapping[str, frozenset[str]],
        limiter: Limiter | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._services = services
        self._allowed = allowed_callers
        self._handling = CallHandling(verifier, limiter or Limiter(clock or SystemClock()), tls=settings.tls)
        self._exchanges = Exchanges(self._handling)
        self._health = health.aio.HealthServicer()
        self._server: grpc.aio.Server | None = None
        self._port = 0

    @property
    def port(self) -> int:
        """What was bound; of use where the address names port 0."""
        return self._port

    async def start(self) -> None:
        """Raises ValueError for a method without callers, RuntimeError for an address that is taken."""
        server = grpc.aio.server(options=_OPTIONS)
        for add, servicer, _ in self._services:
            add(servicer, _Registrar(server, self._wrap))
        plain = cast(grpc.aio.Server, _Registrar(server))
        add_ExchangeServiceServicer_to_server(self._exchanges, plain)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, plain)
        if self._settings.local_mode:
            names = [name for _, _, name in self._services]
            reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        files = TlsFiles.of(self._settings)
        address = self._settings.grpc_address
        if files is None:
            self._port = server.add_insecure_port(address)
        else:
            self._port = server.add_secure_port(address, files.server_credentials())
        await server.start()
        self._server = server
        log.info("rpc.serving", grpc_address=address, tls=files is not None)

    async def stop(self) -> None:
        """Tells health checkers and callers to go elsewhere, ends streams, gives calls that run ten seconds."""
        if self._server is None:
            return
        await self._health.enter_graceful_shutdown()
        self._handling.drain()
        self._exchanges.drain()
        await self._server.stop(GRACE_SECONDS)
        self._server = None

    def _wrap(self, path: str, handler: Any) -> Any:
        method = Method(path, allowed_for(path, self._allowed))
        wrapped = self._handling.wrap(method, handler)
        if not (handler.request_streaming or handler.response_streaming):
            self._exchanges.add(method, handler)
        return wrapped


def _unwrapped(_path: str, handler: Any) -> Any:
    return handler


class _Registrar:
    """Stands in for the server while generated code registers its handlers, and wraps each of them."""

    def __init__(self, server: grpc.aio.Server, wrap: Callable[[str, Any], Any] = _unwrapped) -> None:
        self._server = server
        self._wrap = wrap

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """Nothing: the same methods come by name as well, through the other method."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """By the generic handler alone: for each registered method gRPC keeps a task that it looks at in every call."""
        wrapped = {name: self._wrap(f"/{service}/{name}", handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))
