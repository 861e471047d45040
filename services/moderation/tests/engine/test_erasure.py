"""What a deleted account has written in reports goes once they are resolved; what was decided stays."""

from __future__ import annotations

from typing import Any

import pytest

from moderation_service.announcements.models import Content, Reaction
from moderation_service.announcements.repository import AnnouncementRepository
from moderation_service.announcements.service import Announcements
from moderation_service.models import ReportQuery
from moderation_service.repository import ModerationRepository
from moderation_service.service import erase_account as module
from moderation_service.service.erase_account import AccountErasure
from rookery_common.auth import Identity
from rookery_common.clients.postgres import Postgres
from rookery_common.clock import SystemClock
from rookery_common.erasure import Eraser, StepwiseEraser
from rookery_common.testing import FakeClock

ALICE, BOB, MODERATOR = 1001, 1002, 1009


class _Slow(SystemClock):
    """A second passes between any two looks at it, so that each call takes one step."""

    _looks = 0.0

    def monotonic(self) -> float:
        self._looks += 1
        return self._looks


@pytest.fixture
def eraser(repository: ModerationRepository, pg: Postgres, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Eraser:
    monkeypatch.setattr(module, "REPORTS_AT_ONCE", 2)
    return StepwiseEraser(AccountErasure(repository, AnnouncementRepository(pg), clock).steps, _Slow())


async def _comments(repository: ModerationRepository, account_id: int, *, resolved: bool) -> list[str]:
    query = ReportQuery(resolved=resolved, account_id=account_id, target_account_id=0, limit=10)
    return sorted(report.comment for report in await repository.reports(query))


async def test_comments_of_resolved_reports_go_some_at_a_time_and_those_of_others_stay(
    world: Any, repository: ModerationRepository, pg: Postgres, eraser: Eraser
) -> None:
    other = Identity(ALICE, 1, 1)
    for number in range(3):
        made = await world.reports.create(world.reporter, world.report(comment=f"{number}", request_id=f"{number}"))
        await world.desk.resolve(world.moderator, made.report_id, None)
    theirs = await world.reports.create(other, world.report(comment="theirs", target_account_id=BOB))
    await world.desk.resolve(world.moderator, theirs.report_id, None)
    await world.reports.create(other, world.report(comment="about bob", target_account_id=BOB))
    before = await world.audited()
    assert [await eraser.erase(BOB) for _ in range(3)] == [(False, 2), (False, 1), (True, 0)]
    assert await _comments(repository, BOB, resolved=True) == ["", "", ""]
    assert await _comments(repository, ALICE, resolved=True) == ["theirs"]
    assert await _comments(repository, ALICE, resolved=False) == ["about bob"]
    assert await world.audited() == before
    async with pg.read(primary=True) as read:
        rows = await read.fetch("digests", "SELECT body_digest, request_id FROM reports WHERE account_id = $1", BOB)
    assert {(bytes(row["body_digest"]), row["request_id"]) for row in rows} == {(b"", "")}


async def test_an_open_report_is_kept_and_emptied_as_it_is_resolved(
    world: Any, repository: ModerationRepository, eraser: Eraser
) -> None:
    made = await world.reports.create(world.reporter, world.report(comment="look at this"))
    assert await eraser.erase(BOB) == (True, 0)
    assert await _comments(repository, BOB, resolved=False) == ["look at this"]
    await world.desk.assign(world.moderator, made.report_id, assigned=True)
    assert await _comments(repository, BOB, resolved=False) == ["look at this"]
    await world.desk.resolve(world.moderator, made.report_id, None)
    assert await _comments(repository, BOB, resolved=True) == [""]


async def test_what_it_has_made_of_announcements_goes_and_what_others_have_stays(
    world: Any, pg: Postgres, eraser: Eraser
) -> None:
    announcements = Announcements(AnnouncementRepository(pg), world.ids, world.clock)
    staff = Identity(MODERATOR, 9, 1, permissions=frozenset({"manage_announcements"}))
    made = [await announcements.create(staff, Content("News", published=True), "") for _ in range(3)]
    for each in made:
        await announcements.react(BOB, each.announcement_id, "\N{BIRD}")
        await announcements.dismiss(BOB, each.announcement_id)
    await announcements.react(ALICE, made[0].announcement_id, "\N{BIRD}")
    await announcements.dismiss(ALICE, made[1].announcement_id)
    while not (await eraser.erase(BOB)).done:
        pass
    assert [each.reactions for each in await announcements.listed(BOB, with_dismissed=False)] == [
        (Reaction("\N{BIRD}", 1, me=False),), (), ()
    ]  # fmt: skip
    assert [each.read for each in await announcements.listed(ALICE, with_dismissed=True)] == [False, True, False]
