"""What people report: bounded, once, and only what is there to be seen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from moderation_service.errors import AccountNotFound, FieldInvalid, IdempotencyConflict, PostNotFound
from moderation_service.models import Category

ALICE, BOB = 1001, 1002


async def test_a_report_is_kept_with_a_line_in_the_audit_log(world: Any) -> None:
    world.posts.known = {7: ALICE, 8: ALICE}
    new = world.report(post_ids=(7, 8), comment="Rude", category=Category.VIOLATION)
    report = await world.reports.create(world.reporter, new)
    assert await world.desk.get(world.moderator, report.report_id) == report
    assert (report.account_id, report.target_account_id, report.post_ids) == (BOB, ALICE, (7, 8))
    assert (report.comment, report.category, report.resolved_at) == ("Rude", Category.VIOLATION, None)
    assert await world.filed() == [report.report_id]
    [line] = await world.audited()
    assert (line["action"], line["actor_id"], line["account_id"]) == ("report", BOB, ALICE)
    assert (line["report_id"], line["posts"]) == (report.report_id, ["7", "8"])


async def test_the_same_request_again_is_the_same_report(world: Any) -> None:
    first = await world.reports.create(world.reporter, world.report(request_id="one"))
    world.users.known.clear()  # also while nobody can be asked
    assert await world.reports.create(world.reporter, world.report(request_id="one")) == first
    assert len(await world.audited()) == 1


async def test_the_same_request_twice_at_once_is_one_report(world: Any) -> None:
    tries = [world.reports.create(world.reporter, world.report(request_id="one")) for _ in range(4)]
    made = await asyncio.gather(*tries)
    assert await world.filed() == [made[0].report_id] == list({report.report_id for report in made})
    assert len(await world.audited()) == 1


async def test_a_request_id_of_another_report_is_a_conflict(world: Any) -> None:
    await world.reports.create(world.reporter, world.report(request_id="one"))
    with pytest.raises(IdempotencyConflict):
        await world.reports.create(world.reporter, world.report(request_id="one", comment="else"))


async def test_without_a_request_id_each_is_a_report(world: Any) -> None:
    made = [await world.reports.create(world.reporter, world.report()) for _ in range(2)]
    assert made[0].report_id != made[1].report_id


async def test_an_unknown_account_is_not_found(world: Any) -> None:
    with pytest.raises(AccountNotFound):
        await world.reports.create(world.reporter, world.report(target_account_id=5))


async def test_posts_must_be_the_account_s_and_for_the_reporter_to_see(world: Any) -> None:
    world.posts.known = {7: ALICE, 8: BOB, 9: ALICE}
    world.posts.hidden = {(BOB, 9)}
    for post_id in (8, 9, 10):
        with pytest.raises(PostNotFound):
            await world.reports.create(world.reporter, world.report(post_ids=(7, post_id)))
    assert await world.audited() == []


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("account_id", {"target_account_id": 0}),
        ("comment", {"comment": "x" * 1001}),
        ("status_ids", {"post_ids": tuple(range(1, 102))}),
        ("request_id", {"request_id": "x" * 201}),
        ("request_id", {"request_id": "a\nb"}),
    ],
)
async def test_what_is_wrong_is_named(world: Any, field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(FieldInvalid) as refused:
        await world.reports.create(world.reporter, world.report(**changes))
    assert [violation.field for violation in refused.value.fields] == [field]


async def test_the_longest_comment_and_the_most_posts_are_taken(world: Any) -> None:
    world.posts.known = dict.fromkeys(range(1, 101), ALICE)
    new = world.report(post_ids=tuple(range(1, 101)), comment="\N{BIRD}" * 1000)
    report = await world.reports.create(world.reporter, new)
    assert (len(report.post_ids), len(report.comment)) == (100, 1000)
