"""Lists what an account favours, and what it has bookmarked."""

from __future__ import annotations

from typing import NamedTuple

from post_service.models import ListBounds, MarkedPost, MarkKind
from post_service.repository.marked import MarkedRepository
from post_service.repository.marks import MarkRepository
from post_service.service.bounds import check_bounds
from rookery_common.auth import Identity
from rookery_common.ids import MAX_ID


class MarkedPage(NamedTuple):
    """Marks, newest first; `reached_id` is where to go on, in the direction of the page, 0 at the end."""

    posts: list[MarkedPost]
    reached_id: int


class MarkedPosts:
    """An account's own lists, by keyset. Whether a post may still be seen is for whoever shows it to ask."""

    def __init__(self, lists: MarkedRepository, marks: MarkRepository) -> None:
        self._lists = lists
        self._marks = marks

    async def page(self, account: Identity, kind: MarkKind, bounds: ListBounds) -> MarkedPage:
        """Raises InvalidField."""
        size, newest = check_bounds(bounds), not bounds.min_id
        above, below = max(bounds.min_id, bounds.since_id), bounds.max_id or MAX_ID
        rows = await self._lists.page(account.account_id, kind, above, below, size, newest=newest)
        reached = rows[-1].mark_id if len(rows) == size else 0
        held = await self._marks.held(account.account_id, kind, rows)
        return MarkedPage(held if newest else held[::-1], reached)
