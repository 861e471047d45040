"""/api/v1/timelines: the home, and what is the same for everybody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.compose import Composer, TimelinePage
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params
from gateway_service.routing import Routes, json_array
from rookery.feed.v1.feed_service_pb2 import ListPublicTimelineRequest
from rookery_common.paging import Page

LIMIT, MOST = 20, 40
SCOPE = "read:statuses"
MAX_TAG_CHARS, MAX_TAGS = 100, 4


class Timelines:
    """Lists of statuses by time."""

    def __init__(self, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("timelines")
        base = "/api/v1/timelines"
        routes.get(f"{base}/home", self.home, "timelines_home", "Statuses of those whom the caller follows")
        routes.get(f"{base}/public", self.public, "timelines_public", "All public statuses")
        routes.get(f"{base}/tag/{{hashtag}}", self.tag, "timelines_tag", "Public statuses with a hashtag")
        self.router = routes.router

    async def home(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        asked = query_params(request).page(LIMIT, MOST)
        return self._answer(request, asked, await self._composer.home(caller.identity, asked))

    async def public(self, request: Request) -> Response:
        return await self._public(request, query_params(request), ListPublicTimelineRequest())

    async def tag(self, request: Request) -> Response:
        tag, params = request.path_params["hashtag"], query_params(request)
        if not 0 < len(tag) <= MAX_TAG_CHARS or not tag.strip("#"):
            raise invalid("hashtag", f"must be of 1 to {MAX_TAG_CHARS} characters")
        wanted = ListPublicTimelineRequest(
            any_tags=[tag, *_tags(params, "any")], all_tags=_tags(params, "all"), no_tags=_tags(params, "none")
        )
        return await self._public(request, params, wanted)

    async def _public(self, request: Request, params: Params, wanted: ListPublicTimelineRequest) -> Response:
        viewer = await self._exchange.viewer(request, SCOPE)
        asked, wanted.only_media = params.page(LIMIT, MOST), bool(params.flag("only_media"))
        if params.flag("remote") and not params.flag("local"):
            return json_array([])  # There are no others' servers here.
        return self._answer(request, asked, await self._composer.public(viewer, wanted, asked))

    def _answer(self, request: Request, asked: Page, page: TimelinePage) -> Response:
        # Below a page that was asked for from below there is at least what it was asked from.
        older = page.last_id if page.more or asked.min_id is not None else 0
        link = link_header(self._settings.public_url, request, older=older or None, newer=page.first_id or None)
        return json_array(page.items, link)


def _tags(params: Params, name: str) -> list[str]:
    """Further hashtags; what is none is left out, as Mastodon does."""
    return [tag for tag in params.texts(name, MAX_TAG_CHARS, MAX_TAGS) if tag.strip("#")]
