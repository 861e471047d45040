"""/api/v1/featured_tags: hashtags that accounts show on their profiles."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.params import read_params
from gateway_service.routing import Routes, json_array, json_response, path_id
from gateway_service.schemas.hashtags import featured_tag, hashtag
from rookery.user.v1.featured_tag_service_pb2 import (
    FeatureTagRequest,
    SuggestFeaturedTagsRequest,
    UnfeatureTagRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS: Final = 5.0
MAX_NAME: Final = 200  # user knows the limit of hashtags.
READ, WRITE = "read:accounts", "write:accounts"
BASE: Final = "/api/v1/featured_tags"


class FeaturedTags:
    """Those of the caller and of others, and which to feature."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        routes = Routes("featured_tags")
        routes.get(BASE, self.own, "featured_tags_list", "Hashtags on the caller's profile")
        routes.post(BASE, self.create, "featured_tags_create", "Show a hashtag on one's profile")
        routes.get(f"{BASE}/suggestions", self.suggestions, "featured_tags_suggestions", "Hashtags used most")
        routes.delete(f"{BASE}/{{id}}", self.delete, "featured_tags_delete", "Show a hashtag no more")
        routes.get(
            "/api/v1/accounts/{id}/featured_tags", self.of, "accounts_featured_tags", "Hashtags on an account's profile"
        )
        self.router = routes.router

    async def own(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        return await self._listed(caller.identity, caller.identity.account_id)

    async def of(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, READ)
        return await self._listed(viewer, path_id(request))

    async def create(self, request: Request) -> Response:
        """What is featured already is answered as it is."""
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        answer = await self._clients.user.call(
            "FeatureTag",
            FeatureTagRequest(name=params.required_text("name", MAX_NAME)),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        return json_response(featured_tag(answer.tag, answer.username, self._settings.public_url))

    async def delete(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        await self._clients.user.call(
            "UnfeatureTag",
            UnfeatureTagRequest(featured_id=path_id(request)),
            timeout=CALL_SECONDS,
            identity=caller.identity,
        )
        return json_response(b"{}")

    async def suggestions(self, request: Request) -> Response:
        """The most used first; without the history of each, which one asks for by its name."""
        caller = await self._exchange.require_user(request, READ)
        answer = await self._clients.user.call(
            "SuggestFeaturedTags",
            SuggestFeaturedTagsRequest(),
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        url = self._settings.public_url
        return json_array([hashtag(name, (), url, following=None, featuring=False) for name in answer.names])

    async def _listed(self, viewer: Identity | None, account_id: int) -> Response:
        answer = await self._clients.list_featured_tags(viewer, account_id)
        return json_array([featured_tag(tag, answer.username, self._settings.public_url) for tag in answer.tags])
