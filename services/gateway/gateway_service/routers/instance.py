"""/api/v*/instance and the other facts about this server, rendered when one of them has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.community import Community
from gateway_service.config import Settings
from gateway_service.errors import JSON
from gateway_service.fixed import Fixed
from gateway_service.push_key import PushKey
from gateway_service.routing import Endpoint, Routes
from gateway_service.schemas.instance import instance_v1, instance_v2, nodeinfo, nodeinfo_links, rules
from gateway_service.sign_up_policy import SignUpPolicy

CACHED_SECONDS = 60
_NODEINFO = 'application/json; profile="http://nodeinfo.diaspora.software/ns/schema/2.0#"'


class Instance:
    """Answers what clients ask before anyone has signed in."""

    def __init__(self, settings: Settings, sign_up: SignUpPolicy, community: Community, push_key: PushKey) -> None:
        self._sign_up = sign_up
        self._community = community
        self._push_key = push_key
        self._newer = _Document(lambda *facts: instance_v2(settings, *facts))
        self._older = _Document(lambda *facts: instance_v1(settings, *facts))
        self._nodeinfo = _Document(lambda *facts: nodeinfo(settings, *facts), _NODEINFO)
        routes = Routes("instance")
        routes.get("/api/v2/instance", self.newer, "instance_get", "This server")
        routes.get("/api/v1/instance", self.older, "instance_get_v1", "This server (older clients)")
        routes.get("/api/v1/instance/rules", _fixed(rules(settings)), "instance_rules", "Its rules")
        # Nobody else's server is talked to, and no emoji are drawn: both lists are empty for good reason.
        routes.get("/api/v1/instance/peers", _fixed([]), "instance_peers", "Servers it talks to")
        routes.get("/api/v1/custom_emojis", _fixed([]), "custom_emojis_list", "Its own emoji")
        routes.get("/nodeinfo/2.0", self.nodeinfo, "nodeinfo_get", "NodeInfo 2.0")
        links = nodeinfo_links(settings)
        routes.get("/.well-known/nodeinfo", _fixed(links), "nodeinfo_links", "Where NodeInfo is")
        self.router = routes.router

    async def newer(self, request: Request) -> Response:
        mode = await self._sign_up.mode()
        active_month = await self._community.active_month()
        return await self._newer.of(mode, active_month, await self._push_key.get())(request)

    async def older(self, request: Request) -> Response:
        mode = await self._sign_up.mode()
        return await self._older.of(mode, await self._community.size())(request)

    async def nodeinfo(self, request: Request) -> Response:
        mode = await self._sign_up.mode()
        size = await self._community.size()
        return await self._nodeinfo.of(mode, size, await self._community.active_month())(request)


class _Document:
    """The latest of one document."""

    def __init__(self, render: Callable[..., Any], media_type: str = JSON) -> None:
        self._render = render
        self._media_type = media_type
        self._facts: tuple[object, ...] | None = None
        self._fixed = _fixed({})

    def of(self, *facts: object) -> Endpoint:
        """The document that shows these facts."""
        if facts != self._facts:
            self._facts, self._fixed = facts, _fixed(self._render(*facts), self._media_type)
        return self._fixed


def _fixed(document: Any, media_type: str = JSON) -> Endpoint:
    return Fixed(orjson.dumps(document), media_type, seconds=CACHED_SECONDS)
