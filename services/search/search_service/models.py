"""What the index holds, what may be asked of it, and the limits on both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

MAX_QUERY_CHARS = 200
MAX_LIMIT = 40
MAX_OFFSET = 400
MAX_FOLLOWED = 1_000
"""How many of those whom the caller followed last a search among them looks at."""
HISTORY_DAYS = 7
FOR_GOOD = 2**63 - 1
"""The version of a deletion: nothing comes after it."""


class Kind(StrEnum):
    """The two kinds of index; hashtags are counted over posts."""

    ACCOUNTS = "accounts"
    POSTS = "posts"


@dataclass(frozen=True, slots=True)
class Document:
    """What the index holds of an account or a post: its state at a version, as fields of the index."""

    kind: Kind
    id: int
    version: int
    fields: Mapping[str, Any]

    @classmethod
    def tombstone(cls, kind: Kind, id_: int, version: int) -> Document:
        """Stands for what must not be found; kept, since the engine itself forgets a deletion's version."""
        name = "account_id" if kind == Kind.ACCOUNTS else "post_id"
        return cls(kind, id_, version, {name: id_, "deleted": True})


class Sought(StrEnum):
    """What a search is for."""

    ACCOUNTS = "accounts"
    STATUSES = "statuses"
    HASHTAGS = "hashtags"


@dataclass(frozen=True, slots=True)
class Search:
    """One search; the bounds on post ids are exclusive, 0 is none."""

    query: str
    sought: frozenset[Sought]
    limit: int
    offset: int = 0
    author_id: int = 0
    max_id: int = 0
    min_id: int = 0
    following: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """What was posted with a hashtag on one day, UTC, that begins at these seconds since 1970."""

    start: int
    uses: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Hashtag:
    """A hashtag, and its last days, today first."""

    name: str
    history: tuple[Day, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Ids and hashtags, the best first."""

    account_ids: list[int] = field(default_factory=list)
    post_ids: list[int] = field(default_factory=list)
    hashtags: list[Hashtag] = field(default_factory=list)


class TermKind(StrEnum):
    """What a part of a query for statuses asks for."""

    WORD = "word"
    PHRASE = "phrase"
    TAG = "tag"
    FROM = "from"
    PROPERTY = "property"
    LANGUAGE = "language"
    BEFORE = "before"
    AFTER = "after"
    DURING = "during"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a query for statuses; of a date, the day."""

    kind: TermKind
    text: str = ""
    day: date | None = None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class StatusSearch:
    """A query for statuses with its names resolved: what may be seen by the viewer and has all the terms."""

    viewer_id: int
    terms: tuple[Term, ...]
    account_ids: Mapping[str, int]
    limit: int
    offset: int = 0
    author_id: int = 0
    max_id: int = 0
    min_id: int = 0
