"""Announcements: what is told, until when, and what it is answered with; with their limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Final

import emoji

from moderation_service.errors import FieldInvalid
from moderation_service.models import MAX_REQUEST_ID_CHARS

PERMISSION: Final = "manage_announcements"
MAX_TEXT_CHARS: Final = 5_000
# Published ones that have not ended: whoever reads them is sent all of them.
MAX_LISTED: Final = 20
# With drafts and ended ones.
MAX_KEPT: Final = 500
# Different ones beside one announcement, as Mastodon has it.
MAX_REACTIONS: Final = 8
# Accounts of which is asked at once what they have made of one.
MAX_READERS: Final = 1_000
DEFAULT_PAGE, MAX_PAGE = 40, 100
# Nobody announces anything further away; times near the ends of what a time can be would be no times a day later.
FURTHEST: Final = timedelta(days=3_653)


@dataclass(frozen=True, slots=True)
class Content:
    """What the staff writes: an announcement's text, with the times of what it is about."""

    text: str
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    all_day: bool = False
    published: bool = False
    # Not listed before, though it is published.
    scheduled_at: datetime | None = None

    @property
    def listed_until(self) -> datetime | None:
        """The end, or that of its day (UTC) where only days count; None for as long as it is there."""
        if self.ends_at is None or not self.all_day:
            return self.ends_at
        return datetime.combine(self.ends_at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)

    def is_listed(self, now: datetime) -> bool:
        """Whether everybody sees it."""
        until = self.listed_until
        return self._has_begun(now) and (until is None or until > now)

    def next_change(self, now: datetime) -> datetime | None:
        """When it will be listed, or no longer, by itself; None for never."""
        until = self.listed_until
        if not self.published or (until is not None and until <= now):
            return None
        return until if self._has_begun(now) else self.scheduled_at

    def _has_begun(self, now: datetime) -> bool:
        return self.published and (self.scheduled_at is None or self.scheduled_at <= now)

    def check(self, now: datetime) -> None:
        """Raises FieldInvalid."""
        if not self.text.strip():
            raise FieldInvalid("text", "can't be blank", "ERR_BLANK")
        if len(self.text) > MAX_TEXT_CHARS:
            raise FieldInvalid("text", f"is too long (maximum is {MAX_TEXT_CHARS} characters)", "ERR_TOO_LONG")
        moments = {"scheduled_at": self.scheduled_at, "starts_at": self.starts_at, "ends_at": self.ends_at}
        for name, moment in moments.items():
            if moment is not None and abs(moment - now) > FURTHEST:
                raise FieldInvalid(name, "must be less than ten years away")
        if self.starts_at is not None and self.ends_at is not None and self.ends_at < self.starts_at:
            raise FieldInvalid("ends_at", "must not be before starts_at")
        if self.scheduled_at and self.listed_until and self.scheduled_at >= self.listed_until:
            raise FieldInvalid("scheduled_at", "must be before ends_at")
        if self.all_day and self.starts_at is None and self.ends_at is None:
            raise FieldInvalid("all_day", "needs starts_at or ends_at")


@dataclass(frozen=True, slots=True)
class Reaction:
    """An emoji beside an announcement: how many have put it there, and whether the reader is one of them."""

    name: str
    count: int
    me: bool


@dataclass(frozen=True, slots=True)
class Announcement:
    """An announcement as one account sees it; the staff's view of all has neither `read` nor reactions of its own."""

    announcement_id: int
    content: Content
    created_at: datetime
    updated_at: datetime
    # When it was listed first, or will be.
    published_at: datetime | None = None
    read: bool = False
    reactions: tuple[Reaction, ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """What an account has made of an announcement: has read it, has put these beside it."""

    account_id: int
    read: bool
    reactions: tuple[str, ...]


def check_reaction(name: str) -> None:
    """Raises FieldInvalid for what is no Unicode emoji."""
    if not emoji.is_emoji(name):
        raise FieldInvalid("name", "is not an emoji", "ERR_INCLUSION")


def check_request_id(request_id: str) -> None:
    """Raises FieldInvalid."""
    if len(request_id) > MAX_REQUEST_ID_CHARS or not request_id.isprintable():
        raise FieldInvalid("request_id", f"must be at most {MAX_REQUEST_ID_CHARS} printable characters", "ERR_TOO_LONG")
