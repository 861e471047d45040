"""Lists who favours a post, and who reblogs it."""

from __future__ import annotations

from typing import NamedTuple

from post_service.errors import PostNotFound
from post_service.models import FactKind
from post_service.repository.engagements import EngagementRepository
from post_service.service.bounds import check_id, checked_size
from post_service.service.read_posts import PostReader
from rookery_common.auth import Identity


class EngagedPage(NamedTuple):
    """Accounts, those of this page by time, the latest first; `reached_id` is where to go on, 0 at the end."""

    account_ids: list[int]
    reached_id: int


class EngagedAccounts:
    """Who has done something with a post.

    Pages follow each other in the order of the rows: one by time would cost a second row for each like.
    """

    def __init__(self, engagements: EngagementRepository, reader: PostReader) -> None:
        self._engagements = engagements
        self._reader = reader

    async def page(
        self, identity: Identity | None, kind: FactKind, post_id: int, after: int, page_size: int
    ) -> EngagedPage:
        """Raises PostNotFound where the caller may not see the post, and InvalidField."""
        size = checked_size(page_size)
        check_id("after_account_id", after)
        shown = (await self._reader.visible(identity, [post_id])).get(post_id)
        if shown is None:
            raise PostNotFound
        found, reached = await self._engagements.engaged(kind, shown.reblog_of_id or post_id, after, size)
        found.sort(key=lambda engaged: engaged.since, reverse=True)
        return EngagedPage([engaged.account_id for engaged in found], reached)
