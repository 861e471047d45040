"""Statements of lists; all on the primary, so that their owner meets each change at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.lists.models import MAX_LISTS, AccountList, RepliesPolicy

# Changes of an account's lists come one after another, so that its limits hold.
_LOCK_ACCOUNT = "SELECT account_id FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE"
LISTS = """
SELECT list_id, title, replies_policy, exclusive FROM lists WHERE account_id = $1 ORDER BY list_id LIMIT $2
"""
LISTS_WITH = """
SELECT l.list_id, l.title, l.replies_policy, l.exclusive
FROM list_members m JOIN lists l ON l.account_id = m.account_id AND l.list_id = m.list_id
WHERE m.account_id = $1 AND m.member_id = $3 ORDER BY l.list_id LIMIT $2
"""
MEMBERS = """
SELECT member_id FROM list_members WHERE account_id = $1 AND list_id = $2 AND member_id < $3
ORDER BY member_id DESC LIMIT $4
"""
_SAVE_LIST = """
INSERT INTO lists (account_id, list_id, title, replies_policy, exclusive) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (account_id, list_id) DO UPDATE SET
  title = excluded.title, replies_policy = excluded.replies_policy, exclusive = excluded.exclusive
"""
_MARK_MEMBERS = """
UPDATE list_members SET exclusive = $3 WHERE account_id = $1 AND list_id = $2 AND exclusive <> $3
"""
_NOTE_REQUEST = "UPDATE lists SET request_id = $3, request_digest = $4 WHERE account_id = $1 AND list_id = $2"
_REQUESTED = "SELECT list_id, request_digest FROM lists WHERE account_id = $1 AND request_id = $2"
_DELETE_LIST = "DELETE FROM lists WHERE account_id = $1 AND list_id = $2"
# Locked, so that nobody is added while the follow of them ends.
_FOLLOWED = """
SELECT followee_id FROM follows_by_follower
WHERE follower_id = $1 AND followee_id = ANY($2::bigint[]) AND active ORDER BY followee_id FOR SHARE
"""
_ADD_MEMBERS = """
INSERT INTO list_members (account_id, list_id, member_id, exclusive) SELECT $1, $2, unnest($3::bigint[]), $4
ON CONFLICT (account_id, list_id, member_id) DO NOTHING
"""
_COUNT_MEMBERS = "SELECT count(*) FROM list_members WHERE account_id = $1 AND list_id = $2"
_REMOVE_MEMBERS = "DELETE FROM list_members WHERE account_id = $1 AND list_id = $2 AND member_id = ANY($3::bigint[])"


class ListTransaction:
    """One change of an account's lists and the event that tells of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction, account_id: int) -> None:
        self._tx = tx
        self._account_id = account_id

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def lock(self) -> list[AccountList] | None:
        """All of the account's, which nobody else changes until the transaction ends; None if there is no account."""
        if await self._tx.fetchrow("lists_lock", _LOCK_ACCOUNT, self._account_id) is None:
            return None
        return await _lists(self._tx, "lists", LISTS, self._account_id, MAX_LISTS)

    async def save(self, after: AccountList) -> None:
        row = (after.list_id, after.title, after.replies_policy, after.exclusive)
        await self._tx.execute("list_save", _SAVE_LIST, self._account_id, *row)

    async def mark_members(self, after: AccountList) -> None:
        """That the list is exclusive, or is not, is known of each member."""
        await self._tx.execute("list_mark", _MARK_MEMBERS, self._account_id, after.list_id, after.exclusive)

    async def delete(self, list_id: int) -> None:
        """With its members."""
        await self._tx.execute("list_delete", _DELETE_LIST, self._account_id, list_id)

    async def note_request(self, list_id: int, request_id: str, digest: bytes) -> None:
        """What the list was asked for with."""
        await self._tx.execute("list_request_note", _NOTE_REQUEST, self._account_id, list_id, request_id, digest)

    async def requested(self, request_id: str) -> tuple[int, bytes] | None:
        """The id of the list that was asked for with this, and the digest of the request."""
        row = await self._tx.fetchrow("list_request", _REQUESTED, self._account_id, request_id)
        return (row["list_id"], row["request_digest"]) if row else None

    async def followed(self, others: Collection[int]) -> set[int]:
        """Whom of these the account follows; that stays so until the transaction ends."""
        rows = await self._tx.fetch("list_followed", _FOLLOWED, self._account_id, list(others))
        return {row["followee_id"] for row in rows}

    async def add_members(self, to: AccountList, members: Collection[int]) -> int:
        """How many the list has now."""
        args = (self._account_id, to.list_id)
        await self._tx.execute("list_members_add", _ADD_MEMBERS, *args, list(members), to.exclusive)
        return int(await self._tx.fetchval("list_members_count", _COUNT_MEMBERS, *args))

    async def remove_members(self, list_id: int, members: Collection[int]) -> None:
        await self._tx.execute("list_members_remove", _REMOVE_MEMBERS, self._account_id, list_id, list(members))


class ListRepository:
    """Lists by their owners."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self, account_id: int) -> AsyncIterator[ListTransaction]:
        """A change of the account's on the primary; its events are published after the commit."""
        async with self._outbox.transaction() as tx:
            yield ListTransaction(tx, account_id)

    async def lists(self, account_id: int) -> list[AccountList]:
        """All of the account's, by id."""
        async with self._pg.read(primary=True) as connection:
            return await _lists(connection, "lists", LISTS, account_id, MAX_LISTS)

    async def lists_with(self, account_id: int, member_id: int) -> list[AccountList]:
        """Those of the account's that hold this member, by id."""
        async with self._pg.read(primary=True) as connection:
            return await _lists(connection, "lists_with", LISTS_WITH, account_id, MAX_LISTS, member_id)

    async def members(self, account_id: int, list_id: int, below: int, limit: int) -> list[int]:
        """The newest accounts first."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("list_members", MEMBERS, account_id, list_id, below, limit)
        return [row["member_id"] for row in rows]


async def _lists(connection: PgConnection, name: str, statement: str, *args: int) -> list[AccountList]:
    return [_list(row) for row in await connection.fetch(name, statement, *args)]


def _list(row: Any) -> AccountList:
    return AccountList(row["list_id"], row["title"], RepliesPolicy(row["replies_policy"]), row["exclusive"])
