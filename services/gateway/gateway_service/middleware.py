"""What happens around every request, in one layer: its id, deadline, CORS, security headers, metrics, access log."""

from __future__ import annotations

import math
import os
import re
import time
import traceback
from collections.abc import Iterable, Sequence

from prometheus_client import Histogram
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect

from gateway_service.config import AccessLog, Settings
from gateway_service.errors import error_response
from gateway_service.metrics import HTTP_CRASHES, HTTP_IN_FLIGHT, HTTP_SECONDS
from rookery_common.errors import Internal
from rookery_common.logs import get_logger
from rookery_common.rpc.deadline import start_deadline

CLIENT_GONE = 499
SOCKET_CRASHED = 1011
LIMIT_HEADERS = "limit_headers"  # in the scope: how the request's rate limit stands
_CORS_PREFIXES = ("/api/", "/oauth/", "/.well-known/", "/nodeinfo/")
_SIGN_IN_PAGE = "/oauth/authorize"
_STREAMS = "/api/v1/streaming"
_UPLOADS = (
    "/api/v1/media",
    "/api/v2/media",
    "/api/v1/accounts/update_credentials",
    "/api/rookery/v1/imports",
    "/auth/data/imports",
)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _READS | {"POST", "PUT", "PATCH", "DELETE"}
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_HEADER_LIST = re.compile(rb"[A-Za-z0-9, _-]{0,1000}")
_EXPOSED = (
    b"Link, Retry-After, X-Request-Id, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    b"RateLimit, RateLimit-Policy, X-Rookery-Switched-Off, "
    b"X-Rookery-Degraded"
)
_CORS = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", _EXPOSED)]
_PREFLIGHT = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-max-age", b"86400"),
]
# Not set where the answer has its own.
_DEFAULTS = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; form-action 'none'"),
    (b"cache-control", b"private, no-store"),
    (b"referrer-policy", b"same-origin"),
]
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
]
Headers = list[tuple[bytes, bytes]]
log = get_logger()


class Edge:
    """Pure ASGI, and the outermost: nothing gets out of it but an answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._read_seconds = settings.read_seconds
        self._write_seconds = settings.write_seconds
        self._upload_seconds = settings.upload_seconds
        self._access_log = settings.access_log
        self._slow_seconds = settings.slow_seconds
        self._security = list(_SECURITY)
        if settings.public_url.startswith("https:"):
            self._security.append((b"strict-transport-security", b"max-age=63072000"))
        self._histograms: dict[tuple[str, str, int], Histogram] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if len(path) > 1 and path[-1] == "/":
            # Clients ask for the same route with and without it.
            path = scope["path"] = path.rstrip("/") or "/"
        scope["request_id"] = _request_id(scope["headers"])
        if scope["type"] == "websocket":
            await self._serve_socket(scope, receive, send)
        elif scope["method"] == "OPTIONS" and _has_cors(path):
            await _answer_preflight(scope, send)
        else:
            await self._serve(scope, receive, send, path)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        started = time.perf_counter()
        status = 0
        extra: Headers = [*self._security, (b"x-request-id", scope["request_id"].encode())]
        if _has_cors(path):
            extra += _CORS

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message["headers"], extra, scope.get(LIMIT_HEADERS, ()))
            await send(message)

        self._set_deadline(scope["method"], path)
        if scope["method"] == "HEAD":
            # Answered as GET; the server leaves the body out, by the original scope.
            scope = dict(scope, method="GET")
        HTTP_IN_FLIGHT.inc()
        try:
            await self._app(scope, receive, send_with_headers)
        except ClientDisconnect:
            status = CLIENT_GONE
        except Exception as error:
            _log_crash(scope, error)
            if not status:
                await crash_response(scope)(scope, receive, send_with_headers)
        finally:
            HTTP_IN_FLIGHT.dec()
            self._observe(scope, status or CLIENT_GONE, time.perf_counter() - started)

    async def _serve_socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        start_deadline(math.inf)
        try:
            await self._app(scope, receive, send)
        except WebSocketDisconnect:
            return
        except Exception as error:
            _log_crash(scope, error)
            await send({"type": "websocket.close", "code": SOCKET_CRASHED})

    def _set_deadline(self, method: str, path: str) -> None:
        if path.startswith(_STREAMS):
            start_deadline(math.inf)  # Not that of an earlier request of the connection.
        elif method in _READS:
            start_deadline(self._read_seconds)
        elif path in _UPLOADS:
            start_deadline(self._upload_seconds)
        else:
            start_deadline(self._write_seconds)

    def _observe(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = _route(scope), scope["method"]
        if method not in _METHODS:
            method = "OTHER"
        histogram = self._histograms.get((route, method, status))
        if histogram is None:
            histogram = self._histograms[route, method, status] = HTTP_SECONDS.labels(route, method, str(status))
        histogram.observe(seconds)
        if self._is_logged(route, method, status, seconds):
            log.info(
                "http.request",
                request_id=scope["request_id"],
                method=method,
                route=route,
                status=status,
                milliseconds=round(seconds * 1000, 1),
                account_id=scope.get("account_id", 0),
            )

    def _is_logged(self, route: str, method: str, status: int, seconds: float) -> bool:
        if status >= 500 or self._access_log is AccessLog.ALL:
            return True
        if seconds >= self._slow_seconds and not route.startswith(_STREAMS):
            return True
        return self._access_log is AccessLog.WRITES and method not in _READS


def crash_response(scope: Scope) -> Response:
    """What a client is told of a defect of ours: nothing but the request's id, in a header."""
    return error_response(Internal(""), scope["path"], scope.get("request_id", ""))


def _log_crash(scope: Scope, error: Exception) -> None:
    HTTP_CRASHES.labels(_route(scope)).inc()
    # Where it happened, and never with what values: those may be anybody's.
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error(
        "http.crashed",
        request_id=scope["request_id"],
        route=_route(scope),
        error=type(error).__name__,
        frames=where[-8:],
    )


def _route(scope: Scope) -> str:
    return getattr(scope.get("route"), "path_format", "") or "other"


def _has_cors(path: str) -> bool:
    return path.startswith(_CORS_PREFIXES) and path != _SIGN_IN_PAGE


def _request_id(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """The proxy's or client's own, so that logs can be joined; a fresh one where there is none in a sane form."""
    for name, value in headers:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return value.decode()
    return os.urandom(8).hex()


def _add_headers(headers: Headers, extra: Headers, limits: Iterable[tuple[bytes, bytes]]) -> None:
    given = dict(headers)
    # What a cache keeps for everybody says nothing of one client's limits.
    if not given.get(b"cache-control", b"").startswith(b"public"):
        headers += limits
    headers += [default for default in _DEFAULTS if default[0] not in given]
    headers += extra


async def _answer_preflight(scope: Scope, send: Send) -> None:
    headers = [*_PREFLIGHT, (b"x-request-id", scope["request_id"].encode())]
    for name, value in scope["headers"]:
        if name == b"access-control-request-headers" and _HEADER_LIST.fullmatch(value):
            headers.append((b"access-control-allow-headers", value))
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
