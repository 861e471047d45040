from __future__ import annotations

from collections.abc import Callable

import pytest

from post_service.errors import IdempotencyConflict, InvalidField, MediaNotFound, ReplyNotFound
from post_service.events import PostEvents
from post_service.models import Draft, Media, Mention, Post, PostState, Visibility
from post_service.repository.cache import PostCache
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service import create_post
from post_service.service.create_post import PostWriter
from post_service.service.read_posts import PostReader
from rookery.post.v1.events_pb2 import PostCreated
from rookery_common.auth import Identity
from rookery_common.errors import Unavailable
from rookery_common.ids import time_of
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_at

MakePost = Callable[..., Post]
MakeMedia = Callable[..., Media]


async def test_a_post_is_stored_cached_and_told_of(
    writer: PostWriter, posts: PostRepository, cache: PostCache, published: list[Event], alice: Identity
) -> None:
    post = (await writer.make(alice, Draft(text="Hello @BOB #Rook", language="en", application_name="Demo"))).post
    assert (post.author_id, post.thread_id, post.create_time) == (101, post.post_id, time_of(post.post_id))
    assert (post.mentions, post.tags, post.state) == ((Mention(102, "Bob"),), ("rook",), PostState.VISIBLE)
    assert await posts.get(post.post_id) == post
    cached = await cache.get_many([post.post_id])
    assert cached[post.post_id].post.version == post.version
    (event,) = published
    assert (event.topic, event.key, event.version) == ("post.events.v1", str(post.post_id), post.version)
    told = event.decode()
    assert isinstance(told, PostCreated)
    assert told.post.text == "Hello @BOB #Rook"
    assert int(told.post.state) == PostState.VISIBLE


async def test_user_is_asked_only_where_someone_is_mentioned(
    writer: PostWriter, away: set[str], alice: Identity
) -> None:
    away.add("user")
    assert (await writer.make(alice, Draft(text="nobody here"))).post.mentions == ()
    with pytest.raises(Unavailable):
        await writer.make(alice, Draft(text="@bob"))


async def test_unknown_names_are_no_mentions(writer: PostWriter, alice: Identity) -> None:
    assert (await writer.make(alice, Draft(text="@nobody @carol"))).post.mentions == (Mention(103, "carol"),)


async def test_a_reply_joins_its_thread_and_is_counted_at_once(
    writer: PostWriter, reader: PostReader, cache: PostCache, alice: Identity, bob: Identity
) -> None:
    parent = (await writer.make(alice, Draft(text="one"))).post
    await reader.load_posts([parent.post_id])
    reply = (await writer.make(bob, Draft(text="two", in_reply_to_id=parent.post_id))).post
    answer = (await writer.make(alice, Draft(text="three", in_reply_to_id=reply.post_id))).post
    assert (reply.in_reply_to_account_id, reply.thread_id) == (101, parent.post_id)
    assert (answer.in_reply_to_account_id, answer.thread_id) == (102, parent.post_id)
    cached = await cache.get_many([parent.post_id, reply.post_id])
    assert [counted.counts.replies for counted in cached.values()] == [1, 1]


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.DIRECT])
async def test_a_reply_to_what_the_author_may_not_see_is_not_found(
    writer: PostWriter, alice: Identity, carol: Identity, visibility: Visibility
) -> None:
    hidden = (await writer.make(alice, Draft(text="for some", visibility=visibility))).post
    for parent in (hidden.post_id, 12345):
        with pytest.raises(ReplyNotFound):
            await writer.make(carol, Draft(text="?", in_reply_to_id=parent))


async def test_a_follower_may_reply_to_a_private_post(
    writer: PostWriter, follows: dict[int, set[int]], alice: Identity, carol: Identity
) -> None:
    hidden = (await writer.make(alice, Draft(text="for some", visibility=Visibility.PRIVATE))).post
    follows[103].add(101)
    assert (await writer.make(carol, Draft(text="!", in_reply_to_id=hidden.post_id))).post.thread_id == hidden.post_id


async def test_media_are_attached_in_the_order_given(
    writer: PostWriter, media: MediaRepository, make_media: MakeMedia, alice: Identity
) -> None:
    uploads = [make_media() for _ in range(4)]
    for upload in uploads:
        await media.put(upload)
    ids = tuple(upload.media_id for upload in uploads[::-1])
    post = (await writer.make(alice, Draft(media_ids=ids))).post
    assert tuple(item.media_id for item in post.media) == ids
    assert {item.post_id for item in (await media.get_many(ids)).values()} == {post.post_id}
    assert post.version > max(upload.version for upload in uploads)


async def test_media_of_others_unknown_ones_and_attached_ones_are_refused(
    writer: PostWriter,
    media: MediaRepository,
    posts: PostRepository,
    make_media: MakeMedia,
    alice: Identity,
    published: list[Event],
) -> None:
    own, others = make_media(), make_media(account_id=102)
    await media.put(own)
    await media.put(others)
    for wrong in (others.media_id, 12345):
        with pytest.raises(MediaNotFound):
            await writer.make(alice, Draft(media_ids=(own.media_id, wrong)))
    await writer.make(alice, Draft(media_ids=(own.media_id,)))
    for key in ("", "key"):
        with pytest.raises(MediaNotFound):
            await writer.make(alice, Draft(media_ids=(own.media_id,), text="again", request_id=key))
    assert len(published) == 1


async def test_the_same_key_and_body_give_the_same_post(
    writer: PostWriter, media: MediaRepository, make_media: MakeMedia, alice: Identity, published: list[Event]
) -> None:
    upload = make_media()
    await media.put(upload)
    draft = Draft(text="once", media_ids=(upload.media_id,), request_id="key")
    first = (await writer.make(alice, draft)).post
    second = (await writer.make(alice, draft)).post
    assert (second.post_id, second.version) == (first.post_id, first.version)
    assert len(published) == 1


async def test_the_same_key_with_another_body_is_a_conflict(
    writer: PostWriter, alice: Identity, bob: Identity, published: list[Event]
) -> None:
    await writer.make(alice, Draft(text="one", request_id="key"))
    with pytest.raises(IdempotencyConflict) as caught:
        await writer.make(alice, Draft(text="two", request_id="key"))
    assert caught.value.reason == "IDEMPOTENCY_CONFLICT"
    await writer.make(bob, Draft(text="two", request_id="key"))
    assert len(published) == 2


async def test_a_refused_request_leaves_its_key_free(writer: PostWriter, alice: Identity) -> None:
    with pytest.raises(InvalidField):
        await writer.make(alice, Draft(text="", request_id="key"))
    with pytest.raises(ReplyNotFound):
        await writer.make(alice, Draft(text="x", in_reply_to_id=12345, request_id="key"))
    await writer.make(alice, Draft(text="right", request_id="key"))


async def test_without_a_key_each_request_makes_a_post(
    writer: PostWriter, alice: Identity, published: list[Event]
) -> None:
    for _ in range(2):
        await writer.make(alice, Draft(text="again"))
    assert len({event.key for event in published}) == 2


async def test_a_post_is_accepted_while_redis_is_away(
    writer: PostWriter, reader: PostReader, away: set[str], alice: Identity
) -> None:
    away.add("redis")
    parent = (await writer.make(alice, Draft(text="one"))).post
    await writer.make(alice, Draft(text="two", in_reply_to_id=parent.post_id))
    assert set(await reader.load_posts([parent.post_id])) == {parent.post_id}


async def test_after_a_crash_at_any_line_the_repeated_request_makes_one_post(
    writer: PostWriter,
    posts: PostRepository,
    events: PostEvents,
    media: MediaRepository,
    make_media: MakeMedia,
    alice: Identity,
    published: list[Event],
    clock: FakeClock,
) -> None:
    for line in range(1, 500):
        upload = make_media()
        await media.put(upload)
        draft = Draft(text="@bob once", media_ids=(upload.media_id,), request_id=f"key-{line}")
        async with crash_at(line, create_post) as point:
            await writer.make(alice, draft)
        clock.advance(1)
        repeated = (await writer.make(alice, draft)).post
        again = (await writer.make(alice, draft)).post
        found = [row.post_id for row in await posts.authored(101, 0, 1 << 62, 500)]
        assert again.post_id == repeated.post_id
        assert len(found) == line, f"a crash at line {line} made another post"
        if not point.happened:
            break
    else:
        pytest.fail("the flow has more lines than were tried")
    assert {event.key for event in published} <= {str(post_id) for post_id in found}
    assert line > 30
