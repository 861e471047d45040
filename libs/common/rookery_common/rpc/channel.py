"""A channel to all replicas of a service, made anew when this service's certificate is renewed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import grpc

from rookery_common.config import BaseServiceSettings
from rookery_common.logs import get_logger
from rookery_common.rpc.tls import TlsFiles

log = get_logger()
MAX_MESSAGE_BYTES = 32 * 1024 * 1024  # a full batch of long posts
_RELOAD_SECONDS = 10.0
_CLOSE_GRACE = 30.0
# gRPC's own; a plain host:port is looked up by DNS, so that all of a headless service's replicas are found.
_SCHEMES = ("dns:", "ipv4:", "ipv6:", "unix:")
_OPTIONS: list[tuple[str, str | int]] = [
    ("grpc.service_config", json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})),
    ("grpc.enable_retries", 0),  # ours know a budget
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.dns_min_time_between_resolutions_ms", 2_000),
]


class ReloadingChannel:
    """Holds the stub of the newest channel; an older one is closed once its calls have had time to end."""

    def __init__(
        self, settings: BaseServiceSettings, target: str, stub_factory: Callable[[Any], Any], *, service: str
    ) -> None:
        self._target = target if target.startswith(_SCHEMES) else f"dns:///{target}"
        self._stub_factory = stub_factory
        self._service = service
        self._files = TlsFiles.of(settings)
        self._version: tuple[int, ...] = ()
        self._channel: grpc.aio.Channel | None = None
        self._stub: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises OSError when the certificate's files can't be read."""
        self._open()
        if self._files is not None:
            self._spawn(self._reload())

    async def stop(self) -> None:
        """Closes at once."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def stub(self) -> Any:
        """Raises RuntimeError before the start: a component was wired in the wrong order."""
        if self._stub is None:
            raise RuntimeError(f"the client of {self._service} is used before it is started")
        return self._stub

    def newest(self) -> grpc.aio.Channel:
        """The channel that new calls go through. Raises RuntimeError before the start."""
        if self._channel is None:
            raise RuntimeError(f"the client of {self._service} is used before it is started")
        return self._channel

    def connected(self) -> bool:
        """Whether at least one replica is; begins to connect if none is."""
        return self._channel is not None and self._channel.get_state(True) is grpc.ChannelConnectivity.READY

    def _open(self) -> None:
        if self._files is None:
            channel = grpc.aio.insecure_channel(self._target, options=_OPTIONS)
        else:
            self._version = self._files.version()
            # Whatever address it has, the server must show the certificate of that service.
            options = [*_OPTIONS, ("grpc.ssl_target_name_override", self._service)]
            channel = grpc.aio.secure_channel(self._target, self._files.channel_credentials(), options=options)
        channel.get_state(True)
        self._channel, self._stub = channel, self._stub_factory(channel)

    async def _reload(self) -> None:
        while True:
            await asyncio.sleep(_RELOAD_SECONDS)
            try:
                self.reload_if_renewed()
            except OSError as error:  # half way through a renewal
                log.warning("rpc.certificate_unreadable", service=self._service, error=type(error).__name__)

    def reload_if_renewed(self) -> None:
        """Opens a channel with the renewed files, if there are any. Raises OSError when they can't be read."""
        if self._files is None or self._files.version() == self._version:
            return
        old = self._channel
        self._open()
        log.info("rpc.certificate_renewed", service=self._service)
        if old is not None:
            self._spawn(_close_later(old))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _close_later(channel: grpc.aio.Channel) -> None:
    try:
        await asyncio.sleep(_CLOSE_GRACE)
    finally:
        await channel.close()
