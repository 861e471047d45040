"""Whether a recipient wants to hear of an act where nobody composes a page: in pushes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from notification_service.avoidance import POSTLESS, Avoidance, ShownPost, hides
from notification_service.models import Kind, Notification
from notification_service.policy_models import Outcome
from notification_service.push_models import Author
from notification_service.repository.policies import PolicyRepository
from notification_service.service.staff import Staff
from rookery_common.clock import Clock
from rookery_common.ids import ms_of

NEW_MS: Final = 30 * 86_400_000
SIEVED: Final = frozenset({Kind.MENTION, Kind.FAVOURITE, Kind.REBLOG, Kind.FOLLOW, Kind.FOLLOW_REQUEST, Kind.QUOTE})


class Posts(Protocol):
    """Where it is asked what somebody is shown."""

    async def shown_to(self, account_id: int, post_id: int) -> ShownPost | None:
        """None of what the account may not see. Raises AppError."""
        ...


class Filters(Protocol):
    """Where it is asked what somebody does not want to meet."""

    async def avoided(self, account_id: int) -> Sequence[Avoidance]:
        """Raises AppError."""
        ...


class Sieve:
    """As the gateway's for lists: roles, muted conversations, filters that hide, and the recipient's policy."""

    def __init__(self, policies: PolicyRepository, posts: Posts, filters: Filters, staff: Staff, clock: Clock) -> None:
        self._policies = policies
        self._posts = posts
        self._filters = filters
        self._staff = staff
        self._clock = clock

    async def lets_through(self, told: Notification, author: Author) -> bool:
        """Raises AppError where it can't be said."""
        if not await self._staff.may_know(told.recipient_id, told.kind):
            return False
        post: ShownPost | None = None
        if told.kind not in POSTLESS:
            post = await self._posts.shown_to(told.recipient_id, told.subject_id)
            if post is None or post.is_muted or await self._is_avoided(told.recipient_id, post):
                return False
        return await self._is_accepted(told, author, post)

    async def _is_avoided(self, recipient_id: int, post: ShownPost) -> bool:
        """Nobody's own posts are."""
        if post.author_id == recipient_id:
            return False
        return hides(await self._filters.avoided(recipient_id), post, self._clock.unix_ms())

    async def _is_accepted(self, told: Notification, author: Author, post: ShownPost | None) -> bool:
        if told.kind not in SIEVED:
            return True
        policy = await self._policies.get(told.recipient_id)
        wrong = [policy.not_followers] if not author.is_follower else []
        if not author.is_followed:
            wrong.append(policy.not_following)
            if self._clock.unix_ms() - ms_of(told.account_id) < NEW_MS:
                wrong.append(policy.new_accounts)
            if told.kind is Kind.MENTION and _is_private(told.recipient_id, post):
                wrong.append(policy.private_mentions)
        if all(outcome is Outcome.ACCEPT for outcome in wrong):
            return True
        answers = await self._policies.answers(told.recipient_id)
        return any(each.account_id == told.account_id and each.is_accepted for each in answers)


def _is_private(recipient_id: int, post: ShownPost | None) -> bool:
    """Answers to the recipient's own posts were asked for."""
    return post is not None and post.is_direct and post.answered_id != recipient_id
