"""Accounts, follows and counts, and the rules that need nothing but them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

RESERVATION_SECONDS = 15 * 60
MAX_USERNAME_CHARS = 30
MAX_REQUEST_ID_CHARS = 128
MAX_LOOKUPS = 100
MAX_IDS_PER_ENTRY = 200
MAX_FOLLOW_LANGUAGES = 40
DEFAULT_PAGE_SIZE = 40
MAX_PAGE_SIZE = 80
MAX_ACCOUNTS_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class ProfileField:
    """A line of a profile's table."""

    name: str
    value: str
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A profile as anyone may see it; `version` rises with each change of it."""

    account_id: int
    username: str
    created_at: datetime
    display_name: str = ""
    note: str = ""
    locked: bool = False
    bot: bool = False
    discoverable: bool = False
    indexable: bool = False
    avatar_url: str = ""
    header_url: str = ""
    fields: tuple[ProfileField, ...] = ()
    version: int = 1
    group: bool = False
    hide_collections: bool = False
    avatar_media_id: int = 0
    header_media_id: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What changes too often to be part of the profile."""

    followers: int = 0
    following: int = 0
    statuses: int = 0
    last_status_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccountView:
    """A profile and its counts; the profile is kept encoded, as it is sent."""

    account_id: int
    version: int
    counts: Counts
    profile: bytes


@dataclass(frozen=True, slots=True)
class Reservation:
    """A username held for a sign-up; `confirmed` once it has become an account."""

    request_id: str
    account_id: int
    username: str
    expires_at: datetime
    confirmed: bool = False

    @property
    def username_key(self) -> str:
        """What makes two usernames the same."""
        return self.username.lower()


@dataclass(frozen=True, slots=True)
class FollowSettings:
    """What a follower wants to see of whom they follow; None leaves it as it is."""

    reblogs: bool | None = None
    notify: bool | None = None
    languages: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Follow:
    """One account following another, or having followed it: `version` goes on through unfollowing and following again.

    `follow_id` orders lists of followers, newest first.
    """

    follower_id: int
    followee_id: int
    follow_id: int
    followed_at: datetime
    reblogs: bool = True
    notify: bool = False
    languages: tuple[str, ...] = ()
    active: bool = False
    version: int = 0

    def started(self, wanted: FollowSettings, follow_id: int, now: datetime) -> Self:
        """This follow as it begins, or begins again, with the settings of a new one."""
        fresh = replace(
            self, follow_id=follow_id, followed_at=now, reblogs=True, notify=False, languages=(), active=True
        )
        return replace(fresh._with(wanted), version=self.version + 1)

    def changed(self, wanted: FollowSettings) -> Self | None:
        """This follow with other settings; None where they are the same."""
        after = self._with(wanted)
        return None if after == self else replace(after, version=self.version + 1)

    def ended(self) -> Self:
        return replace(self, active=False, version=self.version + 1)

    def _with(self, wanted: FollowSettings) -> Self:
        return replace(
            self,
            reblogs=self.reblogs if wanted.reblogs is None else wanted.reblogs,
            notify=self.notify if wanted.notify is None else wanted.notify,
            languages=self.languages if wanted.languages is None else wanted.languages,
        )


@dataclass(frozen=True, slots=True)
class Relationship:
    """What a viewer is to an account, and it to them."""

    account_id: int
    following: bool = False
    showing_reblogs: bool = False
    notifying: bool = False
    languages: tuple[str, ...] = ()
    followed_by: bool = False


@dataclass(frozen=True, slots=True)
class FollowPage:
    """Accounts of a list, and where the next page begins; None on the last."""

    account_ids: list[int] = field(default_factory=list)
    before: int | None = None


@dataclass(frozen=True, slots=True)
class PostFact:
    """What is known of one post, for its author's count: `counted` while it may be seen and is not direct."""

    author_id: int
    post_id: int
    version: int = 0
    counted: bool = False
    deleted: bool = False
    created_at: datetime | None = None

    @property
    def key(self) -> tuple[int, int]:
        return self.author_id, self.post_id

    def merged(self, news: PostFact) -> PostFact:
        """The newer of the two, in whatever order they come; a deletion is for good."""
        if self.deleted or (news.version <= self.version and not news.deleted):
            return self
        return news


@dataclass(slots=True)
class PostDelta:
    """How much an author's count changes, and when they last posted."""

    statuses: int = 0
    last_status_at: datetime | None = None

    def add(self, before: PostFact, after: PostFact) -> None:
        self.statuses += after.counted - before.counted
        if after.counted and after.created_at is not None:
            latest = self.last_status_at
            self.last_status_at = after.created_at if latest is None else max(latest, after.created_at)


def merge_facts(facts: Sequence[PostFact]) -> dict[tuple[int, int], PostFact]:
    """One fact per post, the newest."""
    merged: dict[tuple[int, int], PostFact] = {}
    for fact in facts:
        known = merged.get(fact.key)
        merged[fact.key] = known.merged(fact) if known else fact
    return merged
