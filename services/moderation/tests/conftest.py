"""Moderation wired over whichever repository the folder's own conftest gives: the same tests run over both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from moderation_service.clients import PostClient, UserClient
from moderation_service.events import Events
from moderation_service.models import Category, NewReport, State, Subject
from moderation_service.policy.parse import parse_policy
from moderation_service.policy.rules import Policy
from moderation_service.repository import ModerationRepository
from moderation_service.service.desk import Desk
from moderation_service.service.judging import Judge
from moderation_service.service.reports import Reports
from rookery.moderation.v1.events_pb2 import PostDecided, ReportCreated
from rookery_common.auth import Identity
from rookery_common.ids import uuid7
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.process import random_master_key

REQUIRED = {
    "MODERATION_POSTGRES_DSN": "postgresql://moderation@127.0.0.1/moderation",
}
CONSUMER = "moderation.post-events"
ALICE, BOB, MODERATOR = 1001, 1002, 1009
POLICY = """
version: 1
rules:
  - {name: mild, action: report, keywords: ["hm"]}
  - {name: rude, action: hold, keywords: ["rude word", "naïve"]}
  - {name: phishing, action: remove, domains: ["denied.example"]}
  - {name: flood, action: hold, rate: {posts: 3, per: minute}}
"""


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What moderation must be told, and nothing else."""
    for name, value in {**REQUIRED, "MODERATION_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


class FakeUsers(UserClient):
    """Accounts that exist."""

    def __init__(self) -> None:
        self.known = {ALICE, BOB, MODERATOR}

    async def exists(self, caller: Identity, account_id: int) -> bool:
        return account_id in self.known


class FakePosts(PostClient):
    """Posts by their author, and who may not see them."""

    def __init__(self) -> None:
        self.known: dict[int, int] = {}
        self.hidden: set[tuple[int, int]] = set()

    async def authors(self, caller: Identity, post_ids: Sequence[int]) -> dict[int, int]:
        seen = (post_id for post_id in post_ids if (caller.account_id, post_id) not in self.hidden)
        return {post_id: self.known[post_id] for post_id in seen if post_id in self.known}


@dataclass
class World:
    """Everything a test of the rules needs at hand."""

    repository: ModerationRepository
    clock: FakeClock
    ids: FakeIds
    recorded: Callable[[type[Any]], Awaitable[list[Any]]]
    audited: Callable[[], Awaitable[list[dict[str, Any]]]]
    policy: Policy = field(default_factory=lambda: parse_policy(POLICY))
    users: FakeUsers = field(default_factory=FakeUsers)
    posts: FakePosts = field(default_factory=FakePosts)
    judge: Judge = field(init=False)
    desk: Desk = field(init=False)
    reports: Reports = field(init=False)

    def __post_init__(self) -> None:
        self.moderator = Identity(MODERATOR, 9, 1, permissions=frozenset({"manage_reports"}))
        self.reporter = Identity(BOB, 2, 1)
        events = Events(self.clock)
        self.judge = Judge(self.repository, lambda: self.policy, events, self.ids, self.clock)
        self.desk = Desk(self.repository, self.posts, events, self.ids, self.clock)
        self.reports = Reports(self.repository, self.users, self.posts, events, self.ids, self.clock)

    def subject(self, text: str = "", **changes: Any) -> Subject:
        """A post of Alice's, made now, in its first version."""
        values: dict[str, Any] = {
            "post_id": self.ids.mint(),
            "author_id": ALICE,
            "version": 1,
            "created_at": self.clock.now(),
            "state": State.VISIBLE,
            "texts": (text,),
            **changes,
        }
        return Subject(**values)

    async def judged(self, text: str = "", **changes: Any) -> Subject:
        """The post, after its event was handled."""
        subject = self.subject(text, **changes)
        await self.tell(subject)
        return subject

    async def tell(self, subject: Subject, event_id: str | None = None) -> None:
        await self.judge.judge(CONSUMER, event_id or uuid7(), subject)

    async def filed(self) -> list[int]:
        """The reports that were told of, in order."""
        return [each.report_id for each in await self.recorded(ReportCreated)]

    async def states(self) -> list[tuple[int, State, str, int]]:
        """The decisions that were published, in order: post, state, rule, version."""
        found = [each.decision for each in await self.recorded(PostDecided)]
        return [(d.post_id, State(d.state), d.rule, d.version) for d in found]

    def report(self, **changes: Any) -> NewReport:
        values: dict[str, Any] = {
            "request_id": "",
            "target_account_id": ALICE,
            "post_ids": (),
            "comment": "",
            "category": Category.SPAM,
            **changes,
        }
        return NewReport(**values)

    def minutes_ago(self, minutes: float) -> datetime:
        return self.clock.now() - timedelta(minutes=minutes)


@pytest.fixture
def world(
    repository: ModerationRepository,
    clock: FakeClock,
    ids: FakeIds,
    recorded: Callable[[type[Any]], Awaitable[list[Any]]],
    audited: Callable[[], Awaitable[list[dict[str, Any]]]],
) -> World:
    return World(repository, clock, ids, recorded, audited)
