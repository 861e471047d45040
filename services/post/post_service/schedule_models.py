"""What is to be done at a time, and the limits on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple

from post_service.models import Draft

MIN_LEAD = timedelta(minutes=5)
MAX_LEAD = timedelta(days=5 * 366)
MAX_SCHEDULED = 300
MAX_SCHEDULED_PER_DAY = 25


class JobKind(IntEnum):
    """What is to be done; the numbers are stored."""

    PUBLISH = 1
    END_POLL = 2


class Job(NamedTuple):
    """Something to do for an account at a time. Whether it still holds is said by its subject."""

    due_at: datetime
    kind: JobKind
    subject_id: int
    account_id: int


@dataclass(frozen=True, slots=True)
class ScheduledPost:
    """A post that waits for its time. `post_id` is its own while it is being published, else 0; `failure` says why it
    could not be."""

    scheduled_id: int
    account_id: int
    due_at: datetime
    draft: Draft
    post_id: int = 0
    failure: str = ""
