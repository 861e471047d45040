"""What follows from a post's event: once, whatever the order; stricter by rules, for good by moderators."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from moderation_service.models import ReportQuery, State
from moderation_service.policy.parse import parse_policy
from rookery_common.ids import uuid7

HELD, REMOVED, VISIBLE = State.HELD, State.REMOVED, State.VISIBLE
OPEN = ReportQuery(resolved=False, account_id=0, target_account_id=0, limit=0)


async def test_a_post_that_breaks_no_rule_gets_no_decision(world: Any) -> None:
    await world.judged("Good morning")
    assert await world.states() == []
    assert await world.audited() == []


async def test_a_broken_rule_holds_the_post_with_a_line_in_the_audit_log(world: Any) -> None:
    post = await world.judged("Such a Rude,  WORD!")
    assert await world.states() == [(post.post_id, HELD, "rude", 1)]
    [line] = await world.audited()
    assert line == {
        "action": "decision", "actor_id": 0, "account_id": post.author_id, "post_id": post.post_id, "report_id": None,
        "state": "held", "rule": "rude", "version": 1, "post_version": 1,
    }  # fmt: skip


async def test_of_several_rules_the_strictest_decides(world: Any) -> None:
    post = await world.judged("hm, a rude word at https://www.denied.example/x")
    assert await world.states() == [(post.post_id, REMOVED, "phishing", 1)]


async def test_an_event_that_comes_again_changes_nothing(world: Any) -> None:
    post, event_id = world.subject("rude word"), uuid7()
    for _ in range(3):
        await world.tell(post, event_id)
    assert len(await world.states()) == len(await world.audited()) == 1


async def test_the_same_version_by_another_event_changes_nothing(world: Any) -> None:
    post = await world.judged("rude word")
    await world.tell(post)
    assert len(await world.states()) == 1


async def test_an_older_version_that_comes_late_is_passed_over(world: Any) -> None:
    post = await world.judged("Now clean", version=5)
    await world.tell(replace(post, version=4, texts=("rude word",)))
    assert await world.states() == []


async def test_the_end_is_the_same_in_every_order_of_two_edits(world: Any) -> None:
    for order in permutations((1, 2, 3)):
        world.clock.advance(61)
        post = world.subject()
        versions = {1: "fine", 2: "fine still", 3: "a rude word"}
        for version in order:
            await world.tell(replace(post, version=version, texts=(versions[version],)))
        assert (await world.states())[-1] == (post.post_id, HELD, "rude", 1)


async def test_an_edit_makes_it_stricter_and_never_milder(world: Any) -> None:
    post = await world.judged("rude word")
    await world.tell(replace(post, version=2, state=HELD, texts=("clean again",)))
    await world.tell(replace(post, version=3, state=HELD, texts=("see denied.example",)))
    await world.tell(replace(post, version=4, state=REMOVED, texts=("rude word",)))
    assert [state[1:] for state in await world.states()] == [(HELD, "rude", 1), (REMOVED, "phishing", 2)]


async def test_a_held_post_that_breaks_no_rule_is_let_go(world: Any) -> None:
    post = await world.judged("Good morning", state=HELD)
    await world.tell(replace(post, version=2, state=VISIBLE))
    assert await world.states() == [(post.post_id, VISIBLE, "clear", 1)]


async def test_a_held_post_that_breaks_a_rule_stays_held_by_it(world: Any) -> None:
    post = await world.judged("rude word", state=HELD)
    await world.tell(replace(post, version=2))
    assert await world.states() == [(post.post_id, HELD, "rude", 1)]


async def test_an_edit_that_is_held_again_is_let_go_again(world: Any) -> None:
    post = await world.judged("Good morning", state=HELD)
    await world.tell(replace(post, version=2, texts=("Good evening",)))
    assert [state[1:] for state in await world.states()] == [(VISIBLE, "clear", 1), (VISIBLE, "clear", 2)]


@pytest.mark.parametrize("state", [None, REMOVED])
async def test_what_is_gone_is_not_judged(world: Any, state: State | None) -> None:
    await world.judged("rude word", state=state)
    assert await world.states() == []


async def test_a_reblog_is_its_original_s_business(world: Any) -> None:
    for _ in range(5):
        await world.judged("rude word", is_reblog=True)
    assert await world.states() == []


@pytest.mark.parametrize("state", list(State))
async def test_no_rule_changes_what_a_moderator_decided(world: Any, state: State) -> None:
    post = await world.judged("rude word")
    await world.desk.decide(world.moderator, post.post_id, 0, state)
    await world.tell(replace(post, version=2, texts=("rude word at denied.example",)))
    await world.tell(replace(post, version=3, state=HELD, texts=("clean",)))
    assert [found[1:] for found in await world.states()] == [(HELD, "rude", 1), (state, "moderator", 2)]


async def test_a_rule_that_reports_opens_one_report_and_adds_to_it(world: Any) -> None:
    first = await world.judged("hm")
    await world.tell(replace(first, version=2))
    second = await world.judged("Hm!")
    [report] = await world.desk.list_reports(world.moderator, OPEN)
    assert (report.account_id, report.rule, report.post_ids) == (0, "mild", (first.post_id, second.post_id))
    assert await world.filed() == [report.report_id]
    assert [line["action"] for line in await world.audited()] == ["report", "report"]
    await world.desk.resolve(world.moderator, report.report_id, None)
    await world.judged("hm")
    assert len(await world.desk.list_reports(world.moderator, OPEN)) == 1


async def test_more_posts_than_the_rate_allows_are_held(world: Any) -> None:
    posts = [await world.judged("Hi") for _ in range(5)]
    assert [state[:2] for state in await world.states()] == [(post.post_id, HELD) for post in posts[3:]]
    world.clock.advance(60)
    await world.judged("Hi")
    assert len(await world.states()) == 2


async def test_a_rate_counts_posts_by_their_time_not_by_their_coming(world: Any) -> None:
    spread = [world.subject(created_at=world.minutes_ago(minutes)) for minutes in (4, 3, 2, 1, 0)]
    for post in spread[::-1]:
        await world.tell(post)
    assert await world.states() == []
    late = [world.subject(created_at=world.minutes_ago(1.5)) for _ in range(4)]
    for post in late:
        await world.tell(post)
    assert len(await world.states()) >= 1


async def test_of_posts_at_once_none_escapes_the_rate(world: Any) -> None:
    await asyncio.gather(*(world.judged("Hi") for _ in range(6)))
    assert len(await world.states()) == 3


async def test_authors_and_replays_do_not_add_up(world: Any) -> None:
    post = await world.judged("Hi")
    for version in range(2, 9):
        await world.tell(replace(post, version=version))
    for author in range(5):
        await world.judged("Hi", author_id=5000 + author)
    assert await world.states() == []


async def test_a_changed_policy_holds_for_the_next_event(world: Any) -> None:
    world.policy = parse_policy("version: 1\nrules: [{name: tea, action: hold, keywords: [tea]}]")
    await world.judged("rude word")
    post = await world.judged("Tea?")
    assert await world.states() == [(post.post_id, HELD, "tea", 1)]


async def test_old_undecided_posts_are_forgotten_and_decisions_are_not(world: Any) -> None:
    await world.judged("Hi", created_at=world.minutes_ago(60))
    held = await world.judged("rude word", created_at=world.minutes_ago(60))
    assert await world.repository.purge(world.minutes_ago(1)) == 1
    assert (await world.repository.post(held.post_id)).decision.state is HELD
