"""The repository in memory. tests/engine runs the same test modules (links to these) over Postgres, so it can't lie."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from moderation_service.models import AuditEntry, Decision, PostRecord, Report, ReportQuery, Subject
from moderation_service.repository import ModerationRepository, ModerationTransaction
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.ids import MAX_ID
from rookery_common.kafka.events import Event


@dataclass
class State:
    """What the fake's database holds."""

    posts: dict[int, PostRecord] = field(default_factory=dict)
    times: dict[int, tuple[datetime, bool]] = field(default_factory=dict)
    findings: set[tuple[int, str]] = field(default_factory=set)
    reports: dict[int, Report] = field(default_factory=dict)
    requests: dict[tuple[int, str], tuple[int, bytes]] = field(default_factory=dict)
    audit: list[tuple[AuditEntry, datetime]] = field(default_factory=list)
    inbox: set[tuple[str, str]] = field(default_factory=set)


class FakeTransaction:
    """ModerationTransaction in memory."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    async def first(self, consumer: str, event_id: str) -> bool:
        known = (consumer, event_id) in self.state.inbox
        self.state.inbox.add((consumer, event_id))
        return not known

    async def open_post(self, post: Subject) -> PostRecord:
        self.state.times[post.post_id] = (post.created_at, post.is_reblog)
        return self.state.posts.setdefault(post.post_id, PostRecord(post.post_id, post.author_id, 0, None))

    async def lock_posts(self, authors: Mapping[int, int]) -> list[PostRecord]:
        return [
            self.state.posts.setdefault(post_id, PostRecord(post_id, authors[post_id], 0, None))
            for post_id in sorted(authors)
        ]

    async def mark_judged(self, post_id: int, version: int) -> None:
        self.state.posts[post_id] = replace(self.state.posts[post_id], judged_version=version)

    async def lock_author(self, author_id: int) -> None:
        """Transactions run one after another here."""

    async def posts_around(self, author_id: int, at: datetime, window: timedelta, limit: int) -> list[datetime]:
        found = sorted(
            created
            for post_id, (created, is_reblog) in self.state.times.items()
            if self.state.posts[post_id].author_id == author_id and not is_reblog and abs(created - at) < window
        )
        return found[:limit]

    async def add_findings(self, post: Subject, actions: Mapping[str, str], now: datetime) -> set[str]:
        fresh = {rule for rule in actions if (post.post_id, rule) not in self.state.findings}
        self.state.findings |= {(post.post_id, rule) for rule in fresh}
        return fresh

    async def decide(self, decision: Decision) -> None:
        self.state.posts[decision.post_id] = replace(self.state.posts[decision.post_id], decision=decision)

    async def audit(self, entry: AuditEntry, now: datetime) -> None:
        self.state.audit.append((entry, now))

    async def add_report(self, report: Report, request_id: str, digest: bytes) -> None:
        if request_id:
            if (report.account_id, request_id) in self.state.requests:
                raise UniqueViolated("reports_request")
            self.state.requests[report.account_id, request_id] = (report.report_id, digest)
        self.state.reports[report.report_id] = report

    async def add_rule_report(self, report: Report, most_posts: int) -> int:
        for known in self.state.reports.values():
            same = (known.target_account_id, known.rule) == (report.target_account_id, report.rule)
            if same and known.resolved_at is None:
                room = len(known.post_ids) < most_posts and not set(report.post_ids) <= set(known.post_ids)
                posts = known.post_ids + report.post_ids if room else known.post_ids
                self.state.reports[known.report_id] = replace(known, post_ids=posts, updated_at=report.updated_at)
                return known.report_id
        self.state.reports[report.report_id] = report
        return report.report_id

    async def lock_report(self, report_id: int) -> Report | None:
        return self.state.reports.get(report_id)

    async def save_report(self, report: Report) -> None:
        self.state.reports[report.report_id] = report


class FakeRepository(ModerationRepository):
    """Transactions one after another, undone if they fail; each method gives way once, so that calls interleave."""

    def __init__(self) -> None:
        self.state = State()
        self.events: list[Event] = []
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ModerationTransaction]:
        async with self._lock:
            tx = FakeTransaction(copy.deepcopy(self.state))
            yield cast(ModerationTransaction, tx)
            self.state = tx.state
            self.events += tx.events

    async def post(self, post_id: int) -> PostRecord | None:
        return self.state.posts.get(post_id)

    async def report_by_request(self, account_id: int, request_id: str) -> tuple[Report, bytes] | None:
        await asyncio.sleep(0)
        known = self.state.requests.get((account_id, request_id))
        return (self.state.reports[known[0]], known[1]) if known else None

    async def report(self, report_id: int) -> Report | None:
        return self.state.reports.get(report_id)

    async def reports_by_id(self, report_ids: Sequence[int]) -> list[Report]:
        return [self.state.reports[number] for number in report_ids if number in self.state.reports]

    async def reports(self, query: ReportQuery) -> list[Report]:
        low, high = max(query.since_id, query.min_id), query.max_id or MAX_ID
        found = [
            report
            for report in sorted(self.state.reports.values(), key=lambda report: -report.report_id)
            if (report.resolved_at is not None) == query.resolved
            and query.account_id in (0, report.account_id)
            and query.target_account_id in (0, report.target_account_id)
            and low < report.report_id < high
        ]
        return found[-query.limit :] if query.min_id and not query.max_id else found[: query.limit]

    async def purge(self, before: datetime) -> int:
        old = [
            post_id
            for post_id, (created, _) in self.state.times.items()
            if created < before and self.state.posts[post_id].decision is None
        ]
        for post_id in old:
            del self.state.posts[post_id], self.state.times[post_id]
        return len(old)


@pytest.fixture
def repository() -> FakeRepository:
    return FakeRepository()


@pytest.fixture
def recorded(repository: FakeRepository) -> Callable[[type[Any]], Awaitable[list[Any]]]:
    """The messages of a kind that were recorded to be published, in order."""

    async def messages(kind: type[Any]) -> list[Any]:
        decoded = [event.decode() for event in repository.events]
        return [message for message in decoded if isinstance(message, kind)]

    return messages


@pytest.fixture
def audited(repository: FakeRepository) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """The audit log, in order."""

    async def rows() -> list[dict[str, Any]]:
        return [
            {
                "action": entry.action,
                "actor_id": entry.actor_id,
                "account_id": entry.account_id,
                "post_id": entry.post_id,
                "report_id": entry.report_id,
                **json.loads(entry.detail),
            }
            for entry, _ in repository.state.audit
        ]

    return rows
