"""What is told of a hashtag on a profile."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

MAX_FEATURED_TAGS = 10
MAX_SUGGESTED = 10


@dataclass(frozen=True, slots=True)
class FeaturedTag:
    """A hashtag on a profile: `statuses` are those of its owner that anyone may see, the last made at that time."""

    featured_id: int
    name: str
    statuses: int = 0
    last_status_at: datetime | None = None
