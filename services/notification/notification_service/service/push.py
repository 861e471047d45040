"""Push subscriptions, as sessions make and change them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from notification_service.errors import SubscriptionNotFound, WrongSubscription
from notification_service.models import Kind
from notification_service.push_encryption import WrongPoint, checked_point
from notification_service.push_models import AUTH_BYTES, MAX_ENDPOINT_CHARS, Endpoint, PushPolicy, Subscription
from notification_service.push_transport import check_endpoint
from notification_service.repository.push import PushRepository
from rookery_common.clock import Clock
from rookery_common.ids import lowest_id_at

MAX_TOKEN_CHARS: Final = 512
_LOW_BITS: Final = (1 << 22) - 1


class Subscriptions:
    """One a session; another takes its place. `plain` allows endpoints without TLS, as tests have them."""

    def __init__(self, repository: PushRepository, clock: Clock, *, plain: bool) -> None:
        self._repository = repository
        self._clock = clock
        self._plain = plain

    async def get(self, account_id: int, session_id: int) -> Subscription:
        """Raises SubscriptionNotFound."""
        found = await self._repository.get(account_id, session_id)
        if found is None:
            raise SubscriptionNotFound("there is no push subscription")
        return found

    async def put(
        self, account_id: int, session_id: int, endpoint: Endpoint, alerts: Collection[Kind], policy: PushPolicy
    ) -> Subscription:
        """Raises WrongSubscription and ForbiddenEndpoint."""
        self._check(endpoint)
        number = lowest_id_at(self._clock.unix_ms()) | session_id & _LOW_BITS
        made = Subscription(number, account_id, session_id, frozenset(alerts), policy, endpoint)
        await self._repository.put(made)
        return made

    async def change(
        self, account_id: int, session_id: int, alerts: Collection[Kind], policy: PushPolicy | None
    ) -> Subscription:
        """Of which kinds, and of whose acts, it tells. Raises SubscriptionNotFound."""
        found = await self.get(account_id, session_id)
        changed = replace(found, alerts=frozenset(alerts), policy=policy or found.policy)
        await self._repository.put(changed)
        return changed

    async def delete(self, account_id: int, session_id: int) -> None:
        """Repeating it is harmless."""
        await self._repository.delete(account_id, session_id)

    def _check(self, endpoint: Endpoint) -> None:
        if not 0 < len(endpoint.url) <= MAX_ENDPOINT_CHARS:
            raise WrongSubscription("endpoint", f"must have 1 to {MAX_ENDPOINT_CHARS} characters")
        check_endpoint(endpoint.url, plain=self._plain)
        if len(endpoint.auth) != AUTH_BYTES:
            raise WrongSubscription("auth", f"must be {AUTH_BYTES} bytes in base64url")
        if len(endpoint.token) > MAX_TOKEN_CHARS:
            raise WrongSubscription("token", f"must have at most {MAX_TOKEN_CHARS} characters")
        try:
            checked_point(endpoint.public_key)
        except WrongPoint:
            raise WrongSubscription("p256dh", "must be a point of the curve P-256 in base64url") from None
