"""What an account is to others, by their names, so that another server knows whom it means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

MAX_PAGE_SIZE = 500
MAX_ROWS = 20_000
MAX_CELL_CHARS = 1_000
MAX_UNFINISHED = 5
KEPT = 20
"""Imports of an account that are remembered."""


class Kind(IntEnum):
    """What is taken along; the numbers are stored and are those of the contract."""

    FOLLOWS = 1
    BLOCKS = 2
    MUTES = 3
    LISTS = 4
    BOOKMARKS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One account: followed with these settings, muted with or without notifications, blocked, or on this list; or a
    bookmark's post by its address, and by its id if it is one of here.

    A follow that is brought without settings keeps its own.
    """

    username: str = ""
    reblogs: bool | None = None
    notify: bool | None = None
    languages: tuple[str, ...] | None = None
    notifications: bool = True
    list_title: str = ""
    post_address: str = ""
    post_id: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: below an id, or above a list's member; lists are in the order of their ids."""

    list_id: int = 0
    id: int = 0


class Mode(IntEnum):
    """Whether what is not among the rows ends; the numbers are stored and are those of the contract."""

    MERGE = 1
    OVERWRITE = 2


class RowState(IntEnum):
    """How far a row of an import is; the numbers are stored."""

    WAITING = 0
    DONE = 1
    FAILED = 2


@dataclass(frozen=True, slots=True)
class ImportRow:
    """A line of somebody's file."""

    line: int
    row: Row


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line: whom it means (0: nobody), and why it could not be done (empty: it is done)."""

    line: int
    target_id: int = 0
    reason: str = ""

    @property
    def state(self) -> RowState:
        return RowState.FAILED if self.reason else RowState.DONE


@dataclass(frozen=True, slots=True)
class Import:
    """A file on its way."""

    account_id: int
    import_id: int
    kind: Kind
    mode: Mode
    total: int
    created_at: datetime
    done: int = 0
    failed: int = 0
    finished_at: datetime | None = None
