"""Threads of direct posts, and the limits on what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from rookery_common.ids import MAX_ID, ms_of

MAX_THREADS: Final = 40
# So many of a thread's posts are named, for those who may not be shown the latest.
POSTS_NAMED: Final = 5
_HOUR_MS: Final = 3_600_000


def hour_of_post(post_id: int) -> int:
    """The hour, since 1970, in which a thread with this latest post is listed."""
    return ms_of(post_id) // _HOUR_MS


@dataclass(frozen=True, slots=True)
class DirectPost:
    """A direct post; `account_ids` are whoever wrote it or is named in it, each once, in order of id."""

    post_id: int
    thread_id: int
    author_id: int
    account_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class DirectChange:
    """What has become of a post: at that version it is there or not. `is_news`: it was not there before."""

    post: DirectPost
    version: int
    is_shown: bool
    is_news: bool
    at_ms: int


@dataclass(frozen=True, slots=True)
class DirectNotice:
    """That a thread has a new post."""

    thread_id: int
    post_id: int


@dataclass(frozen=True, slots=True)
class IndexedThread:
    """An hour in which a thread had posts."""

    hour: int
    thread_id: int


# Above every other.
TOP_THREAD: Final = IndexedThread(2**31 - 1, MAX_ID)


@dataclass(frozen=True, slots=True)
class Marks:
    """What an owner has said of a thread; 0 for nothing."""

    seen_id: int = 0
    is_unread: bool = False
    removed_id: int = 0


@dataclass(frozen=True, slots=True)
class DirectThread:
    """A thread as one of its owners has it: its latest posts, newest first, one at least."""

    thread_id: int
    unread: bool
    posts: tuple[DirectPost, ...]

    @property
    def last_post_id(self) -> int:
        return self.posts[0].post_id


@dataclass(frozen=True, slots=True)
class ThreadQuery:
    """A page by the latest posts' ids, exclusive, 0 for no bound; upwards from `min_id` where there is no `max_id`."""

    limit: int
    max_id: int = 0
    since_id: int = 0
    min_id: int = 0

    @property
    def is_upwards(self) -> bool:
        return bool(self.min_id and not self.max_id)

    def takes(self, post_id: int) -> bool:
        """Whether a thread with this latest post is between the bounds."""
        return max(self.since_id, self.min_id) < post_id and (not self.max_id or post_id < self.max_id)
