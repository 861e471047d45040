"""Web push: who is told where, and of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from notification_service.models import Kind, Notification

MAX_ENDPOINT_CHARS: Final = 2_048
POINT_BYTES: Final = 65
AUTH_BYTES: Final = 16


class PushPolicy(IntEnum):
    """Of whose acts a subscription tells; the numbers are stored, and those of the contract."""

    ALL = 1
    FOLLOWED = 2
    FOLLOWER = 3
    NONE = 4


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What reaches one browser, and what it is encrypted for (RFC 8291).

    `token` tells a client of several accounts which of them it is about.
    """

    url: str
    public_key: bytes
    auth: bytes
    token: str


@dataclass(frozen=True, slots=True)
class Subscription:
    """That a session of an account wants to be told of these kinds."""

    subscription_id: int
    account_id: int
    session_id: int
    alerts: frozenset[Kind]
    policy: PushPolicy
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class Author:
    """Who did what is told of, as far as a push shows it."""

    name: str
    icon: str
    is_muted: bool
    is_followed: bool
    is_follower: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A notification that is to be pushed, and since when (milliseconds)."""

    notification: Notification
    since_ms: int


DueBatch = Sequence[Due]
