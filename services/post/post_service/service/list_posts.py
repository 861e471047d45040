"""Lists an author's posts: the index gives candidates, the one rule of visibility decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from post_service.errors import InvalidField
from post_service.events import PostCodec
from post_service.models import (
    AccountPostsQuery,
    AuthoredPage,
    AuthoredRow,
    PostState,
    SealedPost,
    Visibility,
)
from post_service.repository.posts import PostRepository
from post_service.service.bounds import check_bounds
from post_service.service.read_posts import PostReader
from post_service.service.visibility import is_listed_for_feed
from rookery_common.auth import Identity
from rookery_common.ids import MAX_ID

MAX_SCANNED_ROWS = 2_000
"""Where so few of so many rows may be shown, the page ends: it is short, and the next one goes on from there."""

MAX_STEP_ROWS = 200

Shown = Callable[[Sequence[AuthoredRow]], Awaitable[dict[int, SealedPost]]]


class AccountPosts:
    """An author's posts, newest first, by keyset."""

    def __init__(self, posts: PostRepository, reader: PostReader, codec: PostCodec) -> None:
        self._posts = posts
        self._reader = reader
        self._codec = codec

    async def for_viewer(self, identity: Identity | None, query: AccountPostsQuery) -> AuthoredPage:
        """What the viewer may see of them; nobody signed in sees what anyone may."""

        async def visible(rows: Sequence[AuthoredRow]) -> dict[int, SealedPost]:
            return await self._reader.visible(identity, [row.post_id for row in rows])

        return await self._page(query, visible)

    async def for_feed(self, query: AccountPostsQuery) -> AuthoredPage:
        """What followers may be shown: everything visible but direct posts."""

        async def listed(rows: Sequence[AuthoredRow]) -> dict[int, SealedPost]:
            ids = [row.post_id for row in rows if row.visibility != Visibility.DIRECT]
            found = await self._reader.load_posts(ids)
            return {post_id: post for post_id, post in found.items() if is_listed_for_feed(post)}

        return await self._page(query, listed)

    async def for_search(self, query: AccountPostsQuery) -> AuthoredPage:
        """What is indexed: everything visible to anybody, and be it to its author alone."""

        async def indexed(rows: Sequence[AuthoredRow]) -> dict[int, SealedPost]:
            found = await self._reader.load_posts([row.post_id for row in rows])
            return {post_id: post for post_id, post in found.items() if post.state == PostState.VISIBLE}

        return await self._page(query, indexed)

    async def _page(self, query: AccountPostsQuery, shown: Shown) -> AuthoredPage:
        size, newest = check_bounds(query), not query.min_id
        if query.account_id <= 0:
            raise InvalidField("account_id", "ERR_INVALID", "is not an id")
        above, below = max(query.min_id, query.since_id), query.max_id or MAX_ID
        page: list[SealedPost] = []
        step, scanned, reached = size, 0, 0
        while len(page) < size and scanned < MAX_SCANNED_ROWS:
            rows = await self._posts.authored(query.account_id, above, below, step, newest=newest)
            wanted = [row for row in rows if _fits(query, row)]
            visible = await shown(wanted) if wanted else {}
            page += [post for row in wanted if (post := visible.get(row.post_id)) and self._is_wanted(query, post)]
            reached = rows[-1].post_id if len(rows) == step else 0
            if not reached:
                break
            above, below = (above, reached) if newest else (reached, below)
            scanned, step = scanned + step, MAX_STEP_ROWS  # Where much is left out, more is looked at at once.
        if len(page) > size:
            page, reached = page[:size], page[size - 1].post_id
        return AuthoredPage(page if newest else page[::-1], reached)

    def _is_wanted(self, query: AccountPostsQuery, post: SealedPost) -> bool:
        """What the index does not tell."""
        if query.exclude_reblogs and post.reblog_of_id:
            return False
        return not query.tag or query.tag in self._codec.tags_of(post)


def _fits(query: AccountPostsQuery, row: AuthoredRow) -> bool:
    """A thread with oneself is not a reply to anyone."""
    is_reply = row.in_reply_to_account_id not in (0, query.account_id)
    return not (query.exclude_replies and is_reply) and (row.has_media or not query.only_media)
