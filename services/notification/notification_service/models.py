"""Notifications, what makes them, and how they are asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

from rookery_common.ids import MAX_ID

MAX_PAGE: Final = 80
# Older ones are no longer stored.
HISTORY_DAYS: Final = 180


class Kind(IntEnum):
    """What somebody did; the numbers are stored, and those of the contract."""

    FOLLOW = 1
    FAVOURITE = 2
    REBLOG = 3
    MENTION = 4
    FOLLOW_REQUEST = 5
    STATUS = 6
    UPDATE = 7
    MODERATION_WARNING = 8
    MESSAGE = 9
    POLL = 10
    QUOTE = 11
    SIGN_IN = 12
    PASSWORD_CHANGED = 13
    ADMIN_SIGN_UP = 14
    ADMIN_REPORT = 15


# What was done with the recipient's own account.
SECURITY: Final = frozenset({Kind.SIGN_IN, Kind.PASSWORD_CHANGED})
# What many may do to one thing: told as one, for half a day at a time.
GROUPED: Final = frozenset({Kind.FOLLOW, Kind.FAVOURITE, Kind.REBLOG})


class MarkedTimeline(IntEnum):
    """What one may mark where one has read to; the numbers are stored, and those of the contract."""

    HOME = 1
    NOTIFICATIONS = 2


@dataclass(frozen=True, slots=True)
class Marker:
    """Where an account has read to; `version` rises by one with each change, and is 0 before the first."""

    timeline: MarkedTimeline
    last_read_id: int
    version: int
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """Somebody did something that concerns somebody else.

    `account_id` is 0 for what the community itself did. `subject_id` is what the notification shows: a post, for a
    message its conversation, for a report itself, 0 for a follow, a request for one and a sign-up. `source_id` is the
    post that is the act, what mentions or the reblog; of other acts what they are done to, which is what `subject_id`
    names.
    """

    recipient_id: int
    kind: Kind
    account_id: int
    subject_id: int
    source_id: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class Notification:
    """What a recipient is told."""

    notification_id: int
    recipient_id: int
    kind: Kind
    account_id: int
    subject_id: int


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What is told as one: notifications of a kind about one subject in half a day, counted from 1970."""

    kind: Kind
    subject_id: int
    window: int


@dataclass(frozen=True, slots=True)
class NotificationGroup:
    """Notifications that are told as one; without a key it is a single one, of a kind that has no groups, or as asked.

    `newest` and `account_ids` (some of them, the newest first) are of those between the bounds that were asked for;
    `oldest_id` is of those whose accounts are named on this page; `count` is of all.
    """

    key: GroupKey | None
    newest: Notification
    oldest_id: int
    account_ids: Sequence[int]
    count: int


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Newest first. `reached_id` is where to go on, in the direction of the page; 0 when there are no more."""

    groups: Sequence[NotificationGroup]
    reached_id: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a recipient's list: what is told there, or None once that was put away, for good."""

    notification_id: int
    notification: Notification | None


# Source, kind and recipient.
TellingKey = tuple[int, Kind, int]


@dataclass(frozen=True, slots=True)
class Told:
    """That a post, or another source, was told of: to whom, as what, and under which id."""

    source_id: int
    kind: Kind
    recipient_id: int
    notification_id: int


@dataclass(frozen=True, slots=True)
class PostSeen:
    """A post that may be seen, as it was at `at_ms`."""

    post_id: int
    author_id: int
    mentioned: Sequence[int]
    reblog_of_id: int
    at_ms: int
    # Whether those are told who want to hear of each post of its author: of new ones, and not of answers to others.
    is_for_watchers: bool = False
    # Whose post it quotes; 0 for none, and where that was taken away from it.
    quoted_author_id: int = 0
    # From whom a quote of theirs was taken away by themselves; 0 for none.
    unquoted_author_id: int = 0
    # When it was edited; 0 where this is no edit.
    edited_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Watch:
    """Whether one account wants to hear of each post of another, as of a version of its follow."""

    author_id: int
    watcher_id: int
    active: bool
    version: int


@dataclass(frozen=True, slots=True)
class PostGone:
    """A post that was deleted, for good."""

    post_id: int
    author_id: int
    reblog_of_id: int = 0


@dataclass(frozen=True, slots=True)
class PollEnd:
    """A poll that is over."""

    post_id: int
    ballot: int
    author_id: int
    at_ms: int


PostChange = PostSeen | PostGone


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a post was taken down, by the last decision on it."""

    post_id: int
    author_id: int
    is_removed: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A page: newest first between exclusive bounds, or (with min_id alone) those just above it. 0 is no bound."""

    limit: int
    max_id: int = 0
    since_id: int = 0
    min_id: int = 0
    # Empty for all.
    kinds: Collection[Kind] = ()
    # 0 for anyone.
    account_id: int = 0

    @property
    def upwards(self) -> bool:
        """Whether the page is counted from its lower bound."""
        return self.min_id > 0 and self.max_id <= 0

    @property
    def low(self) -> int:
        """Notifications are above this id."""
        return max(self.since_id, self.min_id, 0)

    @property
    def high(self) -> int:
        """Notifications are below this id."""
        return self.max_id if self.max_id > 0 else MAX_ID

    def wants(self, notification: Notification) -> bool:
        """Whether it is of the kinds, and by the account, asked for."""
        is_kind = not self.kinds or notification.kind in self.kinds
        return is_kind and self.account_id in (0, notification.account_id)


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """Newest first. `reached_id` is where to go on, in the direction of the page; 0 when there are no more."""

    notifications: Sequence[Notification]
    reached_id: int = 0
