"""Posts of those of whom one wants to hear each post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from notification_service.models import Act, Kind, PostSeen
from notification_service.repository.watchers import WatcherRepository
from notification_service.service.tell import Teller
from rookery_common.ids import ms_of

WATCHERS_AT_ONCE: Final = 500


class WatchTeller:
    """Tells of a post under the id of its own time: told again, it is the same notification.

    Whoever is named in the post is told that by its mention alone. Nothing is put away when the post is deleted, since
    without its post such a notification is not shown.
    """

    def __init__(self, teller: Teller, watchers: WatcherRepository) -> None:
        self._teller = teller
        self._watchers = watchers

    async def tell(self, posts: Sequence[PostSeen]) -> None:
        """Raises Unavailable: then it is to be done again."""
        for post in posts:
            after, more = 0, True
            while more:
                found, after = await self._watchers.page(post.author_id, after, WATCHERS_AT_ONCE)
                named = frozenset(post.mentioned)
                await self._teller.tell_acts(_act(post, watcher) for watcher in found if watcher not in named)
                more = after != 0


def _act(post: PostSeen, watcher_id: int) -> Act:
    return Act(watcher_id, Kind.STATUS, post.author_id, post.post_id, post.post_id, ms_of(post.post_id))
