"""Every statement about relationships; returns models. What decides about privacy is read from the primary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import blake2b
from typing import Any
from zlib import crc32

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.counts import COUNT_SLOTS, CountChange, add_counts
from user_service.relationships import statements as sql
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

Slot = tuple[int, int]  # of an account's counts


class RelationshipTransaction:
    """One change of what is between two accounts, and the events that tell of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def ties(self, account_id: int, other_id: int, now: datetime) -> Ties | None:
        """What the account is to the other, which stays so until the transaction ends; None if either is unknown."""
        row = await self._tx.fetchrow("ties", sql.TIES, account_id, other_id)
        return _ties(row, account_id, other_id, now) if row else None

    async def save(self, before: Ties, after: Ties) -> None:
        """What has changed, at both ends and in both accounts' counts."""
        if after.mute != before.mute:
            await self._save_mute(after.mute)
        if after.block != before.block:
            await self._save_block(before.block, after.block)
        if after.remark != before.remark:
            row = (after.remark.note, after.remark.endorsement_id)
            await self._tx.execute(
                "remark_save", sql.SAVE_REMARK, after.remark.account_id, after.remark.target_id, *row
            )
        counts: dict[Slot, list[int]] = {}
        for was, is_now in ((before.follow, after.follow), (before.back, after.back)):
            if is_now != was:
                await self._save_follow(was, is_now)
                _count(counts, is_now, is_now.active - was.active)
        changes = [
            CountChange(*slot, followers, following)
            for slot, (followers, following) in counts.items()
            if followers or following
        ]
        if changes:
            # Last, since the counts' rows are what others wait for.
            await add_counts(self._tx, changes)

    async def _save_follow(self, before: Follow, after: Follow) -> None:
        follower, followee = after.follower_id, after.followee_id
        settings = (after.reblogs, after.notify, list(after.languages))
        state = (after.active, after.version, after.requested, after.requested_at)
        row = (follower, followee, after.follow_id, after.followed_at, *settings, *state)
        await self._tx.execute("follow_save", sql.SAVE_FOLLOW, *row)
        if after.active and not before.active:
            await self._tx.execute("follower_add", sql.ADD_FOLLOWER, followee, follower, after.follow_id)
        elif before.active and not after.active:
            await self._tx.execute("follower_remove", sql.REMOVE_FOLLOWER, followee, follower)
            await self._tx.execute("end_with_follow", sql.END_WITH_FOLLOW, follower, followee)
        if after.requested and not before.requested:
            await self._tx.execute("request_add", sql.ADD_REQUEST, followee, follower, after.follow_id)
        elif before.requested and not after.requested:
            await self._tx.execute("request_remove", sql.REMOVE_REQUEST, followee, follower)

    async def _save_block(self, before: Block, after: Block) -> None:
        blocker, blocked = after.blocker_id, after.blocked_id
        state = (after.block_id, after.blocked_at, after.active, after.version)
        await self._tx.execute("block_save", sql.SAVE_BLOCK, blocker, blocked, *state)
        if after.active and not before.active:
            await self._tx.execute("blocker_add", sql.ADD_BLOCKER, blocked, blocker)
        elif before.active and not after.active:
            await self._tx.execute("blocker_remove", sql.REMOVE_BLOCKER, blocked, blocker)

    async def _save_mute(self, mute: Mute) -> None:
        state = (mute.mute_id, mute.muted_at, mute.notifications, mute.expires_at, mute.active, mute.version)
        await self._tx.execute("mute_save", sql.SAVE_MUTE, mute.muter_id, mute.muted_id, *state)


class RelationshipRepository:
    """Relationships in the user service's database."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self, account_id: int, other_id: int) -> AsyncIterator[RelationshipTransaction]:
        """A change between the two on the primary, one at a time; its events are published after the commit."""
        async with self._outbox.transaction(lock=pair_lock(account_id, other_id)) as tx:
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


def count_slot(account_id: int, other_id: int) -> int:
    """Where the two's follows are counted, of both counts' slots."""
    low, high = sorted((account_id, other_id))
    return crc32(b"%d:%d" % (low, high)) % COUNT_SLOTS


def _count(counts: dict[Slot, list[int]], follow: Follow, change: int) -> None:
    """Both ways between two go into the same slots, so that ending both waits for two rows and not four."""
    slot = count_slot(follow.follower_id, follow.followee_id)
    counts.setdefault((follow.followee_id, slot), [0, 0])[0] += change
    counts.setdefault((follow.follower_id, slot), [0, 0])[1] += change


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
