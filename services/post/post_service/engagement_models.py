"""What accounts do with posts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import NamedTuple

UNIX_EPOCH = datetime.fromtimestamp(0, UTC)


class FactKind(IntEnum):
    """What of others' doing a post is counted by; the numbers are stored."""

    FAVOURITE = 1
    REBLOG = 2
    QUOTE = 3


class MarkKind(IntEnum):
    """What of their doing with posts accounts keep a list of; the numbers are stored."""

    FAVOURITE = 1
    BOOKMARK = 2


@dataclass(frozen=True, slots=True)
class Fact:
    """That an account favours or reblogs a post, or did: `since` is when it began, `version` the row's timestamp.

    `mark_id` is a favourite's place in the account's list, and a reblog's own id; 0 for none. Of quotes an account may
    have several: in the place of `account_id` is the quoting post.
    """

    kind: FactKind
    post_id: int
    account_id: int
    active: bool = False
    version: int = 0
    since: datetime = UNIX_EPOCH
    mark_id: int = 0


@dataclass(frozen=True, slots=True)
class Bookmark:
    """That an account keeps a post for itself, or did; `mark_id` is its place in the account's list, 0 for none."""

    post_id: int
    account_id: int
    active: bool = False
    version: int = 0
    mark_id: int = 0


class MarkedPost(NamedTuple):
    """A post in an account's list of favourites or bookmarks."""

    mark_id: int
    post_id: int


class Engaged(NamedTuple):
    """An account that favours or reblogs a post, and since when."""

    account_id: int
    since: datetime


class EngagedBounds(NamedTuple):
    """A page of those who do so; the bounds are exclusive places in the list, by account, and 0 for none."""

    page_size: int = 0
    after: int = 0
    before: int = 0
    until: int = 0
