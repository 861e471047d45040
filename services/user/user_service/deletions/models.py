"""What is left to be erased of deleted accounts, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# The service that erases by itself; all others are asked.
OWN = "user"
# Longer than anything that was under way at the deletion goes on.
SETTLES_AFTER = timedelta(seconds=60)
MAX_LISTED = 100


@dataclass(frozen=True, slots=True)
class Erasure:
    """What one service has to erase of an account; how often it has failed to since it last did."""

    account_id: int
    service: str
    settles_at: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking once: when to ask again, or that it is done."""

    due_at: datetime
    erased: int = 0
    failures: int = 0
    reason: str = ""
    done_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ErasureProgress:
    """How far a service is with an account whose deletion is not finished."""

    account_id: int
    deleted_at: datetime
    service: str
    erased: int
    failures: int
    reason: str
    done: bool
