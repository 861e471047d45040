"""Lists as their owners made them, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MAX_LISTS = 50
MAX_MEMBERS = 500
"""Of one list: its timeline is read by all of them at once."""
MAX_TITLE_CHARS = 256
MAX_NAMED = 100
"""Members that one request adds or removes."""
DEFAULT_PAGE_SIZE = 40


class RepliesPolicy(IntEnum):
    """Which replies a list shows; the numbers are stored and are those of the contract."""

    FOLLOWED = 1
    LIST = 2
    NONE = 3


@dataclass(frozen=True, slots=True)
class AccountList:
    """Some of those whom an account follows; an exclusive list keeps them out of the home."""

    list_id: int
    title: str
    replies_policy: RepliesPolicy = RepliesPolicy.LIST
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class ListChange:
    """What is to be changed; None leaves it as it is."""

    title: str | None = None
    replies_policy: RepliesPolicy | None = None
    exclusive: bool | None = None
