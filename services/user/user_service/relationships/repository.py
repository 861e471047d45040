"""Every statement about relationships; returns models. What decides about privacy is read from the primary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import blake2b
from typing import Any

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.counts import add_counts
from user_service.relationships import statements as sql
from user_service.relationships.changes import Changes
from user_service.relationships.models import (
    FAMILIAR_AMONG,
    MAX_FAMILIAR,
    Block,
    Follow,
    Listed,
    Mute,
    MutedAccount,
    Pair,
    Relationship,
    Remark,
    Ties,
)

GROUP_LOCK_SECONDS = 0.1


class RelationshipTransaction:
    """Changes of what is between some pairs of accounts, and the events that tell of them; all or nothing."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def ties(self, pairs: Sequence[Pair], now: datetime) -> dict[Pair, Ties]:
        """What the first of each is to the second, which stays so until the transaction ends; without unknown ones."""
        rows = await self._tx.fetch("ties", sql.TIES, *zip(*pairs, strict=True))
        found = (_ties(row, row["account_id"], row["other_id"], now) for row in rows)
        return {ties.pair: ties for ties in found}

    async def save(self, changes: Sequence[tuple[Ties, Ties]]) -> None:
        """What has changed, before and after, at both ends and in both accounts' counts; of each pair once."""
        rows = Changes()
        # In one order everywhere, so that transactions wait for one another instead of meeting head-on.
        for before, after in sorted(changes, key=lambda change: change[1].pair):
            rows.add(before, after)
        for name, statement, args in rows.statements():
            await self._tx.executemany(name, statement, args)
        if counts := rows.counts():
            # Last, since the counts' rows are what others wait for.
            await add_counts(self._tx, counts)


class RelationshipRepository:
    """Relationships in the user service's database."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self, pairs: Sequence[Pair]) -> AsyncIterator[RelationshipTransaction]:
        """Changes between these on the primary, of each pair one at a time; events are published after the commit.

        Several wait only a moment for a pair that somebody else changes, and then raise StatementTimeout: none of them
        is to wait for what another waits for.
        """
        patience = None if len(pairs) == 1 else GROUP_LOCK_SECONDS
        async with self._outbox.transaction(locks=[pair_lock(*pair) for pair in pairs], patience=patience) as tx:
            yield RelationshipTransaction(tx)

    async def relationships(self, pairs: Sequence[Pair]) -> dict[Pair, Relationship]:
        """By (viewer, account), without unknown accounts; always the primary's, since a change holds at once."""
        viewers, accounts = [viewer for viewer, _ in pairs], [account for _, account in pairs]
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("relationships", sql.RELATIONSHIPS, viewers, accounts)
        return {(row["viewer_id"], row["account_id"]): _relationship(row) for row in rows}

    async def account_exists(self, account_id: int, *, primary: bool) -> bool:
        async with self._pg.read(primary=primary) as connection:
            return bool(await connection.fetchval("account_exists", sql.ACCOUNT_EXISTS, account_id))

    async def followers(self, account_id: int, before: int, limit: int, *, primary: bool) -> Listed[int]:
        """Who follows the account: those whose follow is older than `before`, newest first."""
        return await self._page("followers", sql.FOLLOWERS, (account_id, before), limit, primary=primary)

    async def following(self, account_id: int, before: int, limit: int, *, primary: bool) -> Listed[int]:
        """Whom the account follows, in the same order."""
        return await self._page("following", sql.FOLLOWING, (account_id, before), limit, primary=primary)

    async def requests(self, account_id: int, before: int, limit: int) -> Listed[int]:
        """Who asks to follow the account, in the same order."""
        return await self._page("requests", sql.REQUESTS, (account_id, before), limit, primary=True)

    async def blocks(self, account_id: int, before: int, limit: int) -> Listed[int]:
        """Whom the account blocks, in the same order."""
        return await self._page("blocks", sql.BLOCKS, (account_id, before), limit, primary=True)

    async def mutes(self, account_id: int, before: int, limit: int, now: datetime) -> Listed[MutedAccount]:
        """Whom the account mutes now, in the same order."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("mutes", sql.MUTES, account_id, before, limit + 1, now)
        items = [MutedAccount(row["account_id"], row["expires_at"]) for row in rows[:limit]]
        return Listed(items, _next(rows, limit))

    async def endorsements(self, account_id: int, before: int, limit: int) -> Listed[int]:
        """Whom the account endorses, in the same order."""
        return await self._page("endorsements", sql.ENDORSEMENTS, (account_id, before), limit, primary=True)

    async def familiar_followers(self, account_id: int, others: Sequence[int]) -> dict[int, list[int]]:
        """Of each of the others, who follows it and is followed by the account, newest first; without empty ones."""
        args = (account_id, list(others), FAMILIAR_AMONG, MAX_FAMILIAR)
        found: dict[int, list[int]] = {}
        async with self._pg.read(primary=True) as connection:
            for row in await connection.fetch("familiar_followers", sql.FAMILIAR_FOLLOWERS, *args):
                found.setdefault(row["account_id"], []).append(row["follower_id"])
        return found

    async def expired_mutes(self, now: datetime, limit: int) -> list[Pair]:
        """Those in force by their rows alone: who mutes and who is muted, the longest expired first."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("expired_mutes", sql.EXPIRED_MUTES, now, limit)
        return [(row["muter_id"], row["muted_id"]) for row in rows]

    async def is_locked(self, account_id: int) -> bool:
        """Whether whoever wants to follow must ask, or there is no such account; always the primary's."""
        async with self._pg.read(primary=True) as connection:
            return bool(await connection.fetchval("locked", sql.LOCKED, account_id))

    async def is_blocked(self, account_id: int, by: int) -> bool:
        """Whether the account is kept away by the other; always the primary's."""
        async with self._pg.read(primary=True) as connection:
            return bool(await connection.fetchval("blocked_by", sql.BLOCKED_BY, account_id, by))

    async def hides_collections(self, account_id: int) -> bool:
        """Whether its lists are for the account alone; always the primary's."""
        async with self._pg.read(primary=True) as connection:
            return bool(await connection.fetchval("hides_collections", sql.HIDES_COLLECTIONS, account_id))

    async def _page(self, name: str, statement: str, at: Pair, limit: int, *, primary: bool) -> Listed[int]:
        async with self._pg.read(primary=primary) as connection:
            rows = await connection.fetch(name, statement, *at, limit + 1)
        return Listed([row["account_id"] for row in rows[:limit]], _next(rows, limit))


def pair_lock(account_id: int, other_id: int) -> int:
    """The number of the two's lock, the same from either side. Two pairs that share one only wait for each other."""
    low, high = sorted((account_id, other_id))
    digest = blake2b(b"pair:%d:%d" % (low, high), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _next(rows: Sequence[Any], limit: int) -> int | None:
    return rows[limit - 1]["position"] if len(rows) > limit else None


def _ties(row: Any, account_id: int, other_id: int, now: datetime) -> Ties:
    return Ties(
        locked=row["locked"],
        follow=_follow(row, account_id, other_id, now, ""),
        back=_follow(row, other_id, account_id, now, "back_"),
        block=_block(row, account_id, other_id, now, ""),
        blocked=_block(row, other_id, account_id, now, "back_"),
        mute=_mute(row, account_id, other_id, now),
        remark=Remark(account_id, other_id, row["note"] or "", row["endorsement_id"] or 0),
    )


def _follow(row: Any, follower_id: int, followee_id: int, now: datetime, prefix: str) -> Follow:
    if row[f"{prefix}follow_id"] is None:
        return Follow(follower_id, followee_id, 0, now)
    return Follow(
        follower_id=follower_id,
        followee_id=followee_id,
        follow_id=row[f"{prefix}follow_id"],
        followed_at=row[f"{prefix}followed_at"],
        reblogs=row[f"{prefix}reblogs"],
        notify=row[f"{prefix}notify"],
        languages=tuple(row[f"{prefix}languages"]),
        active=row[f"{prefix}active"],
        version=row[f"{prefix}version"],
        requested=row[f"{prefix}requested"],
        requested_at=row[f"{prefix}requested_at"],
    )


def _block(row: Any, blocker_id: int, blocked_id: int, now: datetime, prefix: str) -> Block:
    if row[f"{prefix}block_id"] is None:
        return Block(blocker_id, blocked_id, 0, now)
    state = (row[f"{prefix}block_active"], row[f"{prefix}block_version"])
    return Block(blocker_id, blocked_id, row[f"{prefix}block_id"], row[f"{prefix}blocked_at"], *state)


def _mute(row: Any, muter_id: int, muted_id: int, now: datetime) -> Mute:
    if row["mute_id"] is None:
        return Mute(muter_id, muted_id, 0, now)
    settings = (row["notifications"], row["expires_at"])
    state = (row["mute_active"], row["mute_version"])
    return Mute(muter_id, muted_id, row["mute_id"], row["muted_at"], *settings, *state)


def _relationship(row: Any) -> Relationship:
    wanted = row["following"] is not None  # or waiting to
    muting = row["muting"]
    return Relationship(
        account_id=row["account_id"],
        following=wanted and row["following"],
        showing_reblogs=wanted and row["reblogs"],
        notifying=wanted and row["notify"],
        languages=tuple(row["languages"]) if wanted else (),
        followed_by=row["followed_by"],
        blocking=row["blocking"],
        blocked_by=row["blocked_by"],
        muting=muting,
        muting_notifications=muting and row["notifications"],
        muted_until=row["expires_at"],
        requested=wanted and row["requested"],
        requested_by=row["requested_by"],
        exclusively_listed=row["exclusively_listed"],
        endorsed=bool(row["endorsement_id"]),
        note=row["note"] or "",
    )
