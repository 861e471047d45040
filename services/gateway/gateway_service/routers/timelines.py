"""/api/v1/timelines: the home, and what is the same for everybody."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.batched_calls import Asker, HomeAsked
from gateway_service.cohorts import Cohorts
from gateway_service.compose import Composer, TimelinePage
from gateway_service.compose.for_you import ForYou
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.paging import link_header
from gateway_service.params import Params, query_params
from gateway_service.routers.for_you import MAX_CURSOR_CHARS, cursor_refused
from gateway_service.routing import Routes, json_array
from rookery.feed.v1.feed_service_pb2 import ListPublicTimelineRequest
from rookery_common.auth import Identity
from rookery_common.paging import Page
from rookery_common.telemetry import current_traceparent

LIMIT, MOST = 20, 40
SCOPE = "read:statuses"
MAX_TAG_CHARS, MAX_TAGS = 100, 4
# What is longer is no id, but the cursor of a ranked home.
MAX_ID_CHARS = 20
MAX_LIMIT = 1_000_000


class Timelines:
    """Lists of statuses by time."""

    def __init__(self, composer: Composer, for_you: ForYou, exchange: TokenExchange, settings: Settings) -> None:
        self._composer = composer
        self._for_you = for_you
        self._exchange = exchange
        self._settings = settings
        self._cohorts = Cohorts(composer.look_ahead)
        routes = Routes("timelines")
        base = "/api/v1/timelines"
        routes.get(f"{base}/home", self.home, "timelines_home", "Statuses of those whom the caller follows")
        routes.get(f"{base}/public", self.public, "timelines_public", "All public statuses")
        routes.get(f"{base}/tag/{{hashtag}}", self.tag, "timelines_tag", "Public statuses with a hashtag")
        self.router = routes.router

    async def home(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = query_params(request)
        cursor = params.text("max_id", MAX_CURSOR_CHARS) or ""
        if len(cursor) <= MAX_ID_CHARS:
            asked = params.page(LIMIT, MOST)
            is_first = asked.max_id is None and asked.since_id is None and asked.min_id is None
            if not is_first or not (await self._composer.preferences.of(caller.identity)).ranked:
                return self._answer(request, asked, await self._home(caller.identity, asked))
            cursor = ""
        return await self._ranked(request, caller.identity, params, cursor)

    async def _home(self, viewer: Identity, asked: Page) -> TimelinePage:
        asker = Asker(viewer, current_traceparent())
        home = HomeAsked(asker, asked, await self._composer.followed_tags(viewer))
        return await self._cohorts.join(home, lambda ahead: self._composer.home(viewer, asked, ahead))

    async def _ranked(self, request: Request, viewer: Identity, params: Params, cursor: str) -> Response:
        """The home of somebody who wants it ranked. Its pages name the next one by a cursor in the place of an id; a
        client that names ids all the same reads the home by time, so that it never misses anything."""
        limit = min(params.integer("limit", 1, MAX_LIMIT) or LIMIT, MOST)
        with cursor_refused("max_id"):
            page = await self._for_you.page(viewer, limit, cursor)
        newer = page.newest_id or None
        link = link_header(self._settings.public_url, request, older=page.cursor or None, newer=newer)
        return json_array(page.items, link)

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
