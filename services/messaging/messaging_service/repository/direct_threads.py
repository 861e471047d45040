"""Threads of direct posts in CQL, for each of their owners."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from messaging_service.direct_models import (
    POSTS_NAMED,
    TOP_THREAD,
    DirectChange,
    DirectNotice,
    DirectPost,
    IndexedThread,
    Marks,
    hour_of_post,
)
from rookery_common.clients.cassandra import Cql
from rookery_common.ids import MAX_ID
from rookery_common.live.streams import Codec

STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "direct_post_put": (
            "INSERT INTO direct_posts (owner_id, thread_id, post_id, author_id, account_ids, is_shown)"
            " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
        ),
        "direct_post_list": (
            "SELECT post_id, author_id, account_ids, is_shown FROM direct_posts"
            " WHERE owner_id = ? AND thread_id = ? AND post_id < ? LIMIT ?"
        ),
        "direct_thread_put": "INSERT INTO direct_threads_by_owner (owner_id, hour, thread_id) VALUES (?, ?, ?)",
        "direct_thread_older": (
            "SELECT hour, thread_id FROM direct_threads_by_owner"
            " WHERE owner_id = ? AND (hour, thread_id) < (?, ?) LIMIT ?"
        ),
        "direct_thread_newer": (
            "SELECT hour, thread_id FROM direct_threads_by_owner"
            " WHERE owner_id = ? AND (hour, thread_id) > (?, ?) ORDER BY hour ASC, thread_id ASC LIMIT ?"
        ),
        "direct_marks_get": (
            "SELECT seen_id, is_unread, removed_id FROM direct_thread_marks WHERE owner_id = ? AND thread_id = ?"
        ),
        "direct_marks_see": (
            "UPDATE direct_thread_marks SET seen_id = ?, is_unread = ? WHERE owner_id = ? AND thread_id = ?"
        ),
        "direct_posts_erase": "DELETE FROM direct_posts WHERE owner_id = ? AND thread_id = ?",
        "direct_marks_erase": "DELETE FROM direct_thread_marks WHERE owner_id = ? AND thread_id = ?",
        "direct_thread_erase": "DELETE FROM direct_threads_by_owner WHERE owner_id = ? AND hour = ? AND thread_id = ?",
        "direct_marks_remove": "UPDATE direct_thread_marks SET removed_id = ? WHERE owner_id = ? AND thread_id = ?",
    }
)
ROWS_READ: Final = 20
# Behind more than so many posts in a row that are gone, nothing is looked for.
MAX_ROWS_READ: Final = 1_000
PREFIX: Final = "messaging:direct:"
_FIELDS: Final = struct.Struct(">qq")


def _pack(notice: DirectNotice) -> bytes:
    return _FIELDS.pack(notice.thread_id, notice.post_id)


def _unpack(packed: bytes) -> DirectNotice:
    return DirectNotice(*_FIELDS.unpack(packed))


DIRECT_NOTICES: Final[Codec[DirectNotice]] = Codec(_pack, _unpack)


class DirectThreadRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def put(self, changes: Iterable[DirectChange]) -> None:
        """For all owners. Harmless if repeated, or done in another order."""
        owned = [(owner_id, change) for change in changes for owner_id in change.post.account_ids]
        await self._cql.many("direct_post_put", [_post_row(owner_id, change) for owner_id, change in owned])
        places = {
            (owner_id, hour_of_post(change.post.post_id), change.post.thread_id)
            for owner_id, change in owned
            if change.is_shown
        }
        await self._cql.many("direct_thread_put", sorted(places))

    async def older(self, owner_id: int, below: IndexedThread, limit: int) -> list[IndexedThread]:
        """Rows below that one, the latest hour first; fewer than `limit` mean the end."""
        rows = await self._cql.execute("direct_thread_older", (owner_id, below.hour, below.thread_id, limit))
        return [IndexedThread(row.hour, row.thread_id) for row in rows]

    async def newer(self, owner_id: int, above: IndexedThread, limit: int) -> list[IndexedThread]:
        """Rows above that one, the earliest hour first; fewer than `limit` mean the end."""
        rows = await self._cql.execute("direct_thread_newer", (owner_id, above.hour, above.thread_id, limit))
        return [IndexedThread(row.hour, row.thread_id) for row in rows]

    async def posts(self, owner_id: int, thread_ids: Sequence[int]) -> dict[int, list[DirectPost]]:
        """The latest posts of each thread that are there, newest first; threads without any are left out."""
        found: dict[int, list[DirectPost]] = {}
        below = dict.fromkeys(thread_ids, MAX_ID)
        for _ in range(MAX_ROWS_READ // ROWS_READ):
            calls = [(owner_id, thread_id, post_id, ROWS_READ) for thread_id, post_id in below.items()]
            pages = await self._cql.many("direct_post_list", calls)
            for thread_id, rows in zip(tuple(below), pages, strict=True):
                posts = [
                    DirectPost(row.post_id, thread_id, row.author_id, tuple(row.account_ids))
                    for row in rows
                    if row.is_shown
                ]
                if posts:
                    found[thread_id] = posts[:POSTS_NAMED]
                if posts or len(rows) < ROWS_READ:
                    del below[thread_id]
                else:
                    below[thread_id] = rows[-1].post_id
            if not below:
                break
        return found

    async def marks(self, owner_id: int, thread_ids: Sequence[int]) -> list[Marks]:
        """In the order of the threads."""
        results = await self._cql.many("direct_marks_get", [(owner_id, thread_id) for thread_id in thread_ids])
        return [
            Marks(rows[0].seen_id or 0, bool(rows[0].is_unread), rows[0].removed_id or 0) if rows else Marks()
            for rows in results
        ]

    async def see(self, owner_id: int, thread_id: int, seen_id: int, *, unread: bool) -> None:
        """As of this post the thread is read, or unread."""
        await self._cql.execute("direct_marks_see", (seen_id, unread, owner_id, thread_id))

    async def remove(self, owner_id: int, thread_id: int, removed_id: int) -> None:
        """Up to this post the thread is not listed."""
        await self._cql.execute("direct_marks_remove", (removed_id, owner_id, thread_id))

    async def erase(self, owner_id: int) -> int:
        """Some of an owner's threads, for good; how many, 0 where there are none left. The list loses a row last."""
        rows = await self.older(owner_id, TOP_THREAD, ROWS_READ)
        threads = [(owner_id, thread_id) for thread_id in {row.thread_id for row in rows}]
        await self._cql.many("direct_posts_erase", threads)
        await self._cql.many("direct_marks_erase", threads)
        await self._cql.many("direct_thread_erase", [(owner_id, row.hour, row.thread_id) for row in rows])
        return len(rows)


def _post_row(owner_id: int, change: DirectChange) -> tuple[object, ...]:
    post = change.post
    return (
        owner_id,
        post.thread_id,
        post.post_id,
        post.author_id,
        list(post.account_ids),
        change.is_shown,
        change.version,
    )
