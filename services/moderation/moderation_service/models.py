"""Posts to judge, decisions, reports: the values that moderation works with, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

MAX_COMMENT_CHARS = 1000
MAX_REPORT_POSTS = 100
MAX_REQUEST_ID_CHARS = 200
MAX_PAGE = 200
DEFAULT_PAGE = 100
MAX_BATCH = 100
# What the desk asks of whoever decides, as auth's roles name it.
PERMISSION = "manage_reports"
# What a decision names instead of a rule of the policy.
CLEAR, REPORT, MODERATOR = "clear", "report", "moderator"
RESERVED_RULES = frozenset({CLEAR, REPORT, MODERATOR})


class State(IntEnum):
    """What a post may be; the numbers are the contract's, and a higher one is the stricter."""

    VISIBLE = 1
    HELD = 2
    REMOVED = 3


class Category(IntEnum):
    """What a report is about; the numbers are the contract's."""

    OTHER = 1
    SPAM = 2
    LEGAL = 3
    VIOLATION = 4


@dataclass(frozen=True, slots=True)
class Subject:
    """A post as its event tells of it; `state` is None where its author has deleted it."""

    post_id: int
    author_id: int
    version: int
    created_at: datetime
    state: State | None
    texts: tuple[str, ...] = ()
    is_reblog: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The standing decision on a post; `moderator_id` is 0 where a rule decided."""

    decision_id: int
    post_id: int
    author_id: int
    state: State
    rule: str
    decided_at: datetime
    version: int
    moderator_id: int = 0


@dataclass(frozen=True, slots=True)
class PostRecord:
    """What moderation knows of a post; `judged_version` is 0 until an event told of it."""

    post_id: int
    author_id: int
    judged_version: int
    decision: Decision | None


@dataclass(frozen=True, slots=True)
class NewReport:
    """What someone reports; `request_id` makes repeating it harmless."""

    request_id: str
    target_account_id: int
    post_ids: tuple[int, ...]
    comment: str
    category: Category


@dataclass(frozen=True, slots=True)
class Report:
    """A report: open until `resolved_at`. `account_id` is 0, and `rule` is named, where a rule reports."""

    report_id: int
    account_id: int
    target_account_id: int
    post_ids: tuple[int, ...]
    comment: str
    category: Category
    created_at: datetime
    updated_at: datetime
    rule: str = ""
    resolved_at: datetime | None = None
    resolver_id: int = 0
    # What its posts became when it was resolved; None for no decision.
    resolution: State | None = None
    assignee_id: int = 0


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Which reports to list, newest first; 0 for no such bound or filter."""

    resolved: bool
    account_id: int
    target_account_id: int
    limit: int
    max_id: int = 0
    since_id: int = 0
    min_id: int = 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log that nobody can change: who did what to what. `actor_id` is 0 for the policy."""

    action: str
    actor_id: int
    account_id: int
    post_id: int | None = None
    report_id: int | None = None
    detail: str = "{}"
