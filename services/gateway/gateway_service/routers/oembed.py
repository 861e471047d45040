"""/api/oembed: a post to show on other pages (oembed.com), for everybody to see or not at all."""

from __future__ import annotations

import re

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound, invalid
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.oembed import embedded
from rookery_common.ids import MAX_ID

MAX_URL_CHARS = 2_000
WIDTH, MAX_SIDE = 400, 10_000
FOR_ALL = ("public", "unlisted")
_POST = re.compile(r"/(?:@(?P<name>\w+)|users/(?P<user>\w+)/statuses)/(?P<id>[1-9][0-9]{0,18})/?", re.ASCII)


class OEmbed:
    """Finds the post of an address, as somebody who is not signed in sees it."""

    def __init__(self, composer: Composer, settings: Settings) -> None:
        self._composer = composer
        self._settings = settings
        routes = Routes("oembed")
        routes.get("/api/oembed", self.get, "oembed_get", "A post, to show on another page")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        params = query_params(request)
        url = params.required_text("url", MAX_URL_CHARS)
        width = params.integer("maxwidth", 1, MAX_SIDE) or WIDTH
        height = params.integer("maxheight", 1, MAX_SIDE)
        if (params.text("format", 10) or "json") != "json":
            raise invalid("format", "must be json", "ERR_INCLUSION")
        username, post_id = self._named(url)
        status = orjson.loads(await self._composer.status(None, post_id))
        if status["account"]["username"].lower() != username.lower() or status["visibility"] not in FOR_ALL:
            raise RecordNotFound
        return json_response(embedded(status, self._settings, width=width, height=height))

    def _named(self, url: str) -> tuple[str, int]:
        """Username and post of one of our addresses. Raises RecordNotFound for another's."""
        match = _POST.fullmatch(url.removeprefix(self._settings.public_url))
        if match is None or int(match["id"]) > MAX_ID:
            raise RecordNotFound
        return match["name"] or match["user"], int(match["id"])
