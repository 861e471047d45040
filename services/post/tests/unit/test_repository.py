"""What is stored is found again. Runs over the fakes, and as engine/test_repository.py over the engines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from post_service.events import PostEvents
from post_service.models import (
    AuthoredRow,
    Focus,
    KeyClaim,
    Media,
    MediaType,
    Playback,
    Post,
    PostState,
    Sound,
    UploadNote,
    Visibility,
)
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

MakePost = Callable[..., Post]
MakeMedia = Callable[..., Media]


async def test_a_post_is_found_as_it_was_written(
    posts: PostRepository, events: PostEvents, make_post: MakePost
) -> None:
    post = make_post()
    await posts.create(post, events.created(post))
    assert await posts.get(post.post_id) == post


async def test_a_post_with_nothing_optional_is_found_as_it_was_written(
    posts: PostRepository, events: PostEvents, make_post: MakePost
) -> None:
    empty = {"spoiler_text": "", "sensitive": False, "language": "", "mentions": (), "tags": (), "application_name": ""}
    post = make_post(**empty, visibility=Visibility.DIRECT, state=PostState.HELD)
    await posts.create(post, events.created(post))
    assert await posts.get(post.post_id) == post


async def test_unknown_posts_are_left_out(posts: PostRepository, events: PostEvents, make_post: MakePost) -> None:
    post = make_post()
    await posts.create(post, events.created(post))
    assert await posts.get_many([post.post_id, 12345]) == {post.post_id: post}
    assert await posts.get_many([]) == {}
    assert await posts.get(12345) is None


async def test_an_older_version_never_replaces_a_newer_one(
    posts: PostRepository, events: PostEvents, make_post: MakePost
) -> None:
    newer = make_post(text="second")
    older = make_post(post_id=newer.post_id, thread_id=newer.post_id, text="first", version=newer.version - 1)
    await posts.create(newer, events.created(newer))
    await posts.create(older, events.created(older))
    assert await posts.get(newer.post_id) == newer


async def test_a_post_keeps_its_media_and_marks_them_attached(
    posts: PostRepository, media: MediaRepository, events: PostEvents, make_post: MakePost, make_media: MakeMedia
) -> None:
    upload = make_media(description="A rook", focus=Focus(0.5, -0.25))
    await media.put(upload)
    post_id = make_post().post_id
    attached = make_media(
        media_id=upload.media_id,
        original_key=upload.original_key,
        small_key=upload.small_key,
        description="A rook",
        focus=Focus(0.5, -0.25),
        post_id=post_id,
    )
    post = make_post(post_id=post_id, media=(attached,), version=attached.version)
    await posts.create(post, events.created(post))
    found = await posts.get(post_id)
    assert found is not None
    assert [(m.media_id, m.description, m.focus, m.post_id) for m in found.media] == [
        (upload.media_id, "A rook", Focus(0.5, -0.25), post_id)
    ]
    assert await media.get_many([upload.media_id]) == {upload.media_id: attached}


@pytest.mark.parametrize("sound", [None, Sound("aac", 48_000, 2)])
async def test_what_plays_is_found_as_it_was_written(
    posts: PostRepository,
    media: MediaRepository,
    events: PostEvents,
    make_post: MakePost,
    make_media: MakeMedia,
    sound: Sound | None,
) -> None:
    playback = Playback(MediaType.VIDEO, 65_040, 120_000, "30000/1001", sound)
    upload = make_media(type=MediaType.VIDEO, playback=playback)
    await media.put(upload)
    assert await media.get_many([upload.media_id]) == {upload.media_id: upload}
    post_id = make_post().post_id
    attached = replace(upload, post_id=post_id, version=0)
    post = make_post(post_id=post_id, thread_id=post_id, media=(attached,))
    await posts.create(post, events.created(post))
    assert await posts.get(post_id) == post


async def test_media_are_found_as_they_were_written(media: MediaRepository, make_media: MakeMedia) -> None:
    one, two = make_media(description="one"), make_media(account_id=102)
    await media.put(one)
    await media.put(two)
    assert await media.get_many([one.media_id, 7, two.media_id]) == {one.media_id: one, two.media_id: two}


async def test_describing_media_leaves_their_attachment_alone(
    media: MediaRepository, posts: PostRepository, events: PostEvents, make_post: MakePost, make_media: MakeMedia
) -> None:
    upload = make_media()
    await media.put(upload)
    attached = make_media(media_id=upload.media_id, post_id=make_post().post_id)
    post = make_post(post_id=attached.post_id, media=(attached,), version=attached.version)
    await posts.create(post, events.created(post))
    late = make_media(media_id=upload.media_id, description="late", focus=Focus(1, 1))
    await media.describe(late)
    found = (await media.get_many([upload.media_id]))[upload.media_id]
    assert (found.post_id, found.description, found.focus) == (post.post_id, "late", Focus(1, 1))


async def test_the_first_claim_of_a_key_holds(posts: PostRepository) -> None:
    first, second = KeyClaim(b"body", 1), KeyClaim(b"other", 2)
    assert await posts.find_claim(101, "key") is None
    assert await posts.claim(101, "key", first) == first
    assert await posts.claim(101, "key", second) == first
    assert await posts.find_claim(101, "key") == first
    assert await posts.claim(102, "key", second) == second


async def test_replies_are_counted_once_however_often_they_are_written(
    posts: PostRepository, events: PostEvents, make_post: MakePost
) -> None:
    parent = make_post()
    replies = [make_post(in_reply_to_id=parent.post_id, in_reply_to_account_id=101) for _ in range(3)]
    for post in (parent, *replies, replies[0]):
        await posts.create(post, events.created(post))
    counts = await posts.count_replies([parent.post_id, replies[0].post_id, 12345])
    assert counts == {parent.post_id: 3, replies[0].post_id: 0, 12345: 0}


async def test_an_authors_posts_are_listed_from_either_end(
    posts: PostRepository, events: PostEvents, make_post: MakePost, clock: FakeClock
) -> None:
    written = []
    for _ in range(5):  # over two years: several buckets of the index, and empty ones between them
        written.append(make_post())
        clock.advance(150 * 24 * 3600)
    for post in [*written, make_post(author_id=102)]:
        await posts.create(post, events.created(post))
    numbers = [post.post_id for post in written]
    newest = await posts.authored(101, 0, MAX_ID, 10)
    assert [row.post_id for row in newest] == numbers[::-1]
    assert newest[0] == AuthoredRow(numbers[-1], Visibility.PUBLIC, 0, has_media=False)
    assert [row.post_id for row in await posts.authored(101, 0, MAX_ID, 2)] == numbers[:2:-1]
    assert [row.post_id for row in await posts.authored(101, 0, numbers[3], 10)] == numbers[2::-1]
    assert [row.post_id for row in await posts.authored(101, numbers[1], numbers[4], 10)] == [numbers[3], numbers[2]]
    oldest = await posts.authored(101, numbers[0], MAX_ID, 2, newest=False)
    assert [row.post_id for row in oldest] == numbers[1:3]
    assert await posts.authored(999, 0, MAX_ID, 10) == []


async def test_notes_of_uploads_are_found_by_day_until_they_are_forgotten(
    media: MediaRepository, clock: FakeClock
) -> None:
    today = clock.now().date()
    notes = [UploadNote(today, number, f"media/{number}/a.jpg", f"media/{number}/b.jpg") for number in (3, 19)]
    yesterday = UploadNote(today - timedelta(1), 3, "media/x/a.jpg", "media/x/b.jpg")
    for note in [*notes, yesterday]:
        await media.note_upload(note)
    assert await media.noted_uploads(today, 3, 0, 10) == notes
    assert await media.noted_uploads(today, 3, 0, 1) == notes[:1]
    assert await media.noted_uploads(today, 3, 3, 10) == notes[1:]
    assert await media.noted_uploads(today, 4, 0, 10) == []
    await media.forget_upload(notes[0])
    assert await media.noted_uploads(today, 3, 0, 10) == notes[1:]
