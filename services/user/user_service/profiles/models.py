"""What a profile's owner may change, and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from user_service.models import Account, QuotePolicy

MAX_DISPLAY_NAME_CHARS = 30
MAX_NOTE_CHARS = 500
MAX_REMARK_CHARS = 2_000
MAX_FIELDS = 4
MAX_FIELD_CHARS = 255
MAX_URL_CHARS = 2_000
MAX_DESCRIPTION_CHARS = 1_500
MAX_DOMAINS = 20
MAX_DOMAIN_CHARS = 253
FIRST_BIRTHDAY = date(1900, 1, 1)


class Privacy(StrEnum):
    """Who sees a new post, unless its author says otherwise."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"


@dataclass(frozen=True, slots=True)
class PostingDefaults:
    """What a new post is, where it doesn't say it itself."""

    privacy: Privacy = Privacy.PUBLIC
    sensitive: bool = False
    language: str = ""


@dataclass(frozen=True, slots=True)
class ProfileSettings:
    """What is preselected for new posts, and what is nobody else's business."""

    privacy: Privacy = Privacy.PUBLIC
    sensitive: bool = False
    language: str = ""
    birthday: date | None = None
    attribution_domains: tuple[str, ...] = ()

    @property
    def defaults(self) -> PostingDefaults:
        return PostingDefaults(self.privacy, self.sensitive, self.language)


@dataclass(frozen=True, slots=True)
class Profile:
    """All that an account's owner is shown of it."""

    account: Account
    settings: ProfileSettings = field(default_factory=ProfileSettings)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that post has stored for the account; the empty one stands for none."""

    media_id: int = 0
    url: str = ""


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What is to be changed; None leaves it as it is. An empty birthday forgets it."""

    display_name: str | None = None
    note: str | None = None
    locked: bool | None = None
    bot: bool | None = None
    group: bool | None = None
    discoverable: bool | None = None
    indexable: bool | None = None
    hide_collections: bool | None = None
    fields: tuple[tuple[str, str], ...] | None = None
    privacy: Privacy | None = None
    sensitive: bool | None = None
    language: str | None = None
    birthday: str | None = None
    avatar: Picture | None = None
    header: Picture | None = None
    quote_policy: QuotePolicy | None = None
    avatar_description: str | None = None
    header_description: str | None = None
    hides_media: bool | None = None
    hides_media_replies: bool | None = None
    hides_featured: bool | None = None
    attribution_domains: tuple[str, ...] | None = None
