"""Whether a recipient's policy lets somebody's act through to where nobody composes a page: to pushes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Protocol

from notification_service.models import Kind, Notification
from notification_service.policy_models import Outcome
from notification_service.push_models import Author
from notification_service.repository.policies import PolicyRepository
from rookery_common.clock import Clock
from rookery_common.ids import ms_of

NEW_MS: Final = 30 * 86_400_000
SIEVED: Final = frozenset({Kind.MENTION, Kind.FAVOURITE, Kind.REBLOG, Kind.FOLLOW, Kind.FOLLOW_REQUEST, Kind.QUOTE})


class PublicPosts(Protocol):
    """Where it is asked which posts anyone may see."""

    async def of_posts(self, post_ids: Collection[int]) -> Mapping[int, int]:
        """Their authors."""
        ...


class Sieve:
    """As the gateway's for lists. A mention that not anyone may see counts as private."""

    def __init__(self, policies: PolicyRepository, posts: PublicPosts, clock: Clock) -> None:
        self._policies = policies
        self._posts = posts
        self._clock = clock

    async def lets_through(self, told: Notification, author: Author) -> bool:
        """Raises Unavailable."""
        if told.kind not in SIEVED:
            return True
        policy = await self._policies.get(told.recipient_id)
        wrong = [policy.not_followers] if not author.is_follower else []
        if not author.is_followed:
            wrong.append(policy.not_following)
            if self._clock.unix_ms() - ms_of(told.account_id) < NEW_MS:
                wrong.append(policy.new_accounts)
            if policy.private_mentions is not Outcome.ACCEPT and await self._is_private(told):
                wrong.append(policy.private_mentions)
        if all(outcome is Outcome.ACCEPT for outcome in wrong):
            return True
        answers = await self._policies.answers(told.recipient_id)
        return any(each.account_id == told.account_id and each.is_accepted for each in answers)

    async def _is_private(self, told: Notification) -> bool:
        return told.kind is Kind.MENTION and not await self._posts.of_posts([told.subject_id])
