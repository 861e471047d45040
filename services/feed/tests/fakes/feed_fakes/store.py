"""What the engines hold, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from feed_service.follow_models import Follow
from feed_service.models import Entry, Following, MarkChange, MergedFollows, Mode, PublicChange, ReaderState, Stretch
from feed_service.ranking import Ranked
from feed_service.repository.windows import (
    WINDOW_ENTRIES,
)
from rookery_common.clients.cassandra import CqlUnavailable
from rookery_common.clients.redis import RedisUnavailable

_AWAY = {"cql": CqlUnavailable, "cache": RedisUnavailable, "state": RedisUnavailable}


@dataclass
class Window:
    token: str = ""
    floor: int = 0
    entries: dict[int, Entry] = field(default_factory=dict)

    def trim(self, most: int) -> None:
        if len(self.entries) > most:
            kept = sorted(self.entries)[-WINDOW_ENTRIES:]
            self.entries = {entry_id: self.entries[entry_id] for entry_id in kept}
            self.floor = kept[0]


@dataclass
class Store:
    """What the engines hold, which of them are away, and how often they were asked."""

    timelines: dict[int, dict[int, Entry]] = field(default_factory=dict)
    follows: dict[tuple[int, int], Follow] = field(default_factory=dict)
    public: dict[int, PublicChange] = field(default_factory=dict)
    public_tags: dict[int, set[str]] = field(default_factory=dict)
    windows: dict[int, Window] = field(default_factory=dict)
    followings: dict[int, Following | str] = field(default_factory=dict)
    merged: dict[int, MergedFollows] = field(default_factory=dict)
    author_posts: dict[int, dict[int, Entry]] = field(default_factory=dict)
    modes: list[Mode] = field(default_factory=list)
    marks: dict[tuple[int, int, int], MarkChange] = field(default_factory=dict)
    forgotten: set[tuple[int, int]] = field(default_factory=set)
    rankings: dict[tuple[int, str], list[Ranked]] = field(default_factory=dict)
    stretches: dict[tuple[int, str], Stretch] = field(default_factory=dict)
    readers: dict[int, ReaderState] = field(default_factory=dict)
    seen: dict[int, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    reads: list[str] = field(default_factory=list)
    tokens: count[int] = field(default_factory=count)

    def ask(self, engine: str, what: str = "") -> None:
        if engine in self.away:
            raise _AWAY[engine](f"{engine} is away")
        self.reads.append(what or engine)
