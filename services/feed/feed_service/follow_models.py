"""A follow, as feed is told of it and keeps it at either end."""

from __future__ import annotations

from dataclasses import dataclass

Ends = tuple[int, int]  # a reader's id and an author's


@dataclass(frozen=True, slots=True)
class Follow:
    """The state of one follow; an older version never replaces a newer one."""

    reader_id: int
    author_id: int
    active: bool
    reblogs: bool
    version: int

    @property
    def ends(self) -> Ends:
        """The reader and the author."""
        return self.reader_id, self.author_id


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody to deliver to."""

    reader_id: int
    reblogs: bool
