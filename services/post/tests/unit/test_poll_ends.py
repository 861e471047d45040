"""Ends of polls: told of at their time, once, also late and across crashes. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta

import pytest

from post_service.errors import InvalidField
from post_service.models import Draft, Edit, Post, PostState
from post_service.poll_models import Ballot, PollDraft
from post_service.repository import polls as polls_repository
from post_service.repository.posts import PostRepository
from post_service.service import poll_ends as poll_ends_module
from post_service.service import scheduler as scheduler_module
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.edit_post import PostEditor
from post_service.service.list_voters import Voters
from post_service.service.poll_ends import PollEnds
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.scheduler import Scheduler
from post_service.service.vote import Voting
from rookery.post.v1.engagement_events_pb2 import PollEnded
from rookery_common.auth import Identity
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import CrashAt

POLL = PollDraft(("tea", "coffee"), 600)
Told = Callable[[], Awaitable[list[Event]]]


async def ended(told: Told) -> list[int]:
    """The posts whose polls' ends were told of."""
    messages = [event.decode() for event in await told()]
    return [message.end.post_id for message in messages if isinstance(message, PollEnded)]


async def ask(writer: PostWriter, author: Identity, **changes: object) -> Post:
    return (await writer.make(author, replace(Draft(text="Drinks?", poll=POLL), **changes))).post  # type: ignore[arg-type] # fields


async def test_the_end_of_a_poll_is_told_of_once(
    writer: PostWriter, scheduler: Scheduler, told: Told, alice: Identity, clock: FakeClock
) -> None:
    post = await ask(writer, alice)
    clock.advance(590)
    await scheduler.run_due()
    assert await ended(told) == []
    clock.advance(20)
    for _ in range(3):
        await scheduler.run_due()
        clock.advance(60)
    assert await ended(told) == [post.post_id]
    [end] = [message.end for event in await told() if isinstance(message := event.decode(), PollEnded)]
    assert post.poll is not None
    assert (end.ballot, end.post_author_id) == (post.poll.ballot, alice.account_id)
    assert end.expire_time.ToMilliseconds() == int(post.poll.expires_at.timestamp() * 1000)


async def test_it_is_told_of_late_after_an_outage(
    writer: PostWriter, scheduler: Scheduler, told: Told, alice: Identity, clock: FakeClock
) -> None:
    asked = [(await ask(writer, alice)).post_id for _ in range(3)]
    clock.advance(20 * 3600)
    await scheduler.run_due()
    assert sorted(await ended(told)) == asked


async def test_it_is_told_of_once_wherever_the_process_dies(
    writer: PostWriter,
    scheduler: Scheduler,
    told: Told,
    alice: Identity,
    clock: FakeClock,
    crashing: Callable[..., AbstractAsyncContextManager[CrashAt]],
) -> None:
    await scheduler.run_due()  # From now on it need not look far back.
    code = (poll_ends_module, scheduler_module, polls_repository)
    asked: list[int] = []
    for number in range(1, 200):
        asked.append((await ask(writer, alice)).post_id)
        clock.advance(700)
        async with crashing(number, *code) as crash:
            await scheduler.run_due()
        clock.advance(60)
        await scheduler.run_due()
        if not crash.happened:
            break
    else:
        pytest.fail("it never came to the end")
    assert number > 3
    assert sorted(await ended(told)) == asked


async def test_an_edit_moves_the_end_or_takes_it_away(
    writer: PostWriter, editor: PostEditor, scheduler: Scheduler, told: Told, alice: Identity, clock: FakeClock
) -> None:
    longer, gone = [(await ask(writer, alice)).post_id for _ in range(2)]
    await editor.edit(alice, longer, Edit(text="Drinks?", poll=replace(POLL, expires_in=3600)))
    await editor.edit(alice, gone, Edit(text="Never mind"))
    clock.advance(700)
    await scheduler.run_due()
    assert await ended(told) == []
    clock.advance(3600)
    await scheduler.run_due()
    assert await ended(told) == [longer]


async def test_what_may_not_be_seen_any_more_ends_in_silence(
    writer: PostWriter,
    remover: PostRemover,
    posts: PostRepository,
    scheduler: Scheduler,
    told: Told,
    alice: Identity,
    clock: FakeClock,
) -> None:
    deleted, removed = [await ask(writer, alice) for _ in range(2)]
    await remover.delete(alice, deleted.post_id)
    [event] = [each for each in await told() if each.key == str(removed.post_id)]
    await posts.decide(replace(removed, state=PostState.REMOVED, version=removed.version + 1), event)
    clock.advance(700)
    await scheduler.run_due()
    assert await ended(told) == []


async def test_a_poll_that_was_scheduled_ends_too(
    scheduled_posts: ScheduledPosts, scheduler: Scheduler, told: Told, alice: Identity, clock: FakeClock
) -> None:
    draft = Draft(text="Drinks?", poll=POLL)
    await scheduled_posts.schedule(alice, draft, clock.now() + timedelta(hours=1))
    for _ in range(2):
        clock.advance(3600)
        await scheduler.run_due()
    assert len(await ended(told)) == 1


async def test_a_request_that_is_repeated_too_late_for_its_end_is_met_all_the_same(
    poll_ends: PollEnds,
    scheduler: Scheduler,
    posts: PostRepository,
    told: Told,
    writer: PostWriter,
    alice: Identity,
    clock: FakeClock,
) -> None:
    post = await ask(writer, alice, request_id="key")
    await scheduler.run_due()
    clock.advance(1200)
    await poll_ends.expect(post)
    clock.advance(310)
    await scheduler.run_due()
    assert await ended(told) == [post.post_id]


async def test_those_who_voted_are_listed_in_pages(
    writer: PostWriter, voting: Voting, voters: Voters, alice: Identity
) -> None:
    post = await ask(writer, alice)
    assert post.poll is not None
    ballot = Ballot(post.post_id, post.poll.ballot)
    assert await voters.page(ballot, 0, 0) == ([], 0)
    people = range(1001, 1024)
    for account_id in people:
        await voting.vote(replace(alice, account_id=account_id), post.post_id, [account_id % 2])
    found: list[int] = []
    after, pages = 0, 0
    while pages == 0 or after:
        page, after = await voters.page(ballot, after, 5)
        assert len(page) <= 5
        found, pages = found + page, pages + 1
    assert sorted(found) == list(people)
    assert pages <= 5
    for wrong in ({"after": -1, "page_size": 5}, {"after": 0, "page_size": 1001}, {"after": 0, "page_size": -1}):
        with pytest.raises(InvalidField):
            await voters.page(ballot, **wrong)
