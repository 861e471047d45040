"""What moderators do: only they, once each, with a line in the audit log."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from moderation_service.errors import FieldInvalid, ModeratorRequired, PostNotFound, ReportNotFound, ReportResolved
from moderation_service.models import ReportQuery, State
from rookery_common.auth import Identity

HELD, REMOVED, VISIBLE = State.HELD, State.REMOVED, State.VISIBLE
ALICE = 1001


def query(**changes: Any) -> ReportQuery:
    return ReportQuery(**{"resolved": False, "account_id": 0, "target_account_id": 0, "limit": 0, **changes})


async def reported(world: Any, *posts: int, **changes: Any) -> Any:
    world.posts.known |= dict.fromkeys(posts, ALICE)
    return await world.reports.create(world.reporter, world.report(post_ids=posts, **changes))


async def test_a_decision_is_published_with_the_next_version_and_logged(world: Any) -> None:
    post = await world.judged("rude word")
    decision = await world.desk.decide(world.moderator, post.post_id, ALICE, VISIBLE)
    assert (decision.version, decision.rule, decision.moderator_id) == (2, "moderator", world.moderator.account_id)
    assert [state[1:] for state in await world.states()] == [(HELD, "rude", 1), (VISIBLE, "moderator", 2)]
    line = (await world.audited())[-1]
    assert (line["action"], line["actor_id"], line["state"]) == ("decision", world.moderator.account_id, "visible")


async def test_the_same_decision_again_is_the_one_that_stands(world: Any) -> None:
    post = await world.judged("rude word")
    first = await world.desk.decide(world.moderator, post.post_id, 0, HELD)
    assert await world.desk.decide(world.moderator, post.post_id, 0, HELD) == first
    assert first.version == 2  # confirmed: from then on no rule changes it
    assert len(await world.states()) == 2


async def test_decisions_at_once_have_a_version_each(world: Any) -> None:
    post = await world.judged("Hi")
    await asyncio.gather(*(world.desk.decide(world.moderator, post.post_id, 0, s) for s in (HELD, REMOVED, VISIBLE)))
    assert [state[3] for state in await world.states()] == [1, 2, 3]


async def test_a_post_that_was_never_judged_is_asked_of_post(world: Any) -> None:
    world.posts.known[7] = ALICE
    decision = await world.desk.decide(world.moderator, 7, 0, REMOVED)
    assert (decision.author_id, decision.version) == (ALICE, 1)


async def test_an_unknown_post_and_another_s_are_refused(world: Any) -> None:
    with pytest.raises(PostNotFound):
        await world.desk.decide(world.moderator, 7, 0, REMOVED)
    post = await world.judged("Hi")
    with pytest.raises(FieldInvalid, match="account_id"):
        await world.desk.decide(world.moderator, post.post_id, 5, REMOVED)
    assert await world.states() == []


async def test_resolving_decides_on_all_posts_of_the_report_at_once(world: Any) -> None:
    judged = await world.judged("Hi")
    report = await reported(world, judged.post_id, 7)
    resolved = await world.desk.resolve(world.moderator, report.report_id, REMOVED)
    assert (resolved.resolver_id, resolved.resolution) == (world.moderator.account_id, REMOVED)
    assert resolved.resolved_at == world.clock.now()
    assert {state[:3] for state in await world.states()} == {
        (7, REMOVED, "report"),
        (judged.post_id, REMOVED, "report"),
    }
    actions = [(line["action"], line["report_id"]) for line in await world.audited()]
    assert actions == [(action, report.report_id) for action in ("report", "decision", "decision", "resolution")]


async def test_resolving_again_is_harmless_unless_it_says_something_else(world: Any) -> None:
    report = await reported(world, 7)
    resolved = await world.desk.resolve(world.moderator, report.report_id, REMOVED)
    assert await world.desk.resolve(world.moderator, report.report_id, REMOVED) == resolved
    assert await world.desk.resolve(world.moderator, report.report_id, None) == resolved
    with pytest.raises(ReportResolved):
        await world.desk.resolve(world.moderator, report.report_id, VISIBLE)
    assert len(await world.states()) == 1
    assert [line["action"] for line in await world.audited()] == ["report", "decision", "resolution"]


async def test_resolving_without_a_state_leaves_the_posts_alone(world: Any) -> None:
    report = await reported(world, 7)
    resolved = await world.desk.resolve(world.moderator, report.report_id, None)
    assert resolved.resolved_at is not None
    assert await world.states() == []


async def test_a_reopened_report_is_open_and_its_decisions_stand(world: Any) -> None:
    report = await reported(world, 7)
    await world.desk.resolve(world.moderator, report.report_id, REMOVED)
    world.clock.advance(5)
    reopened = await world.desk.reopen(world.moderator, report.report_id)
    assert (reopened.resolved_at, reopened.resolver_id, reopened.resolution) == (None, 0, None)
    assert reopened.updated_at == world.clock.now()
    assert len(await world.states()) == 1
    assert (await world.desk.resolve(world.moderator, report.report_id, VISIBLE)).resolution is VISIBLE


async def test_a_report_is_taken_on_and_let_go(world: Any) -> None:
    report = await reported(world)
    for _ in range(2):
        taken = await world.desk.assign(world.moderator, report.report_id, True)
        assert taken.assignee_id == world.moderator.account_id
    assert (await world.desk.assign(world.moderator, report.report_id, False)).assignee_id == 0
    assert [line["action"] for line in await world.audited()] == ["report", "assignment", "assignment"]


async def test_reports_are_listed_newest_first_by_page_and_filter(world: Any) -> None:
    made = [(await reported(world, comment=str(n))).report_id for n in range(5)]
    await world.desk.resolve(world.moderator, made[0], None)

    async def listed(**changes: Any) -> list[int]:
        return [report.report_id for report in await world.desk.list_reports(world.moderator, query(**changes))]

    assert await listed() == made[:0:-1]
    assert await listed(resolved=True) == made[:1]
    assert await listed(limit=2) == made[:2:-1]
    assert await listed(limit=2, max_id=made[3]) == [made[2], made[1]]
    assert await listed(limit=2, since_id=made[1]) == [made[4], made[3]]
    assert await listed(limit=2, min_id=made[1]) == [made[3], made[2]]
    assert await listed(account_id=world.reporter.account_id, target_account_id=ALICE) == made[:0:-1]
    assert await listed(account_id=5) == await listed(target_account_id=5) == []
    with pytest.raises(FieldInvalid, match="limit"):
        await listed(limit=201)


@pytest.mark.parametrize(
    "nobody",
    [
        Identity(1002, 2, 1),
        Identity(1002, 2, 1, roles=frozenset({"moderator"}), permissions=frozenset({"view_dashboard"})),
        Identity(0, 0, 1, permissions=frozenset({"administrator"})),
    ],
)
async def test_nobody_else_may_do_any_of_this(world: Any, nobody: Identity) -> None:
    report = await reported(world, 7)
    for attempt in (
        world.desk.decide(nobody, 7, 0, REMOVED),
        world.desk.list_reports(nobody, query()),
        world.desk.get(nobody, report.report_id),
        world.desk.resolve(nobody, report.report_id, REMOVED),
        world.desk.reopen(nobody, report.report_id),
        world.desk.assign(nobody, report.report_id, True),
    ):
        with pytest.raises(ModeratorRequired):
            await attempt
    assert await world.states() == []


async def test_an_unknown_report_is_not_found(world: Any) -> None:
    for attempt in (
        world.desk.get(world.moderator, 5),
        world.desk.resolve(world.moderator, 5, None),
        world.desk.reopen(world.moderator, 5),
        world.desk.assign(world.moderator, 5, True),
    ):
        with pytest.raises(ReportNotFound):
            await attempt
