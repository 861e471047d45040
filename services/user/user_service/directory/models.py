"""Orders and limits of the directory."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Nobody looks through more, and a page far down costs as much as all before it.
MAX_LISTED = 1_000
MAX_PAGE = 80


class Order(StrEnum):
    """Who comes first."""

    ACTIVE = "active"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class CommunityCounts:
    """Accounts, and posts that may be seen."""

    accounts: int
    statuses: int
