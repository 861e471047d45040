"""/api/v1/tags: hashtags, and which of them the caller follows and features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from gateway_service import degradation
from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.lists import cursor_refused
from gateway_service.paging import link_header
from gateway_service.params import query_params
from gateway_service.routing import Routes, json_array, json_response
from gateway_service.schemas.hashtags import hashtag
from rookery.search.v1.search_service_pb2 import HashtagDay, SearchKind, SearchRequest, SearchResponse
from rookery.user.v1.featured_tag_service_pb2 import FeatureTagRequest, UnfeatureTagRequest
from rookery.user.v1.tag_service_pb2 import FollowTagRequest, ListFollowedTagsRequest, UnfollowTagRequest
from rookery_common.auth import Identity
from rookery_common.errors import AppError, DeadlineExceeded, Unavailable
from rookery_common.hashtags import normalized_tag
from rookery_common.logs import get_logger

CALL_SECONDS: Final = 5.0
HISTORY_SECONDS: Final = 2.0
MAX_TAG_CHARS: Final = 100
LIMIT, MOST = 40, 100
MAX_CURSOR_CHARS: Final = 1_024
# The one that is called so is among the first.
MOST_FOUND: Final = 10
READ, WRITE, FEATURE = "read:follows", "write:follows", "write:accounts"
log = get_logger()


class Tags:
    """One hashtag, and those that are followed."""

    def __init__(self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        routes = Routes("tags")
        routes.get("/api/v1/tags/{name}", self.get, "tags_get", "A hashtag")
        routes.post("/api/v1/tags/{name}/follow", self.follow, "tags_follow", "Follow a hashtag")
        routes.post("/api/v1/tags/{name}/unfollow", self.unfollow, "tags_unfollow", "Stop following a hashtag")
        routes.post("/api/v1/tags/{name}/feature", self.feature, "tags_feature", "Show a hashtag on one's profile")
        routes.post("/api/v1/tags/{name}/unfeature", self.unfeature, "tags_unfeature", "Show a hashtag no more")
        routes.get("/api/v1/followed_tags", self.followed, "followed_tags_list", "Hashtags that the caller follows")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        viewer, name = await self._exchange.viewer(request, "read"), _name(request)
        following = featuring = None
        if viewer is not None and viewer.account_id:
            following = name in await self._clients.list_followed_tags(viewer)
            featuring = await self._featuring(viewer, name)
        return json_response(self._entity(name, await self._history(viewer, name), following, featuring))

    async def follow(self, request: Request) -> Response:
        return await self._follow(request, "FollowTag", FollowTagRequest, following=True)

    async def unfollow(self, request: Request) -> Response:
        return await self._follow(request, "UnfollowTag", UnfollowTagRequest, following=False)

    async def feature(self, request: Request) -> Response:
        return await self._feature(request, "FeatureTag", FeatureTagRequest, featuring=True)

    async def unfeature(self, request: Request) -> Response:
        return await self._feature(request, "UnfeatureTag", UnfeatureTagRequest, featuring=False)

    async def followed(self, request: Request) -> Response:
        """The one followed last first; without the history of each, which one asks for by its name."""
        caller = await self._exchange.require_user(request, READ)
        params = query_params(request)
        size = min(params.integer("limit", 1, 1_000_000) or LIMIT, MOST)
        call = ListFollowedTagsRequest(page_size=size, page_token=params.text("max_id", MAX_CURSOR_CHARS) or "")
        with cursor_refused():
            answer = await self._clients.user.call(
                "ListFollowedTags", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
        featured = await self._featured(caller.identity) if answer.names else None
        link = link_header(self._settings.public_url, request, older=answer.next_page_token or None, newer=None)
        tags = [self._entity(name, (), True, None if featured is None else name in featured) for name in answer.names]
        return json_array(tags, link)

    async def _follow(self, request: Request, method: str, kind: type[Any], *, following: bool) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        call = kind(name=_name(request))
        answer = await self._clients.user.call(
            method, call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        self._composer.forget_followed_tags(caller.identity.account_id)
        featuring = await self._featuring(caller.identity, answer.name)
        history = await self._history(caller.identity, answer.name)
        return json_response(self._entity(answer.name, history, following, featuring))

    async def _feature(self, request: Request, method: str, kind: type[Any], *, featuring: bool) -> Response:
        caller, name = await self._exchange.require_user(request, FEATURE), _name(request)
        call = kind(name=name)
        await self._clients.user.call(method, call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity)
        following = name in await self._composer.followed_tags(caller.identity)
        return json_response(self._entity(name, await self._history(caller.identity, name), following, featuring))

    async def _featuring(self, viewer: Identity, name: str) -> bool | None:
        featured = await self._featured(viewer)
        return None if featured is None else name in featured

    async def _featured(self, viewer: Identity) -> frozenset[str] | None:
        """What the viewer features; None where that can't be told."""
        try:
            answer = await self._clients.list_featured_tags(viewer, viewer.account_id)
        except AppError as error:  # Also of a user that is one release older, and knows none.
            log.warning("tags.without_featured", reason=error.reason)
            degradation.note(degradation.FEATURED_TAGS)
            return None
        return frozenset(tag.name for tag in answer.tags)

    async def _history(self, viewer: Identity | None, name: str) -> Sequence[HashtagDay]:
        """The last seven days of its use, as search knows them; none while it is away."""
        call = SearchRequest(query=f"#{name}", kinds=[SearchKind.SEARCH_KIND_HASHTAGS], limit=MOST_FOUND)
        try:
            found: SearchResponse = await self._clients.search.call(
                "Search", call, timeout=HISTORY_SECONDS, idempotent=True, identity=viewer
            )
        except (Unavailable, DeadlineExceeded) as error:
            log.warning("tags.without_history", reason=error.reason)
            degradation.note(degradation.TAG_HISTORY)
            return ()
        return next((tag.history for tag in found.hashtags if tag.name == name), ())

    def _entity(
        self, name: str, history: Sequence[HashtagDay], following: bool | None, featuring: bool | None
    ) -> bytes:
        return hashtag(name, history, self._settings.public_url, following=following, featuring=featuring)


def _name(request: Request) -> str:
    """The hashtag of the path, as hashtags are compared. Raises InvalidArgument."""
    name = normalized_tag(request.path_params["name"])
    if not 0 < len(name) <= MAX_TAG_CHARS:
        raise invalid("name", f"must be of 1 to {MAX_TAG_CHARS} characters")
    return name
