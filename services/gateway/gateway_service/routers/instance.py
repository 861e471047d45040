"""/api/v*/instance and the other facts about this server, made once for each way of signing up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.config import Settings
from gateway_service.errors import JSON
from gateway_service.fixed import Fixed
from gateway_service.routing import Endpoint, Routes
from gateway_service.schemas.instance import SignUpMode, instance_v1, instance_v2, nodeinfo, nodeinfo_links, rules
from gateway_service.sign_up_policy import SignUpPolicy

CACHED_SECONDS = 60
_NODEINFO = 'application/json; profile="http://nodeinfo.diaspora.software/ns/schema/2.0#"'


class Instance:
    """Answers what clients ask before anyone has signed in."""

    def __init__(self, settings: Settings, sign_up: SignUpPolicy) -> None:
        def by_mode(document: Callable[[Settings, SignUpMode], Any], media_type: str = JSON) -> Endpoint:
            documents = {mode: _fixed(document(settings, mode), media_type) for mode in SignUpMode}

            async def answer(request: Request) -> Response:
                return await documents[await sign_up.mode()](request)

            return answer

        routes = Routes("instance")
        routes.get("/api/v2/instance", by_mode(instance_v2), "instance_get", "This server")
        routes.get("/api/v1/instance", by_mode(instance_v1), "instance_get_v1", "This server (older clients)")
        routes.get("/api/v1/instance/rules", _fixed(rules(settings)), "instance_rules", "Its rules")
        # Nobody else's server is talked to, and no emoji are drawn: both lists are empty for good reason.
        routes.get("/api/v1/instance/peers", _fixed([]), "instance_peers", "Servers it talks to")
        routes.get("/api/v1/custom_emojis", _fixed([]), "custom_emojis_list", "Its own emoji")
        routes.get("/nodeinfo/2.0", by_mode(nodeinfo, _NODEINFO), "nodeinfo_get", "NodeInfo 2.0")
        links = nodeinfo_links(settings)
        routes.get("/.well-known/nodeinfo", _fixed(links), "nodeinfo_links", "Where NodeInfo is")
        self.router = routes.router


def _fixed(document: Any, media_type: str = JSON) -> Endpoint:
    return Fixed(orjson.dumps(document), media_type, seconds=CACHED_SECONDS)
