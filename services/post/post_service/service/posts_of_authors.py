"""Posts of many authors taken together, for homes that go back further than what was delivered to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from post_service.errors import InvalidField
from post_service.models import AuthorsPage, AuthorsQuery, SealedPost
from post_service.repository.posts import PostRepository
from post_service.service.bounds import check_id
from post_service.service.read_posts import PostReader
from post_service.service.visibility import is_in_home, is_listed_for_feed
from rookery_common.ids import MAX_ID

MAX_AUTHORS: Final = 500
MAX_PAGE: Final = 500
MAX_OF_EACH: Final = 40
# Where so few of so many posts belong in the home, the page is short, and the next one goes on from there.
MAX_SCANNED_ROWS: Final = 2_000


class PostsOfAuthors:
    """Pages of them by keyset, in either direction."""

    def __init__(self, posts: PostRepository, reader: PostReader) -> None:
        self._posts = posts
        self._reader = reader

    async def page(self, query: AuthorsQuery) -> AuthorsPage:
        """Raises InvalidField."""
        _check(query)
        above, below = query.min_id, query.max_id or MAX_ID
        shown: list[SealedPost] = []
        reached = scanned = 0
        while len(shown) < query.page_size and scanned < MAX_SCANNED_ROWS:
            step = query.page_size - len(shown)
            rows = await self._posts.authored_by_any(query.author_ids, above, below, step, newest=not query.upwards)
            posts = await self._reader.load_posts([row.post_id for row in rows])
            found = (posts.get(row.post_id) for row in rows)
            shown += [post for post in found if post is not None and is_in_home(query.reader_id, post)]
            scanned += len(rows)
            reached = rows[-1].post_id if len(rows) == step else 0
            if not reached:
                break
            above, below = (reached, below) if query.upwards else (above, reached)
        return AuthorsPage(shown, reached)

    async def recent(self, author_ids: Sequence[int], page_size: int) -> list[SealedPost]:
        """The newest of each author that any follower is shown, each author's in their order. Raises InvalidField."""
        _check_sizes(author_ids, page_size, MAX_OF_EACH)
        rows = await self._posts.newest_of_each(author_ids, page_size)
        posts = await self._reader.load_posts([row.post_id for row in rows])
        found = (posts.get(row.post_id) for row in rows)
        return [post for post in found if post is not None and is_listed_for_feed(post)]


def _check(query: AuthorsQuery) -> None:
    _check_sizes(query.author_ids, query.page_size, MAX_PAGE)
    for field, number in (("reader_id", query.reader_id), ("max_id", query.max_id), ("min_id", query.min_id)):
        check_id(field, number)


def _check_sizes(author_ids: Sequence[int], page_size: int, most: int) -> None:
    if not 1 <= len(author_ids) <= MAX_AUTHORS or min(author_ids) <= 0:
        raise InvalidField("author_ids", "ERR_INVALID", f"must be 1 to {MAX_AUTHORS} ids")
    if len(set(author_ids)) < len(author_ids):
        raise InvalidField("author_ids", "ERR_INVALID", "has an id twice")
    if not 1 <= page_size <= most:
        raise InvalidField("page_size", "ERR_INVALID", f"must be between 1 and {most}")
