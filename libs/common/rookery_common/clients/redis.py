"""Redis by redis-py's asyncio client, single or cluster: calls are named, bounded in time, and fail as Unavailable.

Redis is never the only copy of anything that matters: a caller decides what it does without it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr
from redis.asyncio import Connection, ConnectionPool, Redis, RedisCluster, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.connection import HiredisRespSerializer
from redis.credentials import CredentialProvider
from redis.exceptions import NoScriptError, RedisError, ResponseError

from rookery_common.clients.calls import Instruments, time_left
from rookery_common.clients.redis_shared import SharedConnection
from rookery_common.config import RedisSettings
from rookery_common.credentials import Secret
from rookery_common.errors import Internal, Unavailable

CALL_SECONDS = 1.0
CONNECT_SECONDS = 1.0
MAX_CONNECTIONS = 64
T = TypeVar("T")
Value = bytes | str | int | float

instruments = Instruments("redis")


class RedisUnavailable(Unavailable):
    """Redis is away, busy loading, or too slow; whether a write took effect is not known."""

    reason = "REDIS_UNAVAILABLE"


class RedisRejected(Internal):
    """The command or script is wrong: a defect of ours."""

    reason = "REDIS_REJECTED"


class RedisClient:
    """One Redis; values are bytes. `raw` has every command: `await client.call("name", client.raw.mget(keys))`."""

    def __init__(self, url: str, name: str, cluster: bool = False, access: RedisAccess | None = None) -> None:
        self._name = name
        self._is_cluster = cluster
        # What bounds the connections: redis-py's own blocking pool costs a third of a call.
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        access = access or RedisAccess()
        self.raw: Any = (_cluster if cluster else _single)(url, name, access)
        # The pool makes connections, and keeps none: calls are bounded where they are awaited.
        self._shared = (
            None if cluster else SharedConnection(_pool(url, name, access, socket_timeout=None).make_connection)
        )

    @classmethod
    def cache(cls, settings: RedisSettings, name: str) -> RedisClient:
        """The instance of caches, which evicts what is used least."""
        access = RedisAccess(settings.redis_cache_password_file, settings.redis_ca_file)
        return cls(settings.redis_cache_url.get_secret_value(), f"{name}-cache", settings.redis_cluster, access)

    @classmethod
    def state(cls, settings: RedisSettings, name: str) -> RedisClient:
        """The instance of state, which evicts nothing."""
        access = RedisAccess(settings.redis_state_password_file, settings.redis_ca_file)
        return cls(settings.redis_state_url.get_secret_value(), f"{name}-state", settings.redis_cluster, access)

    async def start(self) -> None:
        """Connects when first used: a Redis that is late makes the process not ready, it doesn't stop it."""

    async def stop(self) -> None:
        if self._shared is not None:
            await self._shared.stop()
        await self.raw.aclose()

    async def check(self) -> None:
        """Raises unless it answers."""
        await self.call("ping", self.raw.ping())

    async def call(self, name: str, command: Awaitable[T], *, timeout: float = CALL_SECONDS) -> T:
        """The command's answer; the name is its metrics' label. The timeout is in seconds, and the deadline caps it."""
        try:
            left = time_left(timeout)
            with instruments.observe(self._name, name):
                return await self._bounded(command, left)
        finally:
            if asyncio.iscoroutine(command):
                command.close()  # where the time was over before it began; else this does nothing

    async def _bounded(self, command: Awaitable[T], seconds: float) -> T:
        try:
            async with asyncio.timeout(seconds), self._slots:
                return await command
        except NoScriptError:
            raise
        except ResponseError as error:
            raise _translate(error) from error
        except (RedisError, OSError) as error:
            raise RedisUnavailable("the cache is not available") from error

    async def mget(
        self, name: str, keys: Sequence[str | bytes], *, timeout: float = CALL_SECONDS
    ) -> list[bytes | None]:
        """The values of keys that may be in several slots; None for each that is not there."""
        if not keys:
            return []
        command = self.raw.mget_nonatomic(keys) if self._shared is None else self._shared.execute("MGET", *keys)
        values: list[bytes | None] = await self.call(name, command, timeout=timeout)
        return values

    async def send(self, name: str, commands: Sequence[Sequence[Value]], *, timeout: float = CALL_SECONDS) -> list[Any]:
        """The answers to several short commands that are sent together, in no transaction."""
        if not commands:
            return []
        command = self._pipelined(commands) if self._shared is None else self._shared.execute_all(commands)
        return await self.call(name, command, timeout=timeout)

    async def _pipelined(self, commands: Sequence[Sequence[Value]]) -> list[Any]:
        pipeline = self.raw.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        answers: list[Any] = await pipeline.execute()
        return answers

    def script(self, lua: str, *, name: str = "script", shared: bool = False) -> Script:
        """A Lua script, sent once and then called by its hash; all its keys share a slot.

        One that is short and called all the time may share a connection with others of its kind.
        """
        return Script(self, lua, name, self._shared.execute if shared and self._shared else self.raw.execute_command)


class Script:
    """A Lua script of a client."""

    def __init__(self, client: RedisClient, lua: str, name: str, execute: Callable[..., Awaitable[Any]]) -> None:
        self._client = client
        self._execute = execute
        self._lua = lua
        self._name = name
        # Redis names scripts by SHA-1; nothing secret rests on it.
        self._sha = hashlib.sha1(lua.encode(), usedforsecurity=False).hexdigest()

    async def __call__(
        self, keys: Sequence[Value], args: Sequence[Value] = (), *, timeout: float = CALL_SECONDS
    ) -> Any:
        """What the script returns. A server that doesn't know it (restarted, failed over) is sent its text."""
        try:
            command = self._execute("EVALSHA", self._sha, len(keys), *keys, *args)
            return await self._client.call(self._name, command, timeout=timeout)
        except NoScriptError:
            command = self._execute("EVAL", self._lua, len(keys), *keys, *args)
            return await self._client.call(self._name, command, timeout=timeout)


def _translate(error: ResponseError) -> Unavailable | Internal:
    # A server that fails over or is full refuses for a while; any other refusal is of the command itself.
    refusal = str(error).partition(" ")[0]
    if refusal in {"READONLY", "MASTERDOWN", "OOM", "MISCONF", "NOREPLICAS", "BUSY", "CLUSTERDOWN", "TRYAGAIN"}:
        return RedisUnavailable("the cache is not available")
    return RedisRejected("internal error")


def _options(name: str) -> dict[str, Any]:
    return {
        "socket_timeout": CALL_SECONDS,
        "socket_connect_timeout": CONNECT_SECONDS,
        "socket_keepalive": True,
        "client_name": name,
        "protocol": 3,
    }


class _PackingConnection(Connection):
    """Packs commands in C, as redis-py does for its blocking client: in Python it costs as much as the call itself."""

    _packer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._packer.pack(*args)
        return packed


class _PackingTlsConnection(SSLConnection):
    """The same by TLS."""

    _packer = HiredisRespSerializer()

    def pack_command(self, *args: Any) -> list[bytes]:
        packed: list[bytes] = self._packer.pack(*args)
        return packed


class _RenewedLogin(CredentialProvider):
    """The user and its password as it is when a connection is made."""

    def __init__(self, username: str, password: Secret) -> None:
        self._username = username
        self._password = password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._password.current()
        return (self._username, password) if self._username else (password,)


@dataclass(frozen=True, slots=True)
class RedisAccess:
    """How connections show who they are, and whom they trust; by default what the URL and the system say."""

    password_file: str = ""
    ca_file: str = ""

    def options(self, url: str) -> tuple[str, dict[str, Any]]:
        """The URL without what stands in files, and the options that say it instead."""
        options: dict[str, Any] = {}
        parts = urlsplit(url)
        if self.ca_file and parts.scheme == "rediss":
            options["ssl_ca_certs"] = self.ca_file
        if self.password_file:
            password = Secret(SecretStr(""), self.password_file)
            options["credential_provider"] = _RenewedLogin(unquote(parts.username or ""), password)
            url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        return url, options


def _single(url: str, name: str, access: RedisAccess) -> Redis:
    return Redis.from_pool(_pool(url, name, access))


def _pool(url: str, name: str, access: RedisAccess, **changed: Any) -> ConnectionPool:
    # No retries here: the caller nearest to the failure decides, and knows what is safe to repeat.
    retry = Retry(NoBackoff(), 0)
    url, options = access.options(url)
    pool = ConnectionPool.from_url(url, retry=retry, **{**_options(name), **options, **changed})
    # Set afterwards: the URL's scheme would have its own way.
    pool.connection_class = _PackingTlsConnection if url.startswith("rediss:") else _PackingConnection
    return pool


def _cluster(url: str, name: str, access: RedisAccess) -> RedisCluster:
    # Here a retry is how a moved slot is followed.
    url, options = access.options(url)
    return RedisCluster.from_url(
        url, max_connections=MAX_CONNECTIONS, retry=Retry(NoBackoff(), 2), **_options(name), **options
    )
