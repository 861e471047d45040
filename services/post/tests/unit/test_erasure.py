"""What post keeps of a deleted account is erased, in bounded steps. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from post_service.errors import PublishingNow
from post_service.models import (
    OF_PROFILE,
    Draft,
    ListBounds,
    MarkKind,
    Media,
    Post,
    PostMarks,
    PostQuery,
    PostState,
    PostView,
    Purpose,
    Visibility,
)
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.repository.scheduled import ScheduledRepository
from post_service.service import erase_account as module
from post_service.service.create_post import PostWriter
from post_service.service.engage import Engagement
from post_service.service.list_marked import MarkedPosts
from post_service.service.pins import Pins
from post_service.service.profile_pictures import ProfilePictures
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.reblog import Reblogger
from post_service.service.saved_drafts import SavedDrafts
from post_service.service.scheduled_posts import ScheduledPosts
from rookery.post.v1.engagement_events_pb2 import PostUnfavourited
from rookery.post.v1.events_pb2 import PostDeleted
from rookery_common.auth import Identity
from rookery_common.erasure import Eraser
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock

Write = Callable[..., Awaitable[Post]]
MakeMedia = Callable[..., Media]
Told = Callable[[], Awaitable[list[Event]]]


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 2)


async def erased(eraser: Eraser, account: Identity) -> int:
    """Asks until it is done; how often that was."""
    calls, done = 0, False
    while not done:
        done, amount = await eraser.erase(account.account_id)
        assert done or amount
        calls += 1
        assert calls < 50
    return calls


async def seen(reader: PostReader, viewer: Identity, *posts: Post) -> dict[int, PostView]:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post.post_id) for post in posts])])
    assert not isinstance(answer, AppError)
    return {view.post.post_id: view for view in answer}


async def test_posts_and_reblogs_are_deleted_as_their_author_would_and_those_of_others_stay(
    eraser: Eraser,
    writer: PostWriter,
    write: Write,
    reblogger: Reblogger,
    posts: PostRepository,
    reader: PostReader,
    told: Told,
    alice: Identity,
    bob: Identity,
) -> None:
    kept = await write(author_id=bob.account_id)
    own = [(await writer.make(alice, Draft(text=f"Number {number}"))).post for number in range(3)]
    own.append((await writer.make(alice, Draft(text="No", in_reply_to_id=kept.post_id))).post)
    own.append(await reblogger.reblog(alice, kept.post_id, Visibility.PUBLIC))
    reply = (await writer.make(bob, Draft(text="Why?", in_reply_to_id=own[0].post_id))).post
    assert await erased(eraser, alice) > 2
    stored = await posts.get_many([post.post_id for post in (*own, kept, reply)])
    states = [stored[post.post_id].state for post in own]
    assert (states, [stored[post.post_id].text for post in own]) == ([PostState.DELETED] * 5, [""] * 5)
    assert [stored[post.post_id].state for post in (kept, reply)] == [PostState.VISIBLE] * 2
    assert (await seen(reader, bob, kept))[kept.post_id].counts == (0, 0, 0, 0)
    assert await posts.authored(alice.account_id, 0, MAX_ID, 10) == []
    messages = [event.decode() for event in await told()]
    deleted = [message.post.post_id for message in messages if isinstance(message, PostDeleted)]
    assert sorted(deleted) == sorted(post.post_id for post in own)


async def test_what_was_marked_is_counted_no_more_and_of_others_marks_nothing_is_lost(
    eraser: Eraser,
    write: Write,
    engagement: Engagement,
    marked_posts: MarkedPosts,
    reader: PostReader,
    told: Told,
    bob: Identity,
    carol: Identity,
    clock: FakeClock,
) -> None:
    liked = []
    for _ in range(3):  # In weeks of their own.
        liked.append(await write())
        clock.advance(8 * 24 * 3600)
    for post in liked:
        for account in (bob, carol):
            await engagement.favourite(account, post.post_id, active=True)
            await engagement.bookmark(account, post.post_id, active=True)
            await engagement.mute_thread(account, post.post_id, active=True)
    await erased(eraser, bob)
    clock.advance(3600)
    views = (await seen(reader, carol, *liked)).values()
    assert [(view.counts.favourites, view.marks) for view in views] == [
        (1, PostMarks(favourited=True, bookmarked=True, muted=True))
    ] * 3
    for kind in MarkKind:
        assert (await marked_posts.page(bob, kind, ListBounds())).posts == []
        assert len((await marked_posts.page(carol, kind, ListBounds())).posts) == 3
    messages = [event.decode() for event in await told()]
    ended = [message.favourite for message in messages if isinstance(message, PostUnfavourited)]
    assert sorted((each.post_id, each.account_id) for each in ended) == sorted((p.post_id, 102) for p in liked)
    assert await eraser.erase(bob.account_id) == (True, 0)


async def test_what_was_never_published_goes_and_its_pictures_are_swept(
    eraser: Eraser,
    scheduled_posts: ScheduledPosts,
    scheduled: ScheduledRepository,
    saved_drafts: SavedDrafts,
    drafts: SavedDraftRepository,
    media: MediaRepository,
    make_media: MakeMedia,
    alice: Identity,
    bob: Identity,
    clock: FakeClock,
) -> None:
    pictures = [make_media(), make_media()]
    for picture in pictures:
        await media.put(picture)
    first, second = (picture.media_id for picture in pictures)
    later = clock.now() + timedelta(hours=1)
    await saved_drafts.create(alice, Draft(text="unfinished", media_ids=(first,)))
    await scheduled_posts.schedule(alice, Draft(text="tomorrow", media_ids=(second,)), later)
    for number in range(3):
        for account in (alice, bob):
            await saved_drafts.create(account, Draft(text=f"{number}"))
            await scheduled_posts.schedule(account, Draft(text=f"{number}"), later)
    await erased(eraser, alice)
    assert (await drafts.of(alice.account_id), await scheduled.of(alice.account_id)) == ([], [])
    assert (len(await drafts.of(bob.account_id)), len(await scheduled.of(bob.account_id))) == (3, 3)
    assert [each.post_id for each in (await media.get_many([first, second])).values()] == [0, 0]


async def test_what_is_being_published_is_waited_for(
    eraser: Eraser,
    scheduled_posts: ScheduledPosts,
    scheduled: ScheduledRepository,
    alice: Identity,
    clock: FakeClock,
) -> None:
    waiting = (await scheduled_posts.schedule(alice, Draft(text="now"), clock.now() + timedelta(hours=1))).scheduled
    await scheduled.claim(waiting, 77)
    with pytest.raises(PublishingNow):
        await eraser.erase(alice.account_id)


async def test_pins_go_and_pictures_of_the_profile_also_where_it_is_told_of_late(
    eraser: Eraser,
    write: Write,
    pins: Pins,
    pictures: ProfilePictures,
    media: MediaRepository,
    make_media: MakeMedia,
    alice: Identity,
    clock: FakeClock,
) -> None:
    await pins.pin(alice, (await write()).post_id)
    avatar, late = make_media(post_id=OF_PROFILE), make_media(post_id=OF_PROFILE)
    for picture in (avatar, late):
        await media.put(picture)
    await pictures.settle(alice.account_id, {Purpose.AVATAR: avatar.media_id, Purpose.HEADER: 0}, 2)
    await erased(eraser, alice)
    assert await pins.visible(alice, alice.account_id) == []
    notes = await media.noted_uploads(clock.now().date(), avatar.media_id % 16, 0, 10)
    assert [note.media_id for note in notes] == [avatar.media_id]
    await pictures.settle(alice.account_id, {Purpose.AVATAR: avatar.media_id, Purpose.HEADER: late.media_id}, 3)
    shown = await media.profile_pictures(alice.account_id)
    assert {purpose: picture.media_id for purpose, picture in shown.items()} == {Purpose.AVATAR: 0, Purpose.HEADER: 0}


async def test_an_account_that_kept_nothing_is_done_at_once(eraser: Eraser, bob: Identity) -> None:
    assert await eraser.erase(bob.account_id) == (True, 0)
