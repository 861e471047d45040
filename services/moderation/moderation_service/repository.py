"""Every statement of moderation's database; returns models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from moderation_service.models import (
    AuditEntry,
    Category,
    Decision,
    PostRecord,
    Report,
    ReportQuery,
    State,
    Subject,
)
from rookery_common.clients.postgres import Postgres
from rookery_common.ids import MAX_ID, time_of
from rookery_common.kafka.events import Event
from rookery_common.kafka.inbox import PostgresInbox
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox

PURGE_ROWS = 2_000

_POST = """post_id, author_id, judged_version, decision_id, state, rule, moderator_id, decided_at, decision_version"""
_OPEN_POST = f"""
INSERT INTO posts AS p (post_id, author_id, created_at, is_reblog, judged_version) VALUES ($1, $2, $3, $4, 0)
ON CONFLICT (post_id) DO UPDATE SET created_at = excluded.created_at, is_reblog = excluded.is_reblog
RETURNING {_POST}
"""  # noqa: S608 - our own words
_OPEN_POSTS = """
INSERT INTO posts (post_id, author_id, created_at, is_reblog, judged_version)
SELECT post_id, author_id, created_at, false, 0
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS t (post_id, author_id, created_at)
ORDER BY post_id ON CONFLICT (post_id) DO NOTHING
"""
_LOCK_POSTS = f"""
SELECT {_POST} FROM posts WHERE post_id = ANY($1::bigint[]) ORDER BY post_id FOR UPDATE
"""  # noqa: S608 - our own words
_FIND_POST = f"SELECT {_POST} FROM posts WHERE post_id = $1"  # noqa: S608 - our own words
_MARK_JUDGED = "UPDATE posts SET judged_version = $2 WHERE post_id = $1"
_LOCK_AUTHOR = "SELECT pg_advisory_xact_lock($1)"
_POSTS_AROUND = """
SELECT created_at FROM posts
WHERE author_id = $1 AND NOT is_reblog AND created_at > $2 AND created_at < $3 ORDER BY created_at LIMIT $4
"""
_ADD_FINDINGS = """
INSERT INTO findings (post_id, rule, action, post_version, found_at)
SELECT $1, rule, action, $2, $3 FROM unnest($4::text[], $5::text[]) AS t (rule, action)
ON CONFLICT (post_id, rule) DO NOTHING RETURNING rule
"""
_DECIDE = """
UPDATE posts SET decision_id = $2, state = $3, rule = $4, moderator_id = $5, decided_at = $6, decision_version = $7
WHERE post_id = $1
"""
AUDIT = """
INSERT INTO audit_log (at, action, actor_id, account_id, post_id, report_id, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
_REPORT = """report_id, account_id, target_account_id, post_ids, comment, category, rule, created_at, updated_at,
       resolved_at, resolver_id, resolution, assignee_id"""
_ADD_REPORT = """
INSERT INTO reports (report_id, account_id, target_account_id, post_ids, comment, category, rule, request_id,
                     body_digest, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
"""
_ADD_RULE_REPORT = f"""
{_ADD_REPORT}
ON CONFLICT (target_account_id, rule) WHERE rule <> '' AND resolved_at IS NULL DO UPDATE SET
  updated_at = excluded.updated_at,
  post_ids = CASE WHEN cardinality(reports.post_ids) < $11 AND NOT reports.post_ids @> excluded.post_ids
                  THEN reports.post_ids || excluded.post_ids ELSE reports.post_ids END
RETURNING report_id
"""
_REPORT_BY_REQUEST = f"""
SELECT {_REPORT}, body_digest FROM reports WHERE account_id = $1 AND request_id = $2 AND request_id <> ''
"""  # noqa: S608 - our own words
_REPORT_BY_ID = f"SELECT {_REPORT} FROM reports WHERE report_id = $1"  # noqa: S608 - our own words
_REPORTS_BY_ID = f"SELECT {_REPORT} FROM reports WHERE report_id = ANY($1::bigint[])"  # noqa: S608 - our own words
_SAVE_REPORT = """
UPDATE reports SET updated_at = $2, resolved_at = $3, resolver_id = $4, resolution = $5, assignee_id = $6,
  comment = CASE WHEN $3::timestamptz IS NOT NULL AND account_id IN (SELECT account_id FROM erased_accounts)
                 THEN '' ELSE comment END
WHERE report_id = $1
"""
_NOTE_ERASED = "INSERT INTO erased_accounts (account_id, erased_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"
# By an unkeyed digest a short comment could be guessed.
_ERASE_COMMENTS = """
UPDATE reports SET comment = '', request_id = '', body_digest = '' WHERE report_id IN (
  SELECT report_id FROM reports
  WHERE account_id = $1 AND resolved_at IS NOT NULL AND (comment <> '' OR body_digest <> '')
  ORDER BY report_id LIMIT $2
)
"""
_OPEN = {False: "resolved_at IS NULL", True: "resolved_at IS NOT NULL"}
_ORDER = {False: "DESC", True: "ASC"}
# By whether they are resolved, and whether the page is counted from below.
_LIST_REPORTS = {
    (resolved, upwards): f"""
SELECT {_REPORT} FROM reports
WHERE {_OPEN[resolved]} AND ($1::bigint = 0 OR account_id = $1) AND ($2::bigint = 0 OR target_account_id = $2)
  AND report_id < $3 AND report_id > $4
ORDER BY report_id {_ORDER[upwards]} LIMIT $5
"""  # noqa: S608 - our own words
    for resolved in (False, True)
    for upwards in (False, True)
}
_PURGE_POSTS = """
DELETE FROM posts WHERE post_id IN (
  SELECT post_id FROM posts WHERE decision_version = 0 AND created_at < $1 ORDER BY created_at LIMIT $2
)
"""


class ModerationTransaction:
    """One change of moderation, its lines in the audit log, and the events that tell of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction, inbox: PostgresInbox) -> None:
        self._tx = tx
        self._inbox = inbox

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def first(self, consumer: str, event_id: str) -> bool:
        """Whether the consumer has not handled this event yet; from then on it has."""
        return not await self._inbox.seen(self._tx, consumer, event_id)

    async def open_post(self, post: Subject) -> PostRecord:
        """What is known of the post, locked until the transaction ends."""
        args = (post.post_id, post.author_id, post.created_at, post.is_reblog)
        return _post(await self._tx.fetchrow("post_open", _OPEN_POST, *args))

    async def lock_posts(self, authors: Mapping[int, int]) -> list[PostRecord]:
        """What is known of each post (by id, with its author), locked, in the order of their ids."""
        ids = sorted(authors)
        columns = (ids, [authors[post_id] for post_id in ids], [time_of(post_id) for post_id in ids])
        await self._tx.execute("posts_open", _OPEN_POSTS, *columns)
        return [_post(row) for row in await self._tx.fetch("posts_lock", _LOCK_POSTS, ids)]

    async def mark_judged(self, post_id: int, version: int) -> None:
        await self._tx.execute("post_judged", _MARK_JUDGED, post_id, version)

    async def lock_author(self, author_id: int) -> None:
        """Until the transaction ends: of two posts at once, each would not count the other."""
        await self._tx.execute("author_lock", _LOCK_AUTHOR, author_id)

    async def posts_around(self, author_id: int, at: datetime, window: timedelta, limit: int) -> list[datetime]:
        """When the author made posts less than the window before or after that time, reblogs aside."""
        args = (author_id, at - window, at + window, limit)
        return [row["created_at"] for row in await self._tx.fetch("posts_around", _POSTS_AROUND, *args)]

    async def add_findings(self, post: Subject, actions: Mapping[str, str], now: datetime) -> set[str]:
        """Records which rules the post breaks, by name with their actions; those that it had not broken before."""
        args = (post.post_id, post.version, now, list(actions), list(actions.values()))
        return {row["rule"] for row in await self._tx.fetch("findings_add", _ADD_FINDINGS, *args)}

    async def decide(self, decision: Decision) -> None:
        """The decision that stands from now on."""
        args = (decision.decision_id, decision.state, decision.rule, decision.moderator_id, decision.decided_at)
        await self._tx.execute("post_decide", _DECIDE, decision.post_id, *args, decision.version)

    async def audit(self, entry: AuditEntry, now: datetime) -> None:
        """A line of the log, for good."""
        args = (entry.action, entry.actor_id, entry.account_id, entry.post_id, entry.report_id, entry.detail)
        await self._tx.execute("audit", AUDIT, now, *args)

    async def add_report(self, report: Report, request_id: str, digest: bytes) -> None:
        """Raises UniqueViolated for the request id of an earlier report."""
        await self._tx.execute("report_add", _ADD_REPORT, *_report_row(report, request_id, digest))

    async def add_rule_report(self, report: Report, most_posts: int) -> int:
        """Puts the post into the rule's open report on the account, or opens one; the report's id."""
        row = _report_row(report, "", b"")
        report_id: int = await self._tx.fetchval("rule_report_add", _ADD_RULE_REPORT, *row, most_posts)
        return report_id

    async def lock_report(self, report_id: int) -> Report | None:
        row = await self._tx.fetchrow("report_lock", f"{_REPORT_BY_ID} FOR UPDATE", report_id)
        return _report(row) if row else None

    async def save_report(self, report: Report) -> None:
        """Whether it is resolved, and who has it in hand; of a deleted account's, its comment goes with that."""
        args = (report.updated_at, report.resolved_at, report.resolver_id, report.resolution, report.assignee_id)
        await self._tx.execute("report_save", _SAVE_REPORT, report.report_id, *args)


class ModerationRepository:
    """Moderation's database."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox
        self._inbox = PostgresInbox()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ModerationTransaction]:
        """Commits when the block ends well, and publishes what was emitted."""
        async with self._outbox.transaction() as tx:
            yield ModerationTransaction(tx, self._inbox)

    async def post(self, post_id: int) -> PostRecord | None:
        async with self._pg.read(primary=True) as read:
            row = await read.fetchrow("post", _FIND_POST, post_id)
        return _post(row) if row else None

    async def report_by_request(self, account_id: int, request_id: str) -> tuple[Report, bytes] | None:
        """The report that was made with this request id, and what it said as a digest."""
        async with self._pg.read(primary=True) as read:
            row = await read.fetchrow("report_by_request", _REPORT_BY_REQUEST, account_id, request_id)
        return (_report(row), row["body_digest"]) if row else None

    async def report(self, report_id: int) -> Report | None:
        async with self._pg.read(primary=True) as read:
            row = await read.fetchrow("report", _REPORT_BY_ID, report_id)
        return _report(row) if row else None

    async def reports_by_id(self, report_ids: Sequence[int]) -> list[Report]:
        """Those of them that there are."""
        async with self._pg.read(primary=True) as read:
            return [_report(row) for row in await read.fetch("reports_by_id", _REPORTS_BY_ID, report_ids)]

    async def reports(self, query: ReportQuery) -> list[Report]:
        """A page, newest first; with `min_id`, the one just above it."""
        upwards = query.min_id > 0 and query.max_id == 0
        statement = _LIST_REPORTS[query.resolved, upwards]
        bounds = (query.max_id or MAX_ID, max(query.since_id, query.min_id))
        args = (query.account_id, query.target_account_id, *bounds, query.limit)
        async with self._pg.read(primary=True) as read:
            found = [_report(row) for row in await read.fetch("reports", statement, *args)]
        return found[::-1] if upwards else found

    async def erase_reporter(self, account_id: int, now: datetime, limit: int) -> int:
        """Empties at most so many resolved reports of the account, how many; the rest as they are resolved."""
        async with self._pg.transaction() as tx:
            await tx.execute("erased_note", _NOTE_ERASED, account_id, now)
        async with self._pg.transaction() as tx:
            return await tx.execute("comments_erase", _ERASE_COMMENTS, account_id, limit)

    async def purge(self, before: datetime) -> int:
        """Forgets a bounded number of undecided posts of that age, and of events handled long ago; how many."""
        async with self._pg.transaction() as tx:
            posts = await tx.execute("posts_purge", _PURGE_POSTS, before, PURGE_ROWS)
            return posts + await self._inbox.purge(tx)


def _post(row: Any) -> PostRecord:
    decision = None
    if row["decision_version"]:
        decision = Decision(
            decision_id=row["decision_id"],
            post_id=row["post_id"],
            author_id=row["author_id"],
            state=State(row["state"]),
            rule=row["rule"],
            decided_at=row["decided_at"],
            version=row["decision_version"],
            moderator_id=row["moderator_id"],
        )
    return PostRecord(row["post_id"], row["author_id"], row["judged_version"], decision)


def _report_row(report: Report, request_id: str, digest: bytes) -> Sequence[object]:
    return (
        report.report_id, report.account_id, report.target_account_id, list(report.post_ids), report.comment,
        report.category, report.rule, request_id, digest, report.created_at,
    )  # fmt: skip


def _report(row: Any) -> Report:
    return Report(
        report_id=row["report_id"],
        account_id=row["account_id"],
        target_account_id=row["target_account_id"],
        post_ids=tuple(row["post_ids"]),
        comment=row["comment"],
        category=Category(row["category"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        rule=row["rule"],
        resolved_at=row["resolved_at"],
        resolver_id=row["resolver_id"],
        resolution=State(row["resolution"]) if row["resolution"] else None,
        assignee_id=row["assignee_id"],
    )
