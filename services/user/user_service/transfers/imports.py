"""Statements of imports; all on the primary, where they are worked on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from rookery_common.clients.postgres import PgConnection, Postgres
from user_service.transfers.models import KEPT, Import, ImportRow, Kind, Mode, Outcome, Row

_COLUMNS = "account_id, import_id, kind, mode, total, created_at, done, failed, finished_at"
# One after another for each account, so that their limit holds.
_LOCK_ACCOUNT = "SELECT account_id FROM accounts WHERE account_id = $1 FOR NO KEY UPDATE"
_REQUESTED = "SELECT import_id, request_digest FROM imports WHERE account_id = $1 AND request_id = $2"
_UNFINISHED = "SELECT count(*) FROM imports WHERE account_id = $1 AND finished_at IS NULL"
_SAVE = """
INSERT INTO imports (account_id, import_id, kind, mode, total, created_at, due_at, request_id, request_digest)
VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)
"""
_SAVE_ROWS = """
INSERT INTO import_rows (account_id, import_id, line, username, list_title, settings)
SELECT $1, $2, q.line, q.username, q.list_title, q.settings::jsonb
FROM unnest($3::int[], $4::text[], $5::text[], $6::text[]) AS q (line, username, list_title, settings)
"""
_FORGET = """
DELETE FROM imports WHERE account_id = $1 AND finished_at IS NOT NULL AND import_id < (
  SELECT min(k.import_id) FROM (
    SELECT import_id FROM imports WHERE account_id = $1 ORDER BY import_id DESC LIMIT $2
  ) k
)
"""
_LIST = f"SELECT {_COLUMNS} FROM imports WHERE account_id = $1 ORDER BY import_id DESC LIMIT $2"  # noqa: S608 - our columns
_GET = f"SELECT {_COLUMNS} FROM imports WHERE account_id = $1 AND import_id = $2"  # noqa: S608 - our columns
_FAILED_ROWS = """
SELECT line, username, list_title, settings, reason FROM import_rows
WHERE account_id = $1 AND import_id = $2 AND state = 2 AND line > $3 ORDER BY line LIMIT $4
"""
# Whoever has waited longest, so that a long one holds up no other. Chosen apart, since as a subquery some plans would
# choose anew for each row that they look at.
CLAIM = f"""
WITH due AS (
  SELECT account_id, import_id FROM imports WHERE finished_at IS NULL AND due_at <= $1
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
UPDATE imports SET due_at = $2 WHERE (account_id, import_id) IN (SELECT account_id, import_id FROM due)
RETURNING {_COLUMNS}
"""  # noqa: S608 - our columns
WAITING_ROWS = """
SELECT line, username, list_title, settings FROM import_rows
WHERE account_id = $1 AND import_id = $2 AND state = 0 ORDER BY line LIMIT $3
"""
# A row counts once, whoever has done it again meanwhile.
_RECORD = """
WITH changed AS (
  UPDATE import_rows r SET state = q.state, reason = q.reason, target_id = q.target_id
  FROM unnest($4::int[], $5::smallint[], $6::text[], $7::bigint[]) AS q (line, state, reason, target_id)
  WHERE r.account_id = $1 AND r.import_id = $2 AND r.line = q.line AND r.state = 0
  RETURNING r.state
)
UPDATE imports SET due_at = $3,
  done = done + (SELECT count(*) FROM changed WHERE state = 1),
  failed = failed + (SELECT count(*) FROM changed WHERE state = 2)
WHERE account_id = $1 AND import_id = $2
"""
_FINISH = "UPDATE imports SET finished_at = $3 WHERE account_id = $1 AND import_id = $2 AND finished_at IS NULL"
_FORGET_DONE = "DELETE FROM import_rows WHERE account_id = $1 AND import_id = $2 AND state = 1"
_UNNAMED = """
AND NOT EXISTS (SELECT FROM import_rows r WHERE r.account_id = $1 AND r.import_id = $2 AND r.target_id = t.{})
ORDER BY t.{} DESC LIMIT $3
"""
# What there was before the import, and is not among its rows. Ids rise, those of imports as well as those of follows.
UNNAMED = {
    Kind.FOLLOWS: """
SELECT t.followee_id AS target_id FROM follows_by_follower t
WHERE t.follower_id = $1 AND t.follow_id < $2 AND t.active"""
    + _UNNAMED.format("followee_id", "follow_id"),
    Kind.BLOCKS: """
SELECT t.blocked_id AS target_id FROM blocks_by_blocker t
WHERE t.blocker_id = $1 AND t.block_id < $2 AND t.active"""
    + _UNNAMED.format("blocked_id", "block_id"),
    Kind.MUTES: """
SELECT t.muted_id AS target_id FROM mutes t
WHERE t.muter_id = $1 AND t.mute_id < $2 AND t.active"""
    + _UNNAMED.format("muted_id", "mute_id"),
}
UNNAMED_LISTS = """
SELECT l.list_id FROM lists l WHERE l.account_id = $1 AND l.list_id < $2 AND NOT EXISTS (
  SELECT FROM import_rows r WHERE r.account_id = $1 AND r.import_id = $2 AND r.list_title = l.title
) LIMIT $3
"""
UNNAMED_MEMBERS = """
SELECT m.list_id, m.member_id FROM list_members m
JOIN lists l ON l.account_id = m.account_id AND l.list_id = m.list_id
WHERE m.account_id = $1 AND m.list_id < $2 AND NOT EXISTS (
  SELECT FROM import_rows r
  WHERE r.account_id = $1 AND r.import_id = $2 AND r.target_id = m.member_id AND r.list_title = l.title
) ORDER BY m.list_id, m.member_id LIMIT $3
"""
_BATCH = 2_000


class ImportTransaction:
    """One import that is taken in; all of it or nothing."""

    def __init__(self, tx: PgConnection, account_id: int) -> None:
        self._tx = tx
        self._account_id = account_id

    async def lock(self) -> bool:
        """Whether there is such an account, for which nobody else takes one in until the transaction ends."""
        return await self._tx.fetchrow("imports_lock", _LOCK_ACCOUNT, self._account_id) is not None

    async def requested(self, request_id: str) -> tuple[int, bytes] | None:
        """The import that was asked for with this, and the digest of the request."""
        row = await self._tx.fetchrow("import_request", _REQUESTED, self._account_id, request_id)
        return (row["import_id"], row["request_digest"]) if row else None

    async def unfinished(self) -> int:
        """How many are under way."""
        return int(await self._tx.fetchval("imports_unfinished", _UNFINISHED, self._account_id))

    async def save(self, made: Import, rows: Sequence[ImportRow], request_id: str, digest: bytes) -> None:
        """The import and its rows; the oldest that are over are forgotten."""
        key = (self._account_id, made.import_id)
        values = (made.kind, made.mode, made.total, made.created_at, request_id or None, digest)
        await self._tx.execute("import_save", _SAVE, *key, *values)
        for start in range(0, len(rows), _BATCH):
            batch = [_columns(each) for each in rows[start : start + _BATCH]]
            columns = [list(column) for column in zip(*batch, strict=True)]
            await self._tx.execute("import_rows_save", _SAVE_ROWS, *key, *columns)
        await self._tx.execute("imports_forget", _FORGET, self._account_id, KEPT)


class ImportRepository:
    """Imports, by whose they are and by which waits longest."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    @asynccontextmanager
    async def transaction(self, account_id: int) -> AsyncIterator[ImportTransaction]:
        async with self._pg.transaction() as tx:
            yield ImportTransaction(tx, account_id)

    async def newest(self, account_id: int) -> list[Import]:
        """The account's, the newest first."""
        async with self._pg.read(primary=True) as connection:
            return [_import(row) for row in await connection.fetch("imports_list", _LIST, account_id, KEPT)]

    async def get(self, account_id: int, import_id: int) -> Import | None:
        async with self._pg.read(primary=True) as connection:
            row = await connection.fetchrow("import_get", _GET, account_id, import_id)
        return _import(row) if row else None

    async def failed_rows(
        self, account_id: int, import_id: int, after_line: int, limit: int
    ) -> list[tuple[ImportRow, str]]:
        """With the reason of each, in the order of their lines."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("import_failed_rows", _FAILED_ROWS, account_id, import_id, after_line, limit)
        return [(_row(row), row["reason"]) for row in rows]

    async def claim(self, now: datetime, until: datetime) -> Import | None:
        """The one that has waited longest, which nobody else gets until then."""
        async with self._pg.transaction() as tx:
            row = await tx.fetchrow("import_claim", CLAIM, now, until)
        return _import(row) if row else None

    async def waiting_rows(self, job: Import, limit: int) -> list[ImportRow]:
        """The next, in the order of their lines."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("import_waiting_rows", WAITING_ROWS, job.account_id, job.import_id, limit)
        return [_row(row) for row in rows]

    async def record(self, job: Import, outcomes: Sequence[Outcome], now: datetime) -> None:
        """What has become of rows; whoever comes first goes on with it."""
        lines = [each.line for each in outcomes]
        states = [int(each.state) for each in outcomes]
        reasons, targets = [each.reason for each in outcomes], [each.target_id for each in outcomes]
        async with self._pg.transaction() as tx:
            await tx.execute(
                "import_record", _RECORD, job.account_id, job.import_id, now, lines, states, reasons, targets
            )

    async def unnamed(self, job: Import, limit: int) -> list[int]:
        """Whom the account follows, blocks or mutes since before the import, which does not name them."""
        args = (job.account_id, job.import_id, limit)
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch(f"import_unnamed_{job.kind.name.lower()}", UNNAMED[job.kind], *args)
        return [row["target_id"] for row in rows]

    async def unnamed_lists(self, job: Import, limit: int) -> list[int]:
        """Lists from before the import, which names none of these titles."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("import_unnamed_lists", UNNAMED_LISTS, job.account_id, job.import_id, limit)
        return [row["list_id"] for row in rows]

    async def unnamed_members(self, job: Import, limit: int) -> list[tuple[int, int]]:
        """Lists from before the import, each with a member of whom it does not say that they are on it."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch(
                "import_unnamed_members", UNNAMED_MEMBERS, job.account_id, job.import_id, limit
            )
        return [(row["list_id"], row["member_id"]) for row in rows]

    async def finish(self, job: Import, now: datetime) -> None:
        """It is over; only what failed is kept of its rows."""
        async with self._pg.transaction() as tx:
            await tx.execute("import_finish", _FINISH, job.account_id, job.import_id, now)
            await tx.execute("import_forget_done", _FORGET_DONE, job.account_id, job.import_id)


def _columns(given: ImportRow) -> tuple[int, str, str, str]:
    row = given.row
    settings = {
        "reblogs": row.reblogs,
        "notify": row.notify,
        "languages": row.languages,
        "notifications": row.notifications,
        **({"post_address": row.post_address, "post_id": row.post_id} if row.post_address else {}),
    }
    return given.line, row.username, row.list_title, json.dumps(settings)


def _row(row: Any) -> ImportRow:
    settings = json.loads(row["settings"])
    languages = settings.pop("languages")
    known = None if languages is None else tuple(languages)
    return ImportRow(row["line"], Row(row["username"], languages=known, list_title=row["list_title"], **settings))


def _import(row: Any) -> Import:
    return Import(
        row["account_id"],
        row["import_id"],
        Kind(row["kind"]),
        Mode(row["mode"]),
        row["total"],
        row["created_at"],
        row["done"],
        row["failed"],
        row["finished_at"],
    )
