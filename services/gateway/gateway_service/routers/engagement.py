"""/api/v1/statuses/:id: what the caller does with a post, its thread, its source, and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose import Composer
from gateway_service.compose.facts import Facts
from gateway_service.compose.marks import Mark
from gateway_service.config import Settings
from gateway_service.errors import RecordNotFound
from gateway_service.params import read_params
from gateway_service.routers.statuses import Statuses
from gateway_service.routing import Routes, json_response, path_id
from rookery.post.v1.engagement_service_pb2 import MuteThreadRequest, UnmuteThreadRequest
from rookery.post.v1.pin_service_pb2 import PinPostRequest, UnpinPostRequest
from rookery.post.v1.post_pb2 import Visibility
from rookery.post.v1.post_service_pb2 import (
    BookmarkPostRequest,
    DeletePostRequest,
    FavouritePostRequest,
    GetThreadRequest,
    ReblogPostRequest,
    UnbookmarkPostRequest,
    UnfavouritePostRequest,
    UnreblogPostRequest,
)
from rookery_common.auth import Identity

CALL_SECONDS = 5.0
MAX_DESCENDANTS = 4_096
VISIBILITIES: Mapping[str, Visibility.ValueType] = {
    "public": Visibility.VISIBILITY_PUBLIC,
    "unlisted": Visibility.VISIBILITY_UNLISTED,
    "private": Visibility.VISIBILITY_PRIVATE,
}
Endpoint = Callable[[Request], Awaitable[Response]]
FAVOURITED, UNFAVOURITED = Mark("favourited", True, "favourites"), Mark("favourited", False, "favourites")
BOOKMARKED, UNBOOKMARKED = Mark("bookmarked", True), Mark("bookmarked", False)
PINNED, UNPINNED = Mark("pinned", True), Mark("pinned", False)
MUTED, UNMUTED = Mark("muted", True), Mark("muted", False)
REBLOGGED, UNREBLOGGED = Mark("reblogged", True, "reblogs"), Mark("reblogged", False, "reblogs")
LIKES, BOOKMARKS, PINS, STATUSES = "write:favourites", "write:bookmarks", "write:accounts", "write:statuses"
ACTS: tuple[tuple[str, str, type[Any], str, Mark, str], ...] = (
    ("favourite", "FavouritePost", FavouritePostRequest, LIKES, FAVOURITED, "Favourite a status"),
    ("unfavourite", "UnfavouritePost", UnfavouritePostRequest, LIKES, UNFAVOURITED, "Take a favourite back"),
    ("bookmark", "BookmarkPost", BookmarkPostRequest, BOOKMARKS, BOOKMARKED, "Bookmark a status"),
    ("unbookmark", "UnbookmarkPost", UnbookmarkPostRequest, BOOKMARKS, UNBOOKMARKED, "Take a bookmark back"),
    ("pin", "PinPost", PinPostRequest, PINS, PINNED, "Show a status first on one's profile"),
    ("unpin", "UnpinPost", UnpinPostRequest, PINS, UNPINNED, "Show a status first no longer"),
    ("mute", "MuteThread", MuteThreadRequest, "write:mutes", MUTED, "Be told of nothing in a thread"),
    ("unmute", "UnmuteThread", UnmuteThreadRequest, "write:mutes", UNMUTED, "Be told of a thread again"),
    ("unreblog", "UnreblogPost", UnreblogPostRequest, STATUSES, UNREBLOGGED, "Take a reblog back"),
)


class Engagement:
    """Marks, reblogs and deletes posts, and shows what is around them."""

    def __init__(
        self, clients: Clients, composer: Composer, exchange: TokenExchange, settings: Settings, statuses: Statuses
    ) -> None:
        self._clients = clients
        self._composer = composer
        self._exchange = exchange
        self._settings = settings
        self._statuses = statuses
        routes, base = Routes("statuses"), "/api/v1/statuses/{id}"
        for act, method, kind, scope, mark, summary in ACTS:
            routes.post(f"{base}/{act}", self._act(method, kind, scope, mark), f"statuses_{act}", summary)
        routes.post(f"{base}/reblog", self.reblog, "statuses_reblog", "Reblog a status")
        routes.get(f"{base}/context", self.context, "statuses_context", "What a status answers and what answers it")
        routes.get(f"{base}/source", self.source, "statuses_source", "The text of a status as it was written")
        routes.delete(base, self.delete, "statuses_delete", "Delete a status")
        self.router = routes.router

    async def reblog(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "write:statuses")
        post_id = path_id(request)
        params = await read_params(request, self._settings.max_body_bytes)
        asked = params.choice("visibility", VISIBILITIES) or Visibility.VISIBILITY_UNSPECIFIED
        call = ReblogPostRequest(post_id=post_id, visibility=asked)
        before = await self._composer.before(caller.identity, post_id)  # Not found, if the caller is not shown it.
        await self._composer.before_writing(caller.identity, before)
        await self._composer.posting.complete_reblog(caller.identity, call)
        answer = await self._clients.post.call(
            "ReblogPost", call, timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
        )
        REBLOGGED.leave_on(post_id, before)
        return json_response(await self._statuses.made(caller.identity, answer.post, before))

    async def delete(self, request: Request) -> Response:
        """The status as it was, with its text, so that a client can write it anew; without `delete_media` also with its
        media, which wait a day for that."""
        caller = await self._exchange.require_user(request, "write:statuses")
        post_id = path_id(request)
        params = await read_params(request, self._settings.max_body_bytes)
        call = DeletePostRequest(post_id=post_id, delete_media=params.flag("delete_media") or False)
        status = await self._composer.status(caller.identity, post_id)
        answer = await self._clients.post.call(
            "DeletePost",
            call,
            timeout=CALL_SECONDS,
            idempotent=True,
            identity=caller.identity,
        )
        return json_response(b'%b,"text":%b}' % (status[:-1], orjson.dumps(answer.post.text)))

    async def context(self, request: Request) -> Response:
        viewer = await self._exchange.viewer(request, "read:statuses")
        call = GetThreadRequest(post_id=path_id(request), max_descendants=MAX_DESCENDANTS)
        thread = await self._clients.post.call(
            "GetThread", call, timeout=CALL_SECONDS, idempotent=True, identity=viewer
        )
        ancestors = await self._composer.statuses(viewer, thread.ancestor_ids)
        descendants = await self._composer.statuses(viewer, thread.descendant_ids)
        return json_response(b'{"ancestors":[%b],"descendants":[%b]}' % (b",".join(ancestors), b",".join(descendants)))

    async def source(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, "read:statuses")
        views = (await self._clients.batch_get_posts(caller.identity, {path_id(request): 0})).posts
        if not views or views[0].author_id != caller.identity.account_id:
            raise RecordNotFound
        post = views[0].post
        source = {"id": str(post.post_id), "text": post.text, "spoiler_text": post.spoiler_text}
        return json_response(orjson.dumps(source))

    def _act(self, method: str, kind: type[Any], scope: str, mark: Mark) -> Endpoint:
        """An endpoint that answers the status as it is after the call."""

        async def act(request: Request) -> Response:
            caller = await self._exchange.require_user(request, scope)
            post_id = path_id(request)
            before = await self._before(caller.identity, post_id, mark)
            await self._clients.post.call(
                method, kind(post_id=post_id), timeout=CALL_SECONDS, idempotent=True, identity=caller.identity
            )
            if before is None:
                raise RecordNotFound
            return json_response(await self._composer.done(caller.identity, post_id, before, mark))

        return act

    async def _before(self, viewer: Identity, post_id: int, mark: Mark) -> Facts | None:
        """Whoever is not shown a post may not mark it, but take back what they have left on it: None then."""
        try:
            return await self._composer.before(viewer, post_id)
        except RecordNotFound:
            if mark.is_set:
                raise
            return None
