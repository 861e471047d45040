"""Lists who favours a post, and who reblogs it."""

from __future__ import annotations

from typing import NamedTuple

from post_service.errors import PostNotFound
from post_service.models import EngagedBounds, FactKind
from post_service.repository.engagements import EngagementRepository, place_of
from post_service.service.bounds import check_id, checked_size
from post_service.service.read_posts import PostReader
from rookery_common.auth import Identity


class EngagedPage(NamedTuple):
    """Accounts, those of this page by time, the latest first; where to go on, 0 at the end, and where to go back."""

    account_ids: list[int]
    reached_id: int
    ahead_id: int


class EngagedAccounts:
    """Who has done something with a post.

    Pages follow each other in the order of the rows: one by time would cost a second row for each like.
    """

    def __init__(self, engagements: EngagementRepository, reader: PostReader) -> None:
        self._engagements = engagements
        self._reader = reader

    async def page(self, identity: Identity | None, kind: FactKind, post_id: int, bounds: EngagedBounds) -> EngagedPage:
        """Raises PostNotFound where the caller may not see the post, and InvalidField."""
        size = checked_size(bounds.page_size)
        for field in ("after", "before", "until"):
            check_id(f"{field}_account_id", getattr(bounds, field))
        shown = (await self._reader.visible(identity, [post_id])).get(post_id)
        if shown is None:
            raise PostNotFound
        before = min(filter(None, (bounds.before, bounds.until)), key=place_of, default=0)
        backwards = bool(bounds.before and not bounds.after)
        found, reached = await self._engagements.engaged(
            kind, shown.reblog_of_id or post_id, bounds.after, size, before=before, backwards=backwards
        )
        begins, ends = (found[0].account_id, found[-1].account_id) if found else (0, 0)
        found.sort(key=lambda engaged: engaged.since, reverse=True)
        further, back = (begins, reached or ends) if backwards else (reached, begins)
        return EngagedPage([engaged.account_id for engaged in found], further, back)
