"""Filters as their owners made them, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

MAX_FILTERS = 100
MAX_KEYWORDS = 200
MAX_STATUSES = 200
"""Of an account, in all of its filters: all are tried on each post that it is shown."""
MAX_TITLE_CHARS = 256
MAX_KEYWORD_CHARS = 512
MAX_EXPIRE_SECONDS = 10 * 365 * 24 * 3600


class Context(IntEnum):
    """Where a filter holds; the numbers are stored and are those of the contract."""

    HOME = 1
    NOTIFICATIONS = 2
    PUBLIC = 3
    THREAD = 4
    ACCOUNT = 5


class Action(IntEnum):
    """What becomes of a post that a filter meets; the numbers are stored and are those of the contract."""

    WARN = 1
    HIDE = 2
    BLUR = 3


@dataclass(frozen=True, slots=True)
class Keyword:
    """A text to look for, in any case; as a whole word only where that is asked for."""

    keyword_id: int
    keyword: str
    whole_word: bool = True


@dataclass(frozen=True, slots=True)
class FilteredStatus:
    """A post that is met whatever it says."""

    filter_status_id: int
    status_id: int


@dataclass(frozen=True, slots=True)
class Filter:
    """What is to be met, where, until when, and what then."""

    filter_id: int
    title: str
    contexts: tuple[Context, ...]
    action: Action = Action.WARN
    expires_at: datetime | None = None
    keywords: tuple[Keyword, ...] = ()
    statuses: tuple[FilteredStatus, ...] = ()


@dataclass(frozen=True, slots=True)
class KeywordChange:
    """A new keyword (id 0), a change of one, where None leaves things as they are, or its end."""

    keyword_id: int = 0
    keyword: str | None = None
    whole_word: bool | None = None
    remove: bool = False


@dataclass(frozen=True, slots=True)
class FilterChange:
    """What is to be changed; None leaves it as it is. After 0 seconds means never."""

    title: str | None = None
    contexts: tuple[Context, ...] | None = None
    action: Action | None = None
    expire_seconds: int | None = None
    keywords: tuple[KeywordChange, ...] = ()
