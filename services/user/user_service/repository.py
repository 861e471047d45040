"""Every statement of the user service; returns models. Reads may be a replica's unless the primary is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.counts import CountChange, TagChange, add_counts, add_tag_counts, add_to_community
from user_service.deletions.repository import is_deleted
from user_service.models import (
    Account,
    Counts,
    PostDelta,
    PostFact,
    Reservation,
)
from user_service.relationships.models import Pair
from user_service.rows import ACCOUNT_COLUMNS, account_of, fields_json

_PUT_RESERVATION = """
INSERT INTO reservations AS r (request_id, account_id, username, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (request_id) DO UPDATE SET expires_at = greatest(r.expires_at, excluded.expires_at)
RETURNING request_id, account_id, username, expires_at, confirmed_at
"""
_HOLD_USERNAME = """
INSERT INTO usernames AS u (username_key, account_id, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (username_key) DO UPDATE SET account_id = excluded.account_id, expires_at = excluded.expires_at
  WHERE u.expires_at IS NOT NULL AND (u.account_id = excluded.account_id OR u.expires_at <= $4)
"""
_CONFIRM_RESERVATION = """
UPDATE reservations SET confirmed_at = coalesce(confirmed_at, $3) WHERE request_id = $1 AND account_id = $2
RETURNING request_id, account_id, username, expires_at, confirmed_at
"""
_KEEP_USERNAME = """
INSERT INTO usernames AS u (username_key, account_id) VALUES ($1, $2)
ON CONFLICT (username_key) DO UPDATE SET expires_at = NULL WHERE u.account_id = excluded.account_id
"""
_PURGE_USERNAMES = """
DELETE FROM usernames WHERE username_key IN (
  SELECT username_key FROM usernames WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
)
"""
_INSERT_ACCOUNT = """
INSERT INTO accounts (account_id, username, display_name, note, locked, bot, discoverable, indexable, avatar_url,
                      header_url, fields, created_at, version)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (account_id) DO NOTHING
"""
_ACCOUNTS = f"SELECT {ACCOUNT_COLUMNS} FROM accounts a WHERE a.account_id = ANY($1::bigint[]) LIMIT $2"  # noqa: S608
ACCOUNTS_WITH_COUNTS = f"""
SELECT {ACCOUNT_COLUMNS}, c.followers, c.following, c.statuses, c.last_status_at
FROM accounts a LEFT JOIN LATERAL (
  SELECT sum(followers)::bigint AS followers, sum(following)::bigint AS following, sum(statuses)::bigint AS statuses,
         max(last_status_at) AS last_status_at
  FROM account_counts WHERE account_id = a.account_id
) c ON true
WHERE a.account_id = ANY($1::bigint[]) LIMIT $2
"""  # noqa: S608
LIST_ACCOUNTS = f"SELECT {ACCOUNT_COLUMNS} FROM accounts a WHERE a.account_id > $1 ORDER BY a.account_id LIMIT $2"  # noqa: S608
LOOKUP = f"""
SELECT {ACCOUNT_COLUMNS} FROM usernames u JOIN accounts a USING (account_id)
WHERE u.username_key = ANY($1::text[]) AND u.expires_at IS NULL LIMIT $2
"""  # noqa: S608
_OPEN_POSTS = """
INSERT INTO post_facts (author_id, post_id, version, counted, deleted)
SELECT author_id, post_id, 0, false, false FROM unnest($1::bigint[], $2::bigint[]) AS t (author_id, post_id)
WHERE NOT EXISTS (SELECT FROM account_deletions d WHERE d.account_id = t.author_id)
ON CONFLICT (author_id, post_id) DO NOTHING
"""
_LOCK_POSTS = """
SELECT author_id, post_id, version, counted, deleted, created_at, tags FROM post_facts
WHERE (author_id, post_id) IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))
ORDER BY author_id, post_id FOR UPDATE
"""
# Hashtags have no spaces, and arrays of arrays would all have to be of one length.
_SAVE_POSTS = """
UPDATE post_facts p SET version = t.version, counted = t.counted, deleted = t.deleted, created_at = t.created_at,
                        tags = string_to_array(t.tags, ' ')
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::boolean[], $5::boolean[], $6::timestamptz[], $7::text[])
  AS t (author_id, post_id, version, counted, deleted, created_at, tags)
WHERE p.author_id = t.author_id AND p.post_id = t.post_id
"""
# Once a day for each account, and locked in one order everywhere.
_SAVE_LAST_STATUSES = """
UPDATE accounts a SET last_status_on = t.day FROM (
  SELECT account_id, day FROM accounts JOIN unnest($1::bigint[], $2::date[]) AS t (account_id, day) USING (account_id)
  WHERE last_status_on IS NULL OR last_status_on < day ORDER BY account_id FOR NO KEY UPDATE OF accounts
) t
WHERE a.account_id = t.account_id
"""


class UserTransaction:
    """One change of the user service and the events that tell of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def put_reservation(self, wanted: Reservation) -> Reservation:
        """The reservation of this request id: the wanted one, or that of an earlier try, held as long as the wanted."""
        args = (wanted.request_id, wanted.account_id, wanted.username, wanted.expires_at)
        row = await self._tx.fetchrow("reservation_put", _PUT_RESERVATION, *args)
        assert row is not None  # noqa: S101 - an upsert returns its row
        return _reservation(row)

    async def hold_username(self, reservation: Reservation, now: datetime) -> bool:
        """Whether the name is the reservation's now: it was free, expired, or its own already."""
        args = (reservation.username_key, reservation.account_id, reservation.expires_at, now)
        return await self._tx.execute("username_hold", _HOLD_USERNAME, *args) == 1

    async def confirm_reservation(self, request_id: str, account_id: int, now: datetime) -> Reservation | None:
        """The reservation, confirmed; None if there is none of this request and account."""
        row = await self._tx.fetchrow("reservation_confirm", _CONFIRM_RESERVATION, request_id, account_id, now)
        return _reservation(row) if row else None

    async def keep_username(self, reservation: Reservation) -> bool:
        """Makes the name the account's for good; False if it is another's by now."""
        args = (reservation.username_key, reservation.account_id)
        return await self._tx.execute("username_keep", _KEEP_USERNAME, *args) == 1

    async def insert_account(self, account: Account) -> bool:
        """False if it is there already."""
        args = (
            account.account_id, account.username, account.display_name, account.note, account.locked, account.bot,
            account.discoverable, account.indexable, account.avatar_url, account.header_url,
            fields_json(account.fields), account.created_at, account.version,
        )  # fmt: skip
        if not await self._tx.execute("account_insert", _INSERT_ACCOUNT, *args):
            return False
        await add_to_community(self._tx, account.account_id, accounts=1)
        return True

    async def is_deleted(self, account_id: int) -> bool:
        """Whether this was an account."""
        return await is_deleted(self._tx, account_id)

    async def account(self, account_id: int) -> Account | None:
        rows = await self._tx.fetch("accounts", _ACCOUNTS, [account_id], 1)
        return account_of(rows[0]) if rows else None

    async def lock_posts(self, keys: Iterable[Pair]) -> dict[Pair, PostFact]:
        """What is known of the posts, locked; an empty fact for one that is new, none for one of a deleted account."""
        ordered = sorted(keys)
        columns = ([author for author, _ in ordered], [post for _, post in ordered])
        await self._tx.execute("posts_open", _OPEN_POSTS, *columns)
        rows = await self._tx.fetch("posts_lock", _LOCK_POSTS, *columns)
        facts = [PostFact(**{**row, "tags": tuple(row["tags"])}) for row in rows]
        return {fact.key: fact for fact in facts}

    async def save_posts(self, facts: Sequence[PostFact]) -> None:
        rows = [
            (f.author_id, f.post_id, f.version, f.counted, f.deleted, f.created_at, " ".join(f.tags)) for f in facts
        ]
        await self._tx.execute("posts_save", _SAVE_POSTS, *_columns(rows))

    async def count_posts(self, deltas: Mapping[int, PostDelta]) -> None:
        changes = [
            CountChange(author, 0, statuses=delta.statuses, last_status_at=delta.last_status_at)
            for author, delta in deltas.items()
        ]
        tags = [
            TagChange(author, name, tag.statuses, tag.last_status_at)
            for author, delta in deltas.items()
            for name, tag in delta.tags.items()
        ]
        if tags:
            await add_tag_counts(self._tx, tags)
        await add_counts(self._tx, changes)
        days = [(author, delta.last_status_at.date()) for author, delta in deltas.items() if delta.last_status_at]
        if days:
            await self._tx.execute("last_statuses_save", _SAVE_LAST_STATUSES, *_columns(days))
        if total := sum(delta.statuses for delta in deltas.values()):
            await add_to_community(self._tx, min(deltas), statuses=total)


class UserRepository:
    """The user service's database."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UserTransaction]:
        """A change on the primary; its events are published after the commit."""
        async with self._outbox.transaction() as tx:
            yield UserTransaction(tx)

    async def accounts(self, ids: Sequence[int], *, primary: bool) -> dict[int, tuple[Account, Counts]]:
        """Profiles and counts by id, without the unknown."""
        async with self._pg.read(primary=primary) as connection:
            rows = await connection.fetch("accounts_with_counts", ACCOUNTS_WITH_COUNTS, ids, len(ids))
        return {row["account_id"]: (account_of(row), _counts(row)) for row in rows}

    async def accounts_by_username(self, keys: Sequence[str], *, primary: bool) -> list[Account]:
        """Accounts whose names, in lower case, are among the keys."""
        async with self._pg.read(primary=primary) as connection:
            return [account_of(row) for row in await connection.fetch("accounts_lookup", LOOKUP, keys, len(keys))]

    async def list_accounts(self, above: int, limit: int) -> list[Account]:
        """The next accounts by id; the primary's, so that nothing is older than an event that told of it."""
        async with self._pg.read(primary=True) as connection:
            return [account_of(row) for row in await connection.fetch("accounts_list", LIST_ACCOUNTS, above, limit)]

    async def purge_usernames(self, before: datetime, limit: int) -> int:
        """Forgets names that were reserved and never confirmed; returns how many."""
        async with self._pg.transaction() as tx:
            return await tx.execute("usernames_purge", _PURGE_USERNAMES, before, limit)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _reservation(row: Any) -> Reservation:
    return Reservation(
        row["request_id"], row["account_id"], row["username"], row["expires_at"], row["confirmed_at"] is not None
    )


def _counts(row: Any) -> Counts:
    return Counts(row["followers"] or 0, row["following"] or 0, row["statuses"] or 0, row["last_status_at"])
