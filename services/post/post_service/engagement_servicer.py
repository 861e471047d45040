"""EngagementService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.errors import InvalidField
from post_service.models import EngagedBounds, FactKind, ListBounds, MarkedPost, MarkKind
from post_service.service.engage import Engagement
from post_service.service.list_engaged import EngagedAccounts
from post_service.service.list_marked import MarkedPosts
from rookery.post.v1 import engagement_service_pb2 as pb
from rookery.post.v1.engagement_service_pb2_grpc import EngagementServiceServicer
from rookery_common.auth import Identity, current_identity

SERVICE_NAME: Final = "rookery.post.v1.EngagementService"
_KINDS: Final[Mapping[int, FactKind]] = {
    pb.ENGAGEMENT_KIND_FAVOURITE: FactKind.FAVOURITE,
    pb.ENGAGEMENT_KIND_REBLOG: FactKind.REBLOG,
}
# A browser's session has it, and no app can: it takes bookmarks along.
BROWSER_SCOPE: Final = "security"
Context = grpc.aio.ServicerContext[Any, Any]


class EngagementServicer(EngagementServiceServicer):
    """One method for each RPC."""

    def __init__(self, engagement: Engagement, marked: MarkedPosts, engaged: EngagedAccounts) -> None:
        self._engagement = engagement
        self._marked = marked
        self._engaged = engaged

    async def ListFavourites(self, request: pb.ListFavouritesRequest, context: Context) -> pb.ListFavouritesResponse:
        page = await self._marked.page(require_user("read:favourites"), MarkKind.FAVOURITE, _bounds(request))
        return pb.ListFavouritesResponse(posts=map(_marked, page.posts), reached_id=page.reached_id)

    async def ListBookmarks(self, request: pb.ListBookmarksRequest, context: Context) -> pb.ListBookmarksResponse:
        page = await self._marked.page(_bookmarker(), MarkKind.BOOKMARK, _bounds(request))
        return pb.ListBookmarksResponse(posts=map(_marked, page.posts), reached_id=page.reached_id)

    async def MuteThread(self, request: pb.MuteThreadRequest, context: Context) -> pb.MuteThreadResponse:
        await self._engagement.mute_thread(require_user("write:mutes"), request.post_id, active=True)
        return pb.MuteThreadResponse()

    async def UnmuteThread(self, request: pb.UnmuteThreadRequest, context: Context) -> pb.UnmuteThreadResponse:
        await self._engagement.mute_thread(require_user("write:mutes"), request.post_id, active=False)
        return pb.UnmuteThreadResponse()

    async def ListEngagedAccounts(
        self, request: pb.ListEngagedAccountsRequest, context: Context
    ) -> pb.ListEngagedAccountsResponse:
        kind = _KINDS.get(request.kind)
        if kind is None:
            raise InvalidField("kind", "ERR_INVALID", "must be favourite or reblog")
        bounds = EngagedBounds(
            request.page_size, request.after_account_id, request.before_account_id, request.until_account_id
        )
        page = await self._engaged.page(current_identity(), kind, request.post_id, bounds)
        return pb.ListEngagedAccountsResponse(
            account_ids=page.account_ids, reached_id=page.reached_id, ahead_id=page.ahead_id
        )

    async def BookmarkPostsFor(
        self, request: pb.BookmarkPostsForRequest, context: Context
    ) -> pb.BookmarkPostsForResponse:
        if request.account_id <= 0:
            raise InvalidField("account_id", "ERR_INVALID", "must be an id")
        account = Identity(account_id=request.account_id, session_id=0, app_id=0)
        return pb.BookmarkPostsForResponse(post_ids=await self._engagement.bookmark_all(account, request.post_ids))


def _bookmarker() -> Identity:
    """Whose bookmarks are read. Raises Unauthenticated, ScopeMissing, UserRequired."""
    identity = current_identity()
    if identity is not None and identity.has_scope(BROWSER_SCOPE):
        return identity
    return require_user("read:bookmarks")


def _bounds(request: pb.ListFavouritesRequest | pb.ListBookmarksRequest) -> ListBounds:
    return ListBounds(request.page_size, request.max_id, request.min_id, request.since_id)


def _marked(marked: MarkedPost) -> pb.MarkedPost:
    return pb.MarkedPost(mark_id=marked.mark_id, post_id=marked.post_id)
