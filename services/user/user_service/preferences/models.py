"""What an account may choose about its home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

FEATURES: Final = frozenset({"recency", "affinity", "engagement", "diversity", "discovery"})
MAX_RANKING_WEIGHT: Final = 10.0
MAX_AUTHOR_WEIGHT: Final = 2.0
MAX_AUTHORS: Final = 1_000


@dataclass(frozen=True, slots=True)
class HomePreferences:
    """As the platform has them, where nothing else is said."""

    ranked: bool = False
    without_reblogs: bool = False
    without_replies: bool = False
    ranking_weights: Mapping[str, float] = field(default_factory=dict)
    author_weights: Mapping[int, float] = field(default_factory=dict)
