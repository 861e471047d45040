"""Scheduled posts: published at their time, once, also late and across crashes. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta

import pytest

from post_service.errors import IdempotencyConflict, InvalidField, MediaNotFound, ReplyNotFound, ScheduledNotFound
from post_service.models import AuthoredRow, Draft, ListBounds
from post_service.poll_models import PollDraft
from post_service.repository import scheduled as scheduled_repository
from post_service.repository.posts import PostRepository
from post_service.repository.schedule import ScheduleRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.schedule_models import Job, JobKind
from post_service.service import create_post, publish_scheduled
from post_service.service import scheduler as scheduler_module
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.publish_scheduled import ScheduledPublisher
from post_service.service.scheduled_posts import ScheduledPosts
from post_service.service.scheduler import Scheduler
from rookery_common.auth import Identity
from rookery_common.errors import Internal, Unavailable
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import CrashAt
from rookery_common.testing.waiting import eventually

HOUR = timedelta(hours=1)


async def authored(posts: PostRepository, account: Identity) -> list[AuthoredRow]:
    return await posts.authored(account.account_id, 0, MAX_ID, 10)


async def test_a_post_is_published_at_its_time_once(
    scheduled_posts: ScheduledPosts, scheduler: Scheduler, posts: PostRepository, alice: Identity, clock: FakeClock
) -> None:
    poll = PollDraft(("tea", "coffee"), 300)
    draft = Draft(text="  Later ", spoiler_text="cw", language="en", poll=poll, application_name="Demo")
    view = await scheduled_posts.schedule(alice, draft, clock.now() + HOUR)
    assert view.scheduled.draft.text == "Later"
    assert await scheduler.run_due() == 0
    clock.advance(3600)
    assert await scheduler.run_due() == 1
    [row] = await authored(posts, alice)
    post = await posts.get(row.post_id)
    assert post is not None
    assert post.poll is not None
    assert (post.text, post.spoiler_text, post.language, post.application_name) == ("Later", "cw", "en", "Demo")
    assert (post.create_time, post.poll.expires_at) == (clock.now(), clock.now() + timedelta(seconds=300))
    clock.advance(600)
    assert await scheduler.run_due() == 1  # The end of its poll.
    assert await scheduled_posts.page(alice, ListBounds()) == ([], 0)
    assert len(await authored(posts, alice)) == 1


async def test_what_is_late_after_an_outage_is_published_then(
    scheduled_posts: ScheduledPosts, scheduler: Scheduler, posts: PostRepository, alice: Identity, clock: FakeClock
) -> None:
    for minutes in (10, 90, 60 * 30):
        await scheduled_posts.schedule(alice, Draft(text=f"{minutes}"), clock.now() + timedelta(minutes=minutes))
    clock.advance(40 * 3600)
    assert await scheduler.run_due() == 3
    assert len(await authored(posts, alice)) == 3


async def test_it_is_published_once_wherever_the_process_dies(
    scheduled_posts: ScheduledPosts,
    scheduler: Scheduler,
    posts: PostRepository,
    alice: Identity,
    clock: FakeClock,
    crashing: Callable[..., AbstractAsyncContextManager[CrashAt]],
) -> None:
    await scheduler.run_due()  # From now on it need not look far back.
    code = (publish_scheduled, create_post, scheduler_module, scheduled_repository)
    for number in range(1, 200):
        due_at = clock.now() + timedelta(minutes=6)
        await scheduled_posts.schedule(alice, Draft(text=f"Number {number}"), due_at)
        clock.advance(400)
        async with crashing(number, *code) as crash:
            await scheduler.run_due()
        clock.advance(60)
        await scheduler.run_due()
        rows = await posts.authored(alice.account_id, 0, MAX_ID, 1000)
        assert len(rows) == number
        assert (await scheduled_posts.page(alice, ListBounds())).views == []
        if not crash.happened:
            break
    else:
        pytest.fail("it never came to the end")
    assert number > 3


async def test_it_can_be_moved_and_deleted_until_it_is_published(
    scheduled_posts: ScheduledPosts,
    scheduled: ScheduledRepository,
    scheduler: Scheduler,
    posts: PostRepository,
    alice: Identity,
    bob: Identity,
    clock: FakeClock,
) -> None:
    moved, gone = [
        (await scheduled_posts.schedule(alice, Draft(text=text), clock.now() + HOUR)).scheduled.scheduled_id
        for text in ("moved", "gone")
    ]
    later = (await scheduled_posts.move(alice, moved, clock.now() + 3 * HOUR)).scheduled
    assert later.due_at == clock.now() + 3 * HOUR
    await scheduled_posts.delete(alice, gone)
    for act in (scheduled_posts.get(bob, moved), scheduled_posts.delete(bob, moved), scheduled_posts.get(alice, gone)):
        with pytest.raises(ScheduledNotFound):
            await act
    clock.advance(2 * 3600)
    await scheduler.run_due()
    assert await authored(posts, alice) == []
    await scheduled.claim(later, 777)
    for act in (scheduled_posts.delete(alice, moved), scheduled_posts.get(alice, moved)):
        with pytest.raises(ScheduledNotFound):
            await act
    with pytest.raises(ScheduledNotFound):
        await scheduled_posts.move(alice, moved, clock.now() + 3 * HOUR)
    clock.advance(2 * 3600)
    await scheduler.run_due()
    assert [row.post_id for row in await authored(posts, alice)] == [777]


async def test_what_is_refused_at_its_time_is_kept_with_the_reason(
    scheduled_posts: ScheduledPosts,
    scheduler: Scheduler,
    writer: PostWriter,
    remover: PostRemover,
    posts: PostRepository,
    alice: Identity,
    bob: Identity,
    clock: FakeClock,
) -> None:
    parent = (await writer.make(bob, Draft(text="Who?"))).post
    draft = Draft(text="Me", in_reply_to_id=parent.post_id)
    made = (await scheduled_posts.schedule(alice, draft, clock.now() + HOUR)).scheduled
    await remover.delete(bob, parent.post_id)
    clock.advance(3600)
    await scheduler.run_due()
    [view] = (await scheduled_posts.page(alice, ListBounds())).views
    assert view.scheduled.failure == ReplyNotFound.reason
    assert await authored(posts, alice) == []
    moved = await scheduled_posts.move(alice, made.scheduled_id, clock.now() + HOUR)
    assert moved.scheduled.failure == ""
    await scheduled_posts.delete(alice, made.scheduled_id)


async def test_what_is_wrong_is_refused_before_it_is_kept(
    scheduled_posts: ScheduledPosts, alice: Identity, clock: FakeClock
) -> None:
    for due_at in (clock.now() + timedelta(minutes=4), clock.now() - HOUR, clock.now() + timedelta(days=2000)):
        with pytest.raises(InvalidField):
            await scheduled_posts.schedule(alice, Draft(text="x"), due_at)
    with pytest.raises(InvalidField):
        await scheduled_posts.schedule(alice, Draft(), clock.now() + HOUR)
    with pytest.raises(ReplyNotFound):
        await scheduled_posts.schedule(alice, Draft(text="x", in_reply_to_id=12345), clock.now() + HOUR)
    with pytest.raises(MediaNotFound):
        await scheduled_posts.schedule(alice, Draft(text="x", media_ids=(12345,)), clock.now() + HOUR)
    assert await scheduled_posts.page(alice, ListBounds()) == ([], 0)


async def test_the_same_request_schedules_once(
    scheduled_posts: ScheduledPosts, alice: Identity, clock: FakeClock
) -> None:
    draft, due_at = Draft(text="x", request_id="key"), clock.now() + HOUR
    first, second = [await scheduled_posts.schedule(alice, draft, due_at) for _ in range(2)]
    assert first == second
    with pytest.raises(IdempotencyConflict):
        await scheduled_posts.schedule(alice, draft, due_at + HOUR)
    assert len((await scheduled_posts.page(alice, ListBounds())).views) == 1


async def test_lists_are_paged(scheduled_posts: ScheduledPosts, alice: Identity, clock: FakeClock) -> None:
    made = [
        (await scheduled_posts.schedule(alice, Draft(text=f"{n}"), clock.now() + HOUR)).scheduled.scheduled_id
        for n in range(5)
    ][::-1]

    async def page(bounds: ListBounds) -> tuple[list[int], int]:
        views, reached = await scheduled_posts.page(alice, bounds)
        return [view.scheduled.scheduled_id for view in views], reached

    assert await page(ListBounds(2)) == (made[:2], made[1])
    assert await page(ListBounds(2, max_id=made[1])) == (made[2:4], made[3])
    assert await page(ListBounds(2, max_id=made[3])) == (made[4:], 0)
    assert await page(ListBounds(2, min_id=made[4])) == (made[2:4], made[2])


async def test_a_job_that_fails_for_another_reason_is_put_off_and_holds_nothing_up(
    scheduled_posts: ScheduledPosts,
    schedule: ScheduleRepository,
    publisher: ScheduledPublisher,
    posts: PostRepository,
    alice: Identity,
    clock: FakeClock,
) -> None:
    for minutes in (10, 11):
        await scheduled_posts.schedule(alice, Draft(text=f"{minutes}"), clock.now() + timedelta(minutes=minutes))
    failures = [Internal("a defect")]

    async def once(job: Job) -> None:
        if failures:
            raise failures.pop()
        await publisher(job)

    scheduler = Scheduler(schedule, {JobKind.PUBLISH: once}, clock)
    clock.advance(3600)
    await scheduler.run_due()
    assert len(await authored(posts, alice)) == 1
    clock.advance(3600)
    await scheduler.run_due()
    assert len(await authored(posts, alice)) == 2


async def test_it_goes_on_by_itself_also_after_an_outage(
    scheduled_posts: ScheduledPosts,
    schedule: ScheduleRepository,
    publisher: ScheduledPublisher,
    posts: PostRepository,
    alice: Identity,
    clock: FakeClock,
) -> None:
    await scheduled_posts.schedule(alice, Draft(text="Later"), clock.now() + HOUR)
    failures = [Unavailable("away"), Unavailable("away")]

    async def publish(job: Job) -> None:
        if failures:
            raise failures.pop()
        await publisher(job)

    scheduler = Scheduler(schedule, {JobKind.PUBLISH: publish}, clock)
    await scheduler.start()

    async def is_published() -> bool:
        clock.advance(1200)
        return bool(await authored(posts, alice))

    try:
        await eventually(is_published)
    finally:
        await scheduler.stop()
    assert not failures
