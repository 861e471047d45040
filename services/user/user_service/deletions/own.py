"""What this service itself keeps of a deleted account, erased in bounded chunks of which each may be the last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.erasure import ErasureStep
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from user_service.counts import CountChange, add_counts, add_to_community
from user_service.relationship_events import RelationshipEvents
from user_service.relationships.changes import count_slot
from user_service.relationships.models import Follow, Pair
from user_service.relationships.repository import pair_lock
from user_service.service import Caches

PAIRS, ROWS = 100, 1_000
# Who follows, has followed or asks to, in both directions. Ended follows of others have no index; they are two ids.
FOLLOWS = """
(SELECT follower_id, followee_id FROM follows_by_follower WHERE follower_id = $1 LIMIT $2)
UNION (SELECT follower_id, followee_id FROM follows_by_followee WHERE followee_id = $1 LIMIT $2)
UNION (SELECT follower_id, followee_id FROM follow_requests WHERE followee_id = $1 LIMIT $2)
LIMIT $2
"""
BLOCKS = """
(SELECT blocker_id, blocked_id FROM blocks_by_blocker WHERE blocker_id = $1 LIMIT $2)
UNION (SELECT blocker_id, blocked_id FROM blocks_by_blocked WHERE blocked_id = $1 LIMIT $2)
LIMIT $2
"""
# In one order everywhere; whoever changes what is between two holds one of them.
_LOCK_PAIRS = "SELECT pg_advisory_xact_lock(q.key) FROM (SELECT unnest($1::bigint[]) AS key ORDER BY 1) q"
_OF_PAIRS = "USING unnest($1::bigint[], $2::bigint[]) AS q (one, other) WHERE"
_END_FOLLOWS = f"""
DELETE FROM follows_by_follower f {_OF_PAIRS} f.follower_id = q.one AND f.followee_id = q.other
RETURNING f.follower_id, f.followee_id, f.follow_id, f.followed_at, f.reblogs, f.notify, f.languages, f.active,
          f.version, f.requested, f.requested_at
"""  # noqa: S608 - our own words
_WITH_FOLLOWS = (
    f"DELETE FROM follows_by_followee f {_OF_PAIRS} f.follower_id = q.one AND f.followee_id = q.other",  # noqa: S608
    f"DELETE FROM follow_requests f {_OF_PAIRS} f.follower_id = q.one AND f.followee_id = q.other",  # noqa: S608
    f"DELETE FROM list_members m {_OF_PAIRS} m.account_id = q.one AND m.member_id = q.other",  # noqa: S608
)
_END_BLOCKS = (
    f"DELETE FROM blocks_by_blocker b {_OF_PAIRS} b.blocker_id = q.one AND b.blocked_id = q.other",  # noqa: S608
    f"DELETE FROM blocks_by_blocked b {_OF_PAIRS} b.blocker_id = q.one AND b.blocked_id = q.other",  # noqa: S608
)
# By whose they are, and by whom they are about. Members and rows before what they are part of.
TABLES = (
    ("mutes", "muter_id"),
    ("mutes", "muted_id"),
    ("remarks", "account_id"),
    ("remarks", "target_id"),
    ("dismissed_suggestions", "account_id"),
    ("dismissed_suggestions", "dismissed_id"),
    ("filters", "account_id"),
    ("list_members", "account_id"),
    ("lists", "account_id"),
    ("followed_tags", "account_id"),
    ("featured_tags", "account_id"),
    ("home_preferences", "account_id"),
    ("import_rows", "account_id"),
    ("imports", "account_id"),
    ("account_settings", "account_id"),
)
DELETE_ROWS = "DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {column} = $1 LIMIT $2))"
# In the order in which posts are counted. Those that counted are taken out of the community's number here, and not by
# what is told of them later.
FORGET_POSTS = """
WITH gone AS (
  DELETE FROM post_facts WHERE (author_id, post_id) IN (
    SELECT author_id, post_id FROM post_facts WHERE author_id = $1 ORDER BY post_id LIMIT $2 FOR UPDATE
  ) RETURNING counted
)
SELECT count(*) AS posts, count(*) FILTER (WHERE counted) AS counted FROM gone
"""
_FORGET_COUNTS = "DELETE FROM account_counts WHERE account_id = $1"


class OwnRows:
    """The rows of an account that is gone. What others have of it ends as if they had ended it, told by events."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox, caches: Caches, events: RelationshipEvents) -> None:
        self._pg = pg
        self._outbox = outbox
        self._caches = caches
        self._events = events

    def steps(self) -> Sequence[ErasureStep]:
        """In their order: an account's counts go last, since what is taken back before would make them anew."""
        tables = [self._rows_of(table, column) for table, column in TABLES]
        return [
            self._follows,
            self._blocks,
            *tables,
            self._posts,
            self._rows_of("tag_counts", "author_id"),
            self._counts,
        ]

    async def _follows(self, account_id: int) -> int:
        async with self._outbox.transaction() as tx:
            pairs = await _locked_pairs(tx, "erase_follow_pairs", FOLLOWS, account_id)
            if not pairs:
                return 0
            ends = _ends(pairs)
            rows = await tx.fetch("erase_follows", _END_FOLLOWS, *ends)
            for statement in _WITH_FOLLOWS:
                await tx.execute("erase_with_follows", statement, *ends)
            follows = [Follow(**{**row, "languages": tuple(row["languages"])}) for row in rows]
            for follow in follows:
                if follow.active or follow.requested:
                    tx.emit(self._events.follow(follow, follow.ended()))
            # Last, since the counts' rows are what others wait for.
            if changes := _uncounted(account_id, [follow for follow in follows if follow.active]):
                await add_counts(tx, changes)
        await self._caches.changed({one for pair in pairs for one in pair})
        return len(pairs)

    async def _blocks(self, account_id: int) -> int:
        async with self._pg.transaction() as tx:
            pairs = await _locked_pairs(tx, "erase_block_pairs", BLOCKS, account_id)
            for statement in _END_BLOCKS if pairs else ():
                await tx.execute("erase_blocks", statement, *_ends(pairs))
        return len(pairs)

    def _rows_of(self, table: str, column: str) -> ErasureStep:
        statement = DELETE_ROWS.format(table=table, column=column)

        async def step(account_id: int) -> int:
            async with self._pg.transaction() as tx:
                return await tx.execute(f"erase_{table}", statement, account_id, ROWS)

        return step

    async def _posts(self, account_id: int) -> int:
        async with self._pg.transaction() as tx:
            row: Any = await tx.fetchrow("erase_posts", FORGET_POSTS, account_id, ROWS)
            if row["counted"]:
                await add_to_community(tx, account_id, statuses=-row["counted"])
        return int(row["posts"])

    async def _counts(self, account_id: int) -> int:
        async with self._pg.transaction() as tx:
            return await tx.execute("erase_counts", _FORGET_COUNTS, account_id)


async def _locked_pairs(tx: PgConnection, name: str, statement: str, account_id: int) -> list[Pair]:
    """Some pairs of the account and another, which nobody else changes until the transaction ends."""
    pairs = [(row[0], row[1]) for row in await tx.fetch(name, statement, account_id, PAIRS)]
    if pairs:
        await tx.execute("erase_lock_pairs", _LOCK_PAIRS, sorted({pair_lock(*pair) for pair in pairs}))
    return pairs


def _ends(pairs: Sequence[Pair]) -> tuple[list[int], list[int]]:
    return [one for one, _ in pairs], [other for _, other in pairs]


def _uncounted(account_id: int, follows: Sequence[Follow]) -> list[CountChange]:
    """What the others' counts lose; the account's own are gone as a whole."""
    lost: dict[tuple[int, int], list[int]] = {}
    for follow in follows:
        slot = count_slot(follow.follower_id, follow.followee_id)
        if follow.follower_id == account_id:
            lost.setdefault((follow.followee_id, slot), [0, 0])[0] -= 1
        else:
            lost.setdefault((follow.follower_id, slot), [0, 0])[1] -= 1
    return [CountChange(*place, followers, following) for place, (followers, following) in lost.items()]
