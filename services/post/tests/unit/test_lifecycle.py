"""What becomes of posts in the store. Runs over the fakes, and as engine/test_lifecycle.py over the engines."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from post_service.events import PostEvents
from post_service.models import Bookmark, Fact, FactKind, Media, Mention, Post, PostMarks, PostState, Visibility
from post_service.repository.engagements import EngagementCounts, EngagementRepository
from post_service.repository.marks import MarkRepository, week_of
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.service.delete_post import reblog_fact, tombstone_of
from post_service.versions import HybridClock
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

MakePost = Callable[..., Post]
MakeMedia = Callable[..., Media]
Write = Callable[..., Awaitable[Post]]


async def test_a_post_that_is_written_twice_is_the_same(
    posts: PostRepository, events: PostEvents, make_post: MakePost, make_media: MakeMedia
) -> None:
    post = make_post()
    post = replace(post, media=(make_media(post_id=post.post_id), make_media(post_id=post.post_id)))
    for _ in range(2):
        await posts.create(post, events.created(post))
    found = await posts.get(post.post_id)
    assert found is not None
    assert (found.mentions, found.tags) == (post.mentions, post.tags)
    assert [media.media_id for media in found.media] == [media.media_id for media in post.media]


async def test_a_buried_post_is_empty_for_good_and_its_media_are_uploads_again(
    posts: PostRepository,
    media: MediaRepository,
    events: PostEvents,
    make_post: MakePost,
    make_media: MakeMedia,
    versions: HybridClock,
    clock: FakeClock,
) -> None:
    picture = make_media()
    parent, post = make_post(), make_post()
    post = replace(
        post, media=(replace(picture, post_id=post.post_id, version=post.version),), in_reply_to_id=parent.post_id
    )
    for each in (parent, post):
        await posts.create(each, events.created(each))
    decided = replace(post, state=PostState.REMOVED, decision_version=1, version=versions.next(post.version + 10**9))
    tombstone = tombstone_of(post, versions.next(post.version))
    for _ in range(2):
        await posts.bury(post, tombstone, events.deleted(tombstone))
    await posts.decide(decided, events.decided(decided))  # What moderation had read before.
    found = await posts.get(post.post_id)
    assert found is not None
    assert (found.state, found.text, found.spoiler_text, found.media, found.mentions, found.tags, found.language) == (
        PostState.DELETED,
        "",
        "",
        (),
        (),
        (),
        "",
    )
    assert (found.author_id, found.in_reply_to_id, found.visibility) == (101, parent.post_id, Visibility.PUBLIC)
    assert [row.post_id for row in await posts.authored(101, 0, MAX_ID, 10)] == [parent.post_id]
    assert await posts.count_replies([parent.post_id]) == {parent.post_id: 0}
    freed = (await media.get_many([picture.media_id]))[picture.media_id]
    assert freed.post_id == 0
    assert freed.original_key == picture.original_key


async def test_a_direct_post_keeps_the_names_of_those_who_are_to_be_told(
    posts: PostRepository, events: PostEvents, make_post: MakePost, versions: HybridClock
) -> None:
    post = make_post(visibility=Visibility.DIRECT)
    await posts.create(post, events.created(post))
    tombstone = tombstone_of(post, versions.next())
    await posts.bury(post, tombstone, events.deleted(tombstone))
    found = await posts.get(post.post_id)
    assert found is not None
    assert found.mentions == (Mention(102, "Bob"),)


async def test_only_replies_that_may_be_seen_are_replies(
    posts: PostRepository, events: PostEvents, make_post: MakePost, versions: HybridClock
) -> None:
    parent = make_post()
    seen, held = (
        make_post(in_reply_to_id=parent.post_id),
        make_post(in_reply_to_id=parent.post_id, state=PostState.HELD),
    )
    for post in (parent, seen, held):
        await posts.create(post, events.created(post))
    assert await posts.replies_of([parent.post_id, seen.post_id], 10) == {parent.post_id: [seen.post_id]}
    held = replace(held, state=PostState.VISIBLE, decision_version=1, version=versions.next(held.version))
    await posts.decide(held, events.decided(held))
    assert await posts.get(held.post_id) == held
    assert await posts.replies_of([parent.post_id], 10) == {parent.post_id: [seen.post_id, held.post_id]}
    assert await posts.replies_of([parent.post_id], 1) == {parent.post_id: [seen.post_id]}
    seen = replace(seen, state=PostState.REMOVED, decision_version=1, version=versions.next(seen.version))
    await posts.decide(seen, events.decided(seen))
    assert await posts.replies_of([parent.post_id], 10) == {parent.post_id: [held.post_id]}
    assert await posts.count_replies([parent.post_id]) == {parent.post_id: 1}


async def test_facts_are_found_counted_and_marked_as_they_were_put(
    engagements: EngagementRepository,
    marks: MarkRepository,
    posts: PostRepository,
    events: PostEvents,
    make_post: MakePost,
    codec: object,
    versions: HybridClock,
    clock: FakeClock,
) -> None:
    post = make_post()
    assert await engagements.find(FactKind.FAVOURITE, post.post_id, 102) == Fact(FactKind.FAVOURITE, post.post_id, 102)
    reblog = make_post(author_id=102, reblog_of_id=post.post_id, mentions=())
    await posts.create(reblog, events.created(reblog), reblog_fact(reblog))
    liked = Fact(FactKind.FAVOURITE, post.post_id, 102, True, versions.next(), clock.now())
    for fact in (liked, replace(liked, account_id=103), liked):
        await engagements.put(fact, events.created(post))
        await engagements.recount(fact)
    await engagements.recount(reblog_fact(reblog))
    assert await engagements.find(FactKind.FAVOURITE, post.post_id, 102) == liked
    assert await engagements.count([post.post_id, 7]) == {post.post_id: EngagementCounts(1, 2), 7: EngagementCounts()}
    week = week_of(102, post.post_id)
    assert (await marks.sheets([week]))[week].marks == {post.post_id: PostMarks(favourited=True, reblogged=True)}
    gone = replace(liked, active=False, version=versions.next(liked.version))
    await engagements.put(gone, events.created(post))
    await engagements.recount(gone)
    assert await engagements.find(FactKind.FAVOURITE, post.post_id, 102) == gone
    assert await engagements.count([post.post_id]) == {post.post_id: EngagementCounts(1, 1)}
    assert (await marks.sheets([week]))[week].marks == {post.post_id: PostMarks(reblogged=True)}


async def test_bookmarks_are_found_as_they_were_put(marks: MarkRepository, make_post: MakePost) -> None:
    post_id = make_post().post_id
    assert await marks.find_bookmark(102, post_id) == Bookmark(post_id, 102)
    kept = Bookmark(post_id, 102, True, 5)
    await marks.put_bookmark(kept)
    assert await marks.find_bookmark(102, post_id) == kept
    week, other = week_of(102, post_id), week_of(103, post_id)
    sheets = await marks.sheets([week, other])
    assert (sheets[week].marks, sheets[other].marks) == ({post_id: PostMarks(bookmarked=True)}, {})


async def test_of_two_who_claim_a_reblog_one_is_first(engagements: EngagementRepository) -> None:
    assert await engagements.claimed_reblog(102, 1) == 0
    assert await engagements.claim_reblog(102, 1, 50, 0) == 50
    assert await engagements.claim_reblog(102, 1, 51, 0) == 50
    assert await engagements.claim_reblog(102, 1, 52, 49) == 50
    assert await engagements.claim_reblog(102, 1, 53, 50) == 53
    assert await engagements.claimed_reblog(102, 1) == 53
    assert await engagements.claimed_reblog(103, 1) == 0
