"""Accounts and counts, and the rules that need nothing but them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

RESERVATION_SECONDS = 15 * 60
MAX_USERNAME_CHARS = 30
MAX_REQUEST_ID_CHARS = 128
MAX_LOOKUPS = 100
MAX_IDS_PER_ENTRY = 200
MAX_ACCOUNTS_PAGE_SIZE = 200


@dataclass(frozen=True, slots=True)
class ProfileField:
    """A line of a profile's table."""

    name: str
    value: str
    verified_at: datetime | None = None


class QuotePolicy(StrEnum):
    """Who may quote an account's new posts, where they don't say it themselves."""

    PUBLIC = "public"
    FOLLOWERS = "followers"
    NOBODY = "nobody"


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
    quote_policy: QuotePolicy = QuotePolicy.PUBLIC
    avatar_description: str = ""
    header_description: str = ""
    hides_media: bool = False
    hides_media_replies: bool = False
    hides_featured: bool = False


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
class PostFact:
    """What is known of one post, for its author's count: `counted` while it may be seen and is not direct."""

    author_id: int
    post_id: int
    version: int = 0
    counted: bool = False
    deleted: bool = False
    created_at: datetime | None = None
    # The hashtags that it counts for: none, where not anyone may see it.
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[int, int]:
        return self.author_id, self.post_id

    def merged(self, news: PostFact) -> PostFact:
        """The newer of the two, in whatever order they come; a deletion is for good.

        Of one version both say the same, but for the hashtags that were not kept when the post was told of first.
        """
        if self.deleted or (news.version < self.version and not news.deleted):
            return self
        if news.version == self.version and not news.deleted:
            return replace(self, tags=self.tags or news.tags)
        return news


@dataclass(slots=True)
class PostDelta:
    """How much an author's count changes, and when they last posted; and that by each hashtag."""

    statuses: int = 0
    last_status_at: datetime | None = None
    tags: dict[str, PostDelta] = field(default_factory=dict)

    def add(self, before: PostFact, after: PostFact) -> None:
        self._add(before.counted, after.counted, after.created_at)
        for name in {*before.tags} ^ {*after.tags}:
            self.tags.setdefault(name, PostDelta())._add(name in before.tags, name in after.tags, after.created_at)

    def _add(self, before: bool, after: bool, created_at: datetime | None) -> None:
        self.statuses += after - before
        if after and created_at is not None:
            latest = self.last_status_at
            self.last_status_at = created_at if latest is None else max(latest, created_at)


def merge_facts(facts: Sequence[PostFact]) -> dict[tuple[int, int], PostFact]:
    """One fact per post, the newest."""
    merged: dict[tuple[int, int], PostFact] = {}
    for fact in facts:
        known = merged.get(fact.key)
        merged[fact.key] = known.merged(fact) if known else fact
    return merged
