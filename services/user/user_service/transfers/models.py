"""What an account is to others, by their names, so that another server knows whom it means."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

MAX_PAGE_SIZE = 500


class Kind(IntEnum):
    """What is taken along; the numbers are stored and are those of the contract."""

    FOLLOWS = 1
    BLOCKS = 2
    MUTES = 3
    LISTS = 4


@dataclass(frozen=True, slots=True)
class Row:
    """One account: followed with these settings, muted with or without notifications, blocked, or on this list."""

    username: str
    reblogs: bool = True
    notify: bool = False
    languages: tuple[str, ...] = ()
    notifications: bool = True
    list_title: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: below an id, or above a list's member; lists are in the order of their ids."""

    list_id: int = 0
    id: int = 0
