"""How much is taken on at once, and what goes first when that is not enough: decided before anything is done for it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import cycle
from typing import Final

from prometheus_client import Counter, Gauge
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway_service import degradation
from gateway_service.errors import OWN_PREFIX, error_body
from rookery_common.clock import Clock
from rookery_common.rpc import Limiter, Overloaded, Priority

SHED = Counter("rookery_gateway_shed_total", "Requests refused because there was too much.", ("priority",))
LIMIT = Gauge("rookery_gateway_limit_requests", "How many requests may be served at once.")

# How much of the limit each may fill: what matters less is refused while there is still room for what matters more.
SHARES: Final[Mapping[Priority, float]] = {
    Priority.AUTH: 1.0,
    Priority.WRITE: 0.95,
    Priority.READ: 0.85,
    Priority.SEARCH: 0.6,
    Priority.ANALYTICS: 0.4,
}
# Told in turn, so that not all come back in the same second.
RETRY_AFTER_SECONDS: Final = (1, 2, 3)
MIN_FOR_ONE: Final = 96.0
_READS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
_UPLOADS: Final = ("/api/v1/media", "/api/v2/media")
# Streams last and mostly wait: the hub bounds them. Probes must be answered whatever happens.
_UNLIMITED: Final = (b"/livez", b"/readyz", b"/api/v1/streaming", b"/api/rookery/v1/chat")
_BY_PREFIX: Final = (
    (b"/oauth/", Priority.AUTH),
    (b"/auth/", Priority.AUTH),
    (b"/api/v2/search", Priority.SEARCH),
    (b"/api/v1/accounts/search", Priority.SEARCH),
    (b"/api/rookery/v1/interactions", Priority.ANALYTICS),
    (b"/api/rookery/v1/operator/", Priority.ANALYTICS),
    (b"/api/v1/admin/measures", Priority.ANALYTICS),
)
_HEADERS: Final = (
    b"cache-control: no-store\r\n"
    b"access-control-allow-origin: *\r\n"
    b"access-control-expose-headers: Retry-After\r\n"
    b"x-content-type-options: nosniff\r\n"
)


def priority_of(method: bytes, target: bytes) -> Priority | None:
    """By the request's line as it was sent; None for what is never refused."""
    if target.startswith(_UNLIMITED):
        return None
    for prefix, priority in _BY_PREFIX:
        if target.startswith(prefix):
            return priority
    return Priority.READ if method in _READS else Priority.WRITE


class Gate:
    """The limit, which follows how long requests take, and how much of it is used."""

    def __init__(self, clock: Clock) -> None:
        self._limiter = Limiter(clock, initial=256, minimum=128, maximum=1024)
        self._shed = {priority: SHED.labels(priority.name) for priority in Priority}
        self._refusals = cycle(_refusal(seconds, own=False) for seconds in RETRY_AFTER_SECONDS)
        self._problems = cycle(_refusal(seconds, own=True) for seconds in RETRY_AFTER_SECONDS)
        LIMIT.set_function(lambda: self._limiter.limit)

    @property
    def limit(self) -> float:
        """How many requests may be served at once."""
        return self._limiter.limit

    def for_one_dependency(self) -> float:
        """How many may wait for the same service: half of the limit, so that the rest is for what does without it.

        A request may wait twice at once, for names and for relationships; so not too few where the limit is low.
        """
        return max(MIN_FOR_ONE, self._limiter.limit / 2)

    def refusal(self, method: bytes, target: bytes) -> bytes | None:
        """A whole HTTP answer for a request that is not to be served now, else None. Costs a few microseconds."""
        priority = priority_of(method, target)
        if priority is None or self._limiter.in_flight < self._limiter.limit * SHARES[priority]:
            return None
        self._shed[priority].inc()
        return next(self._problems if target.startswith(OWN_PREFIX.encode()) else self._refusals)

    def enter(self) -> None:
        """A request is served from now on. What was let in at the door is in, also a few too many at once."""
        self._limiter.take(1)

    def leave(self, route: str, seconds: float, *, telling: bool) -> None:
        """It was served; `telling` says that its time tells how busy it is here, not how a dependency fails."""
        self._limiter.release(1, route, seconds if telling else None)


class Admission:
    """Counts the requests that are served, around everything else."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app = app
        self._gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["raw_path"].startswith(_UNLIMITED):
            await self._app(scope, receive, send)
            return
        status, missing = 0, degradation.begin()

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if missing:
                    message["headers"].append((degradation.HEADER, ", ".join(missing).encode()))
            await send(message)

        self._gate.enter()
        started = time.perf_counter()
        try:
            await self._app(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path_format", "")
            telling = 0 < status < 400 and not scope["path"].startswith(_UPLOADS)
            self._gate.leave(route, time.perf_counter() - started, telling=telling)


def _refusal(seconds: int, *, own: bool) -> bytes:
    """Made once: a refusal must cost next to nothing."""
    error = Overloaded("Too much is asked at the moment.", retry_after=float(seconds))
    status, content_type, body = error_body(error, OWN_PREFIX if own else "/", "")
    return (
        b"HTTP/1.1 %d Service Unavailable\r\ncontent-type: %b\r\ncontent-length: %d\r\nretry-after: %d\r\n%b\r\n%b"
        % (
            status,
            content_type.encode(),
            len(body),
            seconds,
            _HEADERS,
            body,
        )
    )
