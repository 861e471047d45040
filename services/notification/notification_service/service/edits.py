"""Edited posts: whoever shows them again is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from notification_service.models import Act, Kind, PostSeen
from notification_service.service.standing import StandingTeller


class Rebloggers(Protocol):
    """Where it is asked who shows a post again."""

    async def rebloggers(self, post_id: int, after_id: int) -> tuple[Sequence[int], int]:
        """Some of them, and after whom to go on (0 at the end); none of a post that is not there."""
        ...


class EditTeller:
    """An edit takes the place of the one before in its recipients' lists."""

    def __init__(self, standing: StandingTeller, rebloggers: Rebloggers) -> None:
        self._standing = standing
        self._rebloggers = rebloggers

    async def tell(self, posts: Sequence[PostSeen]) -> None:
        """Raises Unavailable: then it is to be done again."""
        for post in posts:
            after, more = 0, True
            while more:
                found, after = await self._rebloggers.rebloggers(post.post_id, after)
                await self._standing.tell([_act(post, account_id) for account_id in found])
                more = after != 0


def _act(post: PostSeen, account_id: int) -> Act:
    return Act(account_id, Kind.UPDATE, post.author_id, post.post_id, post.post_id, post.edited_at_ms)
