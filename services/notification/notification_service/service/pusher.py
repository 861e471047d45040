"""Pushes: each to every subscription that wants it, at most once, for as long as it is news."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from urllib.parse import urlsplit

from notification_service.errors import ForbiddenEndpoint, PushNotTaken
from notification_service.metrics import PUSHES
from notification_service.models import SECURITY, Kind, Notification
from notification_service.push_encryption import MAX_PAYLOAD_BYTES, Vapid, encrypt
from notification_service.push_models import Author, Due, PushPolicy, Subscription
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.push import PushRepository
from notification_service.service.channels import Channels
from notification_service.service.push_key import PushKey
from notification_service.service.sieve import Sieve
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

# What waited for longer is no news.
NEWS_MS: Final = 3_600_000
# How long a push service keeps it for a browser that is not there.
TTL_SECONDS: Final = 172_800
RETRY_SECONDS: Final = (1.0, 4.0)
AT_ONCE: Final = 32
# A service that took nothing at all is left alone for a while, so that it holds up nobody else.
REST_SECONDS: Final = 60.0
MAX_RESTING: Final = 1_000
_BUSY: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_GONE: Final = frozenset({404, 410})
_TITLES: Final[Mapping[Kind, str]] = {
    Kind.FOLLOW: "{name} follows you",
    Kind.FAVOURITE: "{name} likes your post",
    Kind.REBLOG: "{name} boosted your post",
    Kind.MENTION: "{name} mentioned you",
    Kind.FOLLOW_REQUEST: "{name} would like to follow you",
    Kind.STATUS: "{name} posted",
    Kind.UPDATE: "{name} edited a post",
    Kind.MODERATION_WARNING: "A post of yours was taken down",
    Kind.MESSAGE: "{name} sent you a message",
    Kind.POLL: "A poll has ended",
    Kind.QUOTE: "{name} quoted your post",
    Kind.SIGN_IN: "A new browser has signed in to your account",
    Kind.PASSWORD_CHANGED: "The password of your account was changed",
    Kind.ADMIN_SIGN_UP: "{name} signed up",
    Kind.ADMIN_REPORT: "A report was filed",
}
# As lists name them, where that is not the kind's own name.
_TYPES: Final[Mapping[Kind, str]] = {
    Kind.SIGN_IN: "security.sign_in",
    Kind.PASSWORD_CHANGED: "security.password_changed",
    Kind.ADMIN_SIGN_UP: "admin.sign_up",
    Kind.ADMIN_REPORT: "admin.report",
}
log = get_logger()


class Transport(Protocol):
    """Takes an encrypted message to a push service."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status that was answered. Raises PushNotTaken where there was none, and ForbiddenEndpoint."""
        ...


class Authors(Protocol):
    """Where it is asked who somebody is to a recipient."""

    async def author(self, recipient_id: int, account_id: int) -> Author | None:
        """None of whom nothing is known. Raises AppError."""
        ...


class Pusher:
    """What was claimed and not sent for a crash is not sent: once too few is better than twice.

    What a post says is not pushed, only that there is something: whoever reads it opens it.
    """

    def __init__(
        self,
        repository: PushRepository,
        notifications: NotificationRepository,
        authors: Authors,
        key: PushKey,
        transport: Transport,
        sieve: Sieve,
        channels: Channels,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._notifications = notifications
        self._authors = authors
        self._key = key
        self._transport = transport
        self._sieve = sieve
        self._channels = channels
        self._clock = clock
        self._resting: dict[str, float] = {}
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def push(self, batch: Sequence[Due]) -> None:
        """Raises AppError where it can't be said whom to tell: then it is to be done again."""
        since_ms = self._clock.unix_ms() - NEWS_MS
        await asyncio.gather(*(self._one(due.notification) for due in batch if due.since_ms >= since_ms))

    async def _one(self, told: Notification) -> None:
        async with self._gate:
            subscriptions = [
                each
                for each in await self._repository.of_account(told.recipient_id)
                if told.kind in each.alerts or told.kind in SECURITY
            ]
            if not subscriptions or not await self._channels.lets_push(told) or not await self._stands(told):
                return
            author = await self._authors.author(told.recipient_id, told.account_id)
            if author is None or author.is_muted or not await self._sieve.lets_through(told, author):
                return
            wanted = [each for each in subscriptions if _is_wanted(each.policy, author)]
            await asyncio.gather(*(self._send(each, told, author) for each in wanted))

    async def _stands(self, told: Notification) -> bool:
        slot = await self._notifications.get(told.recipient_id, told.notification_id)
        return slot is not None and slot.notification is not None

    async def _send(self, to: Subscription, told: Notification, author: Author) -> None:
        origin = urlsplit(to.endpoint.url).netloc
        if self._resting.get(origin, 0.0) > self._clock.monotonic():
            PUSHES.labels("resting").inc()
        elif await self._repository.claim(to.subscription_id, told.notification_id):
            outcome = await self._try(to, _payload(to, told, author), told)
            PUSHES.labels(outcome).inc()
            if outcome == "gone":
                await self._repository.delete(to.account_id, to.session_id)
            elif outcome == "not_taken":
                self._rest(origin)

    async def _try(self, to: Subscription, payload: bytes, told: Notification) -> str:
        """How it went. What may have arrived is sent again under the same topic, which replaces it."""
        vapid = await self._key.vapid()
        for seconds in (*RETRY_SECONDS, None):
            try:
                status = await self._transport.send(*self._request(vapid, to, payload, told))
            except ForbiddenEndpoint:
                return "forbidden"
            except PushNotTaken:
                status = 0
            if status in _GONE:
                return "gone"
            if status and status not in _BUSY:
                return "sent" if 200 <= status < 300 else "refused"
            if seconds is not None:
                await self._clock.sleep(seconds)
        log.warning("push.not_taken", subscription_id=to.subscription_id, notification_id=told.notification_id)
        return "not_taken"

    def _request(
        self, vapid: Vapid, to: Subscription, payload: bytes, told: Notification
    ) -> tuple[str, Mapping[str, str], bytes]:
        headers = {
            "authorization": vapid.authorization(to.endpoint.url, self._clock.unix_ms() // 1000),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "ttl": str(TTL_SECONDS),
            "topic": f"n{told.notification_id}",
            "urgency": "high" if told.kind in (Kind.MENTION, Kind.MESSAGE) else "normal",
        }
        return to.endpoint.url, headers, encrypt(payload, to.endpoint.public_key, to.endpoint.auth)

    def _rest(self, origin: str) -> None:
        now = self._clock.monotonic()
        if len(self._resting) >= MAX_RESTING:
            self._resting = {name: until for name, until in self._resting.items() if until > now}
        if len(self._resting) < MAX_RESTING:
            self._resting[origin] = now + REST_SECONDS


def _is_wanted(policy: PushPolicy, author: Author) -> bool:
    if policy is PushPolicy.FOLLOWED:
        return author.is_followed
    if policy is PushPolicy.FOLLOWER:
        return author.is_follower
    return policy is PushPolicy.ALL


def _payload(to: Subscription, told: Notification, author: Author) -> bytes:
    """As Mastodon's clients know it."""
    name = author.name[:100]
    title = _TITLES[told.kind].format(name=name)
    body = {
        "access_token": to.endpoint.token,
        "preferred_locale": "en",
        "notification_id": str(told.notification_id),
        "notification_type": _TYPES.get(told.kind, told.kind.name.lower()),
        "icon": author.icon,
        "title": title,
        "body": "",
    }
    packed = json.dumps(body, ensure_ascii=False).encode()
    return packed if len(packed) <= MAX_PAYLOAD_BYTES else json.dumps(body | {"icon": ""}, ensure_ascii=False).encode()
