"""Reports that people make."""

from __future__ import annotations

import hashlib
import json

from moderation_service.clients import PostClient, UserClient
from moderation_service.errors import AccountNotFound, FieldInvalid, IdempotencyConflict, PostNotFound
from moderation_service.events import Events
from moderation_service.metrics import REPORTS
from moderation_service.models import (
    MAX_COMMENT_CHARS,
    MAX_REPORT_POSTS,
    MAX_REQUEST_ID_CHARS,
    AuditEntry,
    NewReport,
    Report,
)
from moderation_service.repository import ModerationRepository
from rookery_common.auth import Identity
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

log = get_logger()


class Reports:
    """Anyone who is signed in may report an account, with posts of it that they see."""

    def __init__(
        self,
        repository: ModerationRepository,
        users: UserClient,
        posts: PostClient,
        events: Events,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._users = users
        self._posts = posts
        self._events = events
        self._ids = ids
        self._clock = clock

    async def create(self, reporter: Identity, new: NewReport) -> Report:
        """The report, or the one that an earlier try with its request id made.

        Raises FieldInvalid, AccountNotFound, PostNotFound, IdempotencyConflict.
        """
        _check(new)
        digest = _digest(new)
        repeated = await self._repeated(reporter.account_id, new.request_id, digest)
        if repeated is not None:
            return repeated
        await self._check_target(reporter, new)
        report = self._report(reporter.account_id, new)
        try:
            await self._save(report, new.request_id, digest)
        except UniqueViolated:
            # The same request, sent twice at once: the other was faster.
            repeated = await self._repeated(reporter.account_id, new.request_id, digest)
            if repeated is None:
                raise
            return repeated
        REPORTS.labels("person").inc()
        log.info("moderation.reported", report_id=report.report_id, account_id=report.target_account_id)
        return report

    async def _repeated(self, reporter_id: int, request_id: str, digest: bytes) -> Report | None:
        if not request_id:
            return None
        known = await self._repository.report_by_request(reporter_id, request_id)
        if known is None:
            return None
        if known[1] != digest:
            raise IdempotencyConflict
        return known[0]

    async def _check_target(self, reporter: Identity, new: NewReport) -> None:
        if not await self._users.exists(reporter, new.target_account_id):
            raise AccountNotFound
        if new.post_ids:
            authors = await self._posts.authors(reporter, new.post_ids)
            if any(authors.get(post_id) != new.target_account_id for post_id in new.post_ids):
                raise PostNotFound

    def _report(self, reporter_id: int, new: NewReport) -> Report:
        now = self._clock.now()
        return Report(
            report_id=self._ids.mint(),
            account_id=reporter_id,
            target_account_id=new.target_account_id,
            post_ids=new.post_ids,
            comment=new.comment,
            category=new.category,
            created_at=now,
            updated_at=now,
        )

    async def _save(self, report: Report, request_id: str, digest: bytes) -> None:
        detail = json.dumps({"category": report.category.name.lower(), "posts": [str(id_) for id_ in report.post_ids]})
        entry = AuditEntry(
            "report", report.account_id, report.target_account_id, report_id=report.report_id, detail=detail
        )
        async with self._repository.transaction() as tx:
            await tx.add_report(report, request_id, digest)
            await tx.audit(entry, report.created_at)
            tx.emit(self._events.report_created(report))


def _check(new: NewReport) -> None:
    if new.target_account_id <= 0:
        raise FieldInvalid("account_id", "can't be blank", "ERR_BLANK")
    if len(new.comment) > MAX_COMMENT_CHARS:
        raise FieldInvalid("comment", f"is too long (maximum is {MAX_COMMENT_CHARS} characters)", "ERR_TOO_LONG")
    if len(new.post_ids) > MAX_REPORT_POSTS:
        raise FieldInvalid("status_ids", f"are too many (maximum is {MAX_REPORT_POSTS})", "ERR_TOO_MANY")
    if len(new.request_id) > MAX_REQUEST_ID_CHARS or not new.request_id.isprintable():
        raise FieldInvalid("request_id", f"must be at most {MAX_REQUEST_ID_CHARS} printable characters", "ERR_TOO_LONG")


def _digest(new: NewReport) -> bytes:
    body = [new.target_account_id, sorted(new.post_ids), new.comment, int(new.category)]
    return hashlib.sha256(json.dumps(body).encode()).digest()
