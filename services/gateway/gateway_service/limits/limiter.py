"""Counts each request against its route's limits before any work is done for it."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files

from fastapi import APIRouter
from starlette.requests import HTTPConnection
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from gateway_service.auth import Caller, TokenExchange, bearer_token
from gateway_service.config import Settings
from gateway_service.errors import RateLimited, error_response
from gateway_service.limits.gcra import Level, LocalBuckets, RedisBuckets, Spend
from gateway_service.limits.rules import UNKNOWN_TOKEN, RouteClass, Rules
from gateway_service.limits.rules import Limit as RouteLimit
from gateway_service.metrics import LIMIT_REFUSALS, LIMITS_FILE_VALID, LIMITS_LOCAL
from gateway_service.middleware import LIMIT_HEADERS, Headers
from gateway_service.operator_file import OperatorFile
from gateway_service.routing import Limit, PlainRoute
from rookery_common.clients.redis import RedisClient
from rookery_common.clock import Clock
from rookery_common.crypto import derive_key
from rookery_common.errors import AppError, Unavailable
from rookery_common.logs import get_logger

# So long Redis is left alone after it failed: each try costs the requests that wait for it.
AWAY_SECONDS = 1.0
Prefix = Callable[[str], str]
log = get_logger()


class Limiter:
    """Component: the limits of all routes, as the operator's file says now.

    Counted in Redis for all replicas; while that is away, by each replica for itself. A request that is refused by one
    of its limits is counted by the others.
    """

    def __init__(
        self, settings: Settings, exchange: TokenExchange, clock: Clock, local: LocalBuckets | None = None
    ) -> None:
        self._exchange = exchange
        self._clock = clock
        self._key = derive_key(settings.master_key_bytes(), "gateway.limits")
        self._local = local or LocalBuckets()
        self._redis: RedisClient | None = None
        self._shared: RedisBuckets | None = None
        if settings.redis_state_url.get_secret_value():
            self._redis = RedisClient.state(settings, "gateway")
            self._shared = RedisBuckets(self._redis, cluster=settings.redis_cluster)
        self._away_until = 0.0
        self._known: set[str] = set()
        default = "" if settings.local_mode else (files(__package__) / "default.toml").read_text(encoding="utf-8")
        self._file = OperatorFile(
            settings.limits_file, "limits", Rules.parse, self._take, LIMITS_FILE_VALID, default=default
        )
        self._rules = Rules.parse("")  # none, until the start
        self._prefix = _prefixes(self._key, 32, 64)

    def over(self, routers: Iterable[APIRouter]) -> list[APIRouter]:
        """The routers, each of whose routes counts its requests from now on."""
        limited = list(routers)
        for router in limited:
            for route in router.routes:
                if isinstance(route, PlainRoute):
                    [method] = route.methods or {"GET"}
                    self._known.add(f"{method} {route.path}")
                    route.limit = self._limit(method, route.path)
                elif isinstance(route, WebSocketRoute):
                    self._known.add(f"GET {route.path}")
                    route.app = _limited(route.app, self._limit("GET", route.path))
        return limited

    async def start(self) -> None:
        """Raises OperatorFileInvalid: a replica that does not know its limits must not serve."""
        await self._file.start()

    async def stop(self) -> None:
        await self._file.stop()
        if self._redis is not None:
            await self._redis.stop()

    def reload_if_changed(self) -> None:
        """Takes over a file that is another than before."""
        self._file.reload_if_changed()

    def _take(self, rules: Rules) -> None:
        log.info("limits.read", classes=sorted(rules.classes), unknown=rules.unknown(self._known))
        self._rules = rules
        self._prefix = _prefixes(self._key, rules.networks.ipv4, rules.networks.ipv6)

    def _limit(self, method: str, path: str) -> Limit:
        async def limit(connection: HTTPConnection) -> None:
            name = self._rules.name_of(method, path)
            group = self._rules.classes.get(name)
            if group is not None and not group.unlimited:
                await self._count(connection, name, group)

        return limit

    async def _count(self, connection: HTTPConnection, name: str, group: RouteClass) -> None:
        network = self._prefix(connection.client.host if connection.client else "")
        caller = await self._caller(connection, network)
        spends = list(_spends(name, group, caller, network))
        if spends:
            await self._spend(connection, name, spends)

    async def _caller(self, connection: HTTPConnection, network: str) -> Caller | None:
        """Whoever the token says; a token that has to be asked for at auth counts against its network before that."""
        remembered = self._exchange.remembered(connection)
        if remembered is not None or not bearer_token(connection):
            return remembered
        group = self._rules.classes.get(UNKNOWN_TOKEN)
        if group is not None and group.network is not None:
            spend = Spend(f"{UNKNOWN_TOKEN}:n:{network}", group.network)
            await self._spend(connection, UNKNOWN_TOKEN, [spend])
        try:
            return await self._exchange.identify(connection)
        except AppError:
            return None  # kept with the connection: the route tells it, if it needs the token at all

    async def _spend(self, connection: HTTPConnection, name: str, spends: list[Spend]) -> None:
        levels = await self.levels(spends)
        tightest = min(levels, key=_room)
        connection.scope[LIMIT_HEADERS] = self._headers(name, tightest)
        if tightest.wait_seconds:
            LIMIT_REFUSALS.labels(name).inc()
            raise RateLimited(tightest.wait_seconds)

    async def levels(self, spends: list[Spend]) -> list[Level]:
        """How each limit stands after this request."""
        if self._shared is not None and self._clock.monotonic() >= self._away_until:
            try:
                return await self._shared.take(spends)
            except Unavailable as error:
                self._away_until = self._clock.monotonic() + AWAY_SECONDS
                log.warning("limits.local", reason=error.reason)
        LIMITS_LOCAL.inc()
        return self._local.take(spends)

    def _headers(self, name: str, level: Level) -> Headers:
        """Mastodon's three, and those of the IETF's draft: both of the limit that is nearest to its end."""
        reset_ms = self._clock.unix_ms() + math.ceil(level.reset_seconds * 1000)
        most, policy = _of_limit(name, level.limit)
        return [
            most,
            (b"x-ratelimit-remaining", b"%d" % level.remaining),
            (b"x-ratelimit-reset", b"%b.%03d000Z" % (_second_text(reset_ms // 1000), reset_ms % 1000)),
            policy,
            (b"ratelimit", b'"%b";r=%d;t=%d' % (name.encode(), level.remaining, math.ceil(level.reset_seconds))),
        ]


@lru_cache(maxsize=1024)
def _of_limit(name: str, limit: RouteLimit) -> Headers:
    """The two headers that are the same for all requests."""
    policy = b'"%b";q=%d;w=%d' % (name.encode(), limit.requests, limit.seconds)
    return [(b"x-ratelimit-limit", b"%d" % limit.requests), (b"ratelimit-policy", policy)]


@lru_cache(maxsize=1024)
def _second_text(unix_seconds: int) -> bytes:
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _spends(name: str, group: RouteClass, caller: Caller | None, network: str) -> Iterable[Spend]:
    identity = caller.identity if caller else None
    if identity and identity.account_id:
        if group.account:
            yield Spend(f"{name}:a:{identity.account_id}", group.account)
    elif group.stranger:
        yield Spend(f"{name}:s:{network}", group.stranger)
    if identity and identity.app_id and group.application:
        yield Spend(f"{name}:p:{identity.app_id}", group.application)
    if group.network:
        yield Spend(f"{name}:n:{network}", group.network)


def _room(level: Level) -> tuple[float, float]:
    """The least first: the longest wait, then the smallest share that is left."""
    return -level.wait_seconds, level.remaining / level.limit.requests


def _prefixes(key: bytes, ipv4: int, ipv6: int) -> Prefix:
    """Networks of addresses, keyed: addresses are personal data, and Redis needs only to tell them apart."""

    @lru_cache(maxsize=65_536)
    def prefix(host: str) -> str:
        return hashlib.blake2b(_network(host, ipv4, ipv6), key=key, digest_size=12).hexdigest()

    return prefix


def _network(host: str, ipv4: int, ipv6: int) -> bytes:
    """The address's leading bits; whatever is no address (a socket's name, a proxy's "unknown") is one network."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return b"unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    bits = ipv4 if address.version == 4 else ipv6
    return b"%d:%d" % (address.version, int(address) >> (address.max_prefixlen - bits))


def _limited(app: ASGIApp, limit: Limit) -> ASGIApp:
    """A WebSocket's endpoint, which is refused with an HTTP answer."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await limit(HTTPConnection(scope))
        except AppError as error:
            refusal = error_response(error, scope["path"], scope.get("request_id", ""))
            await WebSocket(scope, receive, send).send_denial_response(refusal)
        else:
            await app(scope, receive, send)

    return serve
