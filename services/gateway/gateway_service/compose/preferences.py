"""How viewers want their homes, as far as it is known here."""

from __future__ import annotations

from dataclasses import dataclass

from gateway_service import degradation
from gateway_service.cache import Fragments, PostFragment
from gateway_service.clients import Clients
from gateway_service.compose.audience import Relations, Rule, Why, why_not_home
from rookery.feed.v1.ranking_service_pb2 import RankingWeights
from rookery.user.v1.preference_service_pb2 import HomePreferences
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import AppError
from rookery_common.logs import get_logger

PLATFORMS = HomePreferences()
log = get_logger()


@dataclass(frozen=True, slots=True)
class HomeRule:
    """For a post in the home of a viewer who does not want all of it."""

    preferences: HomePreferences
    unwanted: frozenset[int]

    def __call__(self, viewer_id: int, post: PostFragment, reason: int, relations: Relations) -> Why | None:
        why = why_not_home(viewer_id, post, reason, relations)
        if why is not None or post.author_id == viewer_id:
            return why
        is_reply = post.reply_to_account_id not in (0, viewer_id, post.author_id)
        unwanted = (
            (is_reply and self.preferences.without_replies)
            or (post.reblog_of_id and self.preferences.without_reblogs)
            or post.author_id in self.unwanted
        )
        return Why.NOT_WANTED if unwanted else None


class Preferences:
    """Asks user for them, and remembers them until they change."""

    def __init__(self, clients: Clients, cache: Fragments, clock: Clock) -> None:
        self._clients = clients
        self._cache = cache.preferences
        self._clock = clock

    async def of(self, viewer: Identity) -> HomePreferences:
        """As they were a moment ago, or the platform's, while user is away."""
        cache, now = self._cache, self._clock.monotonic()
        held, is_fresh = cache.get(viewer.account_id, now)
        if is_fresh and held is not None:
            return held
        changes = cache.changes
        try:
            found = await self._clients.get_home_preferences(viewer)
        except AppError as error:  # Also of a user that is one release older, and knows no preferences.
            log.warning("compose.preferences_from_cache", reason=error.reason)
            degradation.note(degradation.PREFERENCES)
            return held or PLATFORMS
        cache.put(viewer.account_id, found, now, changes)
        return found

    def forget(self, account_id: int) -> None:
        """They have changed: the next page is composed with those of then."""
        self._cache.drop(account_id)


def rule_of(preferences: HomePreferences) -> Rule:
    """What belongs in the home of somebody who has these."""
    unwanted = frozenset(author_id for author_id, weight in preferences.author_weights.items() if weight == 0)
    if not (preferences.without_reblogs or preferences.without_replies or unwanted):
        return why_not_home
    return HomeRule(preferences, unwanted)


def weights_of(preferences: HomePreferences) -> RankingWeights:
    """What features count for somebody who has these."""
    return RankingWeights(**preferences.ranking_weights)
