"""What moderators do: they decide on posts, and take on, resolve and reopen reports."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from moderation_service.clients import PostClient
from moderation_service.errors import FieldInvalid, ModeratorRequired, PostNotFound, ReportNotFound, ReportResolved
from moderation_service.events import Events
from moderation_service.models import (
    DEFAULT_PAGE,
    MAX_BATCH,
    MAX_PAGE,
    MODERATOR,
    PERMISSION,
    REPORT,
    AuditEntry,
    Decision,
    PostRecord,
    Report,
    ReportQuery,
    State,
)
from moderation_service.repository import ModerationRepository, ModerationTransaction
from moderation_service.service.judging import record_decision
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.ids import IdSource

Change = Callable[[ModerationTransaction, Report], Awaitable[Report]]


class Desk:
    """Everything here needs a moderator's role, and leaves a line in the audit log."""

    def __init__(
        self, repository: ModerationRepository, posts: PostClient, events: Events, ids: IdSource, clock: Clock
    ) -> None:
        self._repository = repository
        self._posts = posts
        self._events = events
        self._ids = ids
        self._clock = clock

    async def decide(self, moderator: Identity, post_id: int, author_id: int, state: State) -> Decision:
        """A decision that no rule changes; the same again is the one that stands. Raises PostNotFound, FieldInvalid."""
        check_role(moderator)
        author = await self._author(moderator, post_id)
        if author_id not in (0, author):
            raise FieldInvalid("account_id", "is not the author of this post")
        async with self._repository.transaction() as tx:
            [record] = await tx.lock_posts({post_id: author})
            return await self._decide(tx, moderator, record, state, MODERATOR)

    async def list_reports(self, moderator: Identity, query: ReportQuery) -> list[Report]:
        """A page of reports, newest first. Raises FieldInvalid."""
        check_role(moderator)
        if not 0 <= query.limit <= MAX_PAGE:
            raise FieldInvalid("limit", f"must be between 1 and {MAX_PAGE}")
        return await self._repository.reports(replace(query, limit=query.limit or DEFAULT_PAGE))

    async def get(self, moderator: Identity, report_id: int) -> Report:
        """Raises ReportNotFound."""
        check_role(moderator)
        report = await self._repository.report(report_id)
        if report is None:
            raise ReportNotFound
        return report

    async def get_many(self, moderator: Identity, report_ids: Sequence[int]) -> list[Report]:
        """Those that there are. Raises FieldInvalid."""
        check_role(moderator)
        if not 1 <= len(report_ids) <= MAX_BATCH:
            raise FieldInvalid("report_ids", f"must be 1 to {MAX_BATCH}")
        return await self._repository.reports_by_id(report_ids)

    async def resolve(self, moderator: Identity, report_id: int, state: State | None) -> Report:
        """Closes the report, with that decision on its posts if one is named. Raises ReportNotFound, ReportResolved."""

        async def change(tx: ModerationTransaction, report: Report) -> Report:
            if report.resolved_at is not None:
                if state is not None and state is not report.resolution:
                    raise ReportResolved
                return report
            if state is not None and report.post_ids:
                records = await tx.lock_posts(dict.fromkeys(report.post_ids, report.target_account_id))
                for record in records:
                    await self._decide(tx, moderator, record, state, REPORT, report_id)
            now = self._clock.now()
            return replace(report, resolved_at=now, resolver_id=moderator.account_id, resolution=state)

        return await self._change(moderator, report_id, "resolution", change)

    async def reopen(self, moderator: Identity, report_id: int) -> Report:
        """What was decided on its posts stands. Raises ReportNotFound."""

        async def change(_tx: ModerationTransaction, report: Report) -> Report:
            return replace(report, resolved_at=None, resolver_id=0, resolution=None)

        return await self._change(moderator, report_id, "reopening", change)

    async def assign(self, moderator: Identity, report_id: int, assigned: bool) -> Report:
        """To the moderator who asks, or to nobody. Raises ReportNotFound."""

        async def change(_tx: ModerationTransaction, report: Report) -> Report:
            return replace(report, assignee_id=moderator.account_id if assigned else 0)

        return await self._change(moderator, report_id, "assignment", change)

    async def _change(self, moderator: Identity, report_id: int, action: str, change: Change) -> Report:
        """One change of a report, recorded if it makes a difference."""
        check_role(moderator)
        async with self._repository.transaction() as tx:
            before = await tx.lock_report(report_id)
            if before is None:
                raise ReportNotFound
            after = await change(tx, before)
            if after == before:
                return before
            now = self._clock.now()
            after = replace(after, updated_at=now)
            await tx.save_report(after)
            state = after.resolution.name.lower() if after.resolution else None
            detail = json.dumps({"state": state, "assignee_id": str(after.assignee_id)})
            entry = AuditEntry(action, moderator.account_id, after.target_account_id, None, report_id, detail)
            await tx.audit(entry, now)
        return after

    async def _decide(
        self,
        tx: ModerationTransaction,
        moderator: Identity,
        record: PostRecord,
        state: State,
        rule: str,
        report_id: int | None = None,
    ) -> Decision:
        standing = record.decision
        if standing is not None and standing.moderator_id and standing.state is state:
            return standing
        decision = Decision(
            decision_id=self._ids.mint(),
            post_id=record.post_id,
            author_id=record.author_id,
            state=state,
            rule=rule,
            decided_at=self._clock.now(),
            version=standing.version + 1 if standing else 1,
            moderator_id=moderator.account_id,
        )
        await record_decision(tx, self._events, decision, report_id=report_id)
        return decision

    async def _author(self, moderator: Identity, post_id: int) -> int:
        """By what was judged; else, for an old post or one made just now, by asking post."""
        known = await self._repository.post(post_id)
        if known is not None:
            return known.author_id
        authors = await self._posts.authors(moderator, [post_id])
        if post_id not in authors:
            raise PostNotFound
        return authors[post_id]


def check_role(identity: Identity) -> None:
    """Raises ModeratorRequired."""
    if not identity.permits(PERMISSION):
        raise ModeratorRequired
