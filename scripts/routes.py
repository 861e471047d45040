"""The gateway's routes with what their code does, set beside Mastodon's documented ones: docs/routes.md."""

from __future__ import annotations

import base64
import importlib
import os
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from documented import LIST, Documented, documented_routes, shape
from endpoints import Endpoint, read

from rookery_common.app import Role

SERVICES = ("auth", "user", "post", "feed", "messaging", "notification", "search", "analytics", "moderation")
# What streams bring comes from the hub, which no endpoint's code names.
_TIMELINES, _TOLD = "feed.StreamTimelines", "notification.StreamNotifications"
_PUBLIC = "feed.StreamPublicTimelines"
_DIRECT = "messaging.StreamDirectThreads"
STREAMS: Mapping[str, tuple[str, ...]] = {
    "/api/v1/streaming": (_TIMELINES, _PUBLIC, _TOLD, _DIRECT),
    "/api/v1/streaming/user": (_TIMELINES, _TOLD),
    "/api/v1/streaming/user/notification": (_TOLD,),
    "/api/v1/streaming/public": (_PUBLIC,),
    "/api/v1/streaming/public/local": (_PUBLIC,),
    "/api/v1/streaming/public/remote": (),
    "/api/v1/streaming/hashtag": (_PUBLIC,),
    "/api/v1/streaming/hashtag/local": (_PUBLIC,),
    "/api/v1/streaming/list": (_TIMELINES, "user.GetAccountList", "user.ListListMembers"),
    "/api/v1/streaming/direct": (_DIRECT, "messaging.BatchGetDirectThreads"),
    "/api/rookery/v1/chat": ("messaging.StreamMessages", "messaging.ListMessages"),
}
HEAD = f"""# Routes

Generated from the gateway's code and `{LIST}` by `make docs`; don't edit.

Each route with the RPCs that it may call, in the order of its code; one with a token that is not remembered costs
`auth.ExchangeToken` more. Every path is served with and without a trailing slash. Whatever is not served answers 404
with the error body.
"""


@dataclass(frozen=True)
class Served:
    """One route of the gateway, and what its code does. `operation` is empty for a WebSocket."""

    method: str
    path: str
    operation: str
    summary: str
    tag: str
    does: Endpoint

    @property
    def key(self) -> tuple[str, str]:
        return self.method, shape(self.path)


@cache
def served_routes() -> tuple[Served, ...]:
    """Every route, in the order in which they are tried."""
    rpcs = _rpcs()
    return tuple(_served(route, rpcs) for route in _web().routes)


def problems(served: Sequence[Served], documented: Sequence[Documented]) -> Iterator[str]:
    """Documented routes that are neither served nor marked, and marks that no longer hold."""
    keys = {route.key for route in served}
    for route in documented:
        if route.key in keys and route.why:
            yield f"{LIST}: {route.method} {route.path} is served: take its 404 away"
        if route.key not in keys and not route.why:
            yield f"{LIST}: {route.method} {route.path} is not served: say why, as `404: why`"


def page() -> str:
    """docs/routes.md. Raises SystemExit where the list and the code disagree."""
    served, documented = served_routes(), documented_routes(LIST.read_text(encoding="utf-8"))
    if wrong := list(problems(served, documented)):
        raise SystemExit("\n".join(wrong))
    known = {route.key for route in documented}
    sections = [
        HEAD,
        _section("Mastodon's API", [route for route in served if route.key in known]),
        _section("Ours, and the pages", [route for route in served if route.key not in known]),
        _missing([route for route in documented if route.why]),
    ]
    return "\n".join(sections)


def _section(title: str, routes: Sequence[Served]) -> str:
    rows = [
        f"| {route.method} {route.path} | {token_of(route.does)} | {', '.join(_services(route.does)) or '-'} "
        f"| {', '.join(call.partition('.')[2] for call in route.does.calls)} |\n"
        for route in sorted(routes, key=lambda route: (route.path, route.method))
    ]
    return f"## {title}\n\n| route | token | service | RPC |\n|---|---|---|---|\n{''.join(rows)}"


def _missing(routes: Sequence[Documented]) -> str:
    rows = [f"| {route.method} {route.path} | {route.owner} | {route.why} |\n" for route in routes]
    return f"## Documented by Mastodon, and 404 here\n\n| route | owner | why |\n|---|---|---|\n{''.join(rows)}"


def _services(does: Endpoint) -> list[str]:
    services = dict.fromkeys(call.partition(".")[0] for call in does.calls)
    return [*services, "Kafka"] if does.publishes else [*services]


def token_of(does: Endpoint) -> str:
    """Whose token a route wants, and its scopes."""
    kind = {"require_user": "user", "require": "any", "viewer": "optional", "identify": "optional"}.get(does.token, "-")
    return f"{kind}: {', '.join(does.scopes)}" if does.scopes else kind


def _served(route: Any, rpcs: Mapping[str, str]) -> Served:
    endpoint = route.endpoint
    does = read(endpoint, rpcs)
    # Said once, at the head of the page.
    calls = [call for call in does.calls if call != "auth.ExchangeToken"]
    does.calls = list(dict.fromkeys([*STREAMS.get(route.path, ()), *calls]))
    methods: set[str] = getattr(route, "methods", {"GET"})
    return Served(
        method=min(methods),
        path=route.path,
        operation=getattr(route, "operation_id", ""),
        summary=getattr(route, "summary", "WebSocket"),
        tag=str(next(iter(getattr(route, "tags", ())), "")),
        does=does,
    )


def _rpcs() -> dict[str, str]:
    """The service of each RPC, from the contracts."""
    found: dict[str, str] = {}
    for name in SERVICES:
        package = importlib.import_module(f"rookery.{name}.v1")
        for file in pkgutil.iter_modules(package.__path__):
            if file.name.endswith("_service_pb2"):
                module = importlib.import_module(f"rookery.{name}.v1.{file.name}")
                for service in module.DESCRIPTOR.services_by_name.values():
                    found |= {method.name: name for method in service.methods}
    return found


def _web() -> Any:
    """The gateway's application as the process builds it, not started."""
    os.environ.setdefault("GATEWAY_MASTER_KEY", base64.b64encode(bytes(32)).decode())
    gateway = importlib.import_module("gateway_service.app").build(frozenset({Role.SERVE}))
    server = next(each for each in gateway._components if hasattr(each, "web"))
    web = server.web
    while not hasattr(web, "routes"):
        web = web._app
    return web
