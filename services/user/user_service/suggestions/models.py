"""What is suggested, and how far is looked for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 40, 80
# So many of whom one follows now, so many of whom each of them follows, and so many candidates of either source.
FRIENDS, FRIENDS_OF_EACH, CANDIDATES = 200, 50, 100


class Source(IntEnum):
    """Why an account is suggested; the numbers are those of the contract."""

    FRIENDS_OF_FRIENDS = 1
    MOST_FOLLOWED = 2


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An account, and all that speaks for it."""

    account_id: int
    sources: tuple[Source, ...]
