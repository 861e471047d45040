"""What analytics counts and keeps, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Final

DAY_SECONDS: Final = 86_400


class Measure(StrEnum):
    """What is counted; the first three mean what Mastodon means by them."""

    ACTIVE_USERS = "active_users"
    NEW_USERS = "new_users"
    INTERACTIONS = "interactions"
    NEW_POSTS = "new_posts"
    FAVOURITES = "favourites"
    FOLLOWS = "follows"
    IMPRESSIONS = "impressions"


# Of these it is counted how many different accounts there are.
DISTINCT: Final = frozenset({Measure.ACTIVE_USERS})


class Width(IntEnum):
    """How long a window is, in seconds."""

    MINUTE = 60
    DAY = DAY_SECONDS


# Minutes outlive what Kafka keeps, so that reading a topic again finds its counts there.
KEPT_SECONDS: Final[Mapping[Width, int]] = {Width.MINUTE: 14 * DAY_SECONDS, Width.DAY: 400 * DAY_SECONDS}
MAX_WINDOWS: Final[Mapping[Width, int]] = {Width.MINUTE: 180, Width.DAY: 31}


@dataclass(frozen=True, slots=True)
class Observation:
    """An event as far as it counts: where it was read, when it happened, what it adds to, and who acted (0: nobody)."""

    event_id: str
    source: str
    offset: int
    at_seconds: int
    measures: frozenset[Measure]
    account_id: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """One measure's window; `number` counts windows of this width since 1970."""

    measure: Measure
    width: Width
    number: int

    @property
    def start(self) -> datetime:
        return datetime.fromtimestamp(self.number * self.width, UTC)

    def seconds_to_live(self, now_seconds: int) -> int:
        """Until it is forgotten; 0 or less when it is too old to count."""
        return (self.number + 1) * self.width + KEPT_SECONDS[self.width] - now_seconds


@dataclass(frozen=True, slots=True)
class Tally:
    """What one source adds to a window, by all its events up to an offset."""

    value: int = 0
    last_offset: int = -1
    # The sketch of a distinct measure.
    members: bytes = b""


@dataclass(frozen=True, slots=True)
class Series:
    """A measure over a span of time, with the total of the span of the same length before it."""

    measure: Measure
    total: int
    previous_total: int
    windows: Sequence[tuple[datetime, int]]


@dataclass(frozen=True, slots=True)
class ActivityWeek:
    """What happened in a week; `start` is its Monday's beginning, in seconds since 1970."""

    start: int
    new_posts: int
    active_accounts: int
    new_accounts: int


@dataclass(frozen=True, slots=True)
class Lately:
    """The last weeks, the newest first (it is not over yet), and who was active in the last 30 days."""

    weeks: tuple[ActivityWeek, ...]
    month_active_accounts: int


@dataclass(frozen=True, slots=True)
class ArchivedEvent:
    """A row of the archive: an event's envelope, and what in its payload is no text."""

    topic: str
    partition: int
    offset: int
    event_id: str
    type: str
    source: str
    key: str
    aggregate_id: str
    version: int
    occurred_ms: int
    facts: str


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """The manifest's entry of a stored file."""

    topic: str
    partition: int
    first_offset: int
    last_offset: int
    events: int
    bytes: int
    sha256: str
    object_key: str
