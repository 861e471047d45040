"""Who may reply, and replies that are taken out of a thread. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from post_service.errors import InvalidField, NotOwnPost, PostNotFound, ReplyNotAllowed
from post_service.models import Draft, Edit, Post
from post_service.reply_models import ReplyPolicy
from post_service.repository.posts import PostRepository
from post_service.service.create_post import PostWriter
from post_service.service.edit_post import PostEditor
from post_service.service.read_posts import PostReader
from post_service.service.replies import Replies
from post_service.service.threads import ThreadReader
from rookery.post.v1.events_pb2 import PostUpdated
from rookery_common.auth import Identity
from rookery_common.kafka.events import Event

Told = Callable[[], Awaitable[list[Event]]]


async def reply(writer: PostWriter, who: Identity, parent: Post) -> Post:
    return (await writer.make(who, Draft(text="An answer", in_reply_to_id=parent.post_id))).post


async def test_nobody_but_its_author_replies_in_a_closed_thread(
    writer: PostWriter, posts: PostRepository, alice: Identity, bob: Identity
) -> None:
    first = (await writer.make(alice, Draft(text="News", reply_policy=ReplyPolicy.NOBODY))).post
    stored = await posts.get(first.post_id)
    assert stored is not None
    assert stored.reply_policy is ReplyPolicy.NOBODY
    second = await reply(writer, alice, first)
    for parent in (first, second):
        with pytest.raises(ReplyNotAllowed):
            await reply(writer, bob, parent)


async def test_whom_the_first_post_mentions_replies_in_the_whole_thread(
    writer: PostWriter, alice: Identity, bob: Identity, carol: Identity
) -> None:
    first = (await writer.make(alice, Draft(text="@bob and I", reply_policy=ReplyPolicy.MENTIONED))).post
    answer = await reply(writer, bob, first)
    await reply(writer, alice, answer)
    for parent in (first, answer):
        with pytest.raises(ReplyNotAllowed):
            await reply(writer, carol, parent)


async def test_a_reply_has_no_policy_of_its_own(writer: PostWriter, replies: Replies, alice: Identity) -> None:
    first = (await writer.make(alice, Draft(text="News"))).post
    draft = Draft(text="More", in_reply_to_id=first.post_id, reply_policy=ReplyPolicy.NOBODY)
    with pytest.raises(InvalidField) as caught:
        await writer.make(alice, draft)
    assert caught.value.fields[0].field == "reply_policy"
    with pytest.raises(PostNotFound):
        await replies.set_policy(alice, (await reply(writer, alice, first)).post_id, ReplyPolicy.NOBODY)


async def test_who_may_reply_is_changed_later(
    writer: PostWriter, replies: Replies, editor: PostEditor, told: Told, alice: Identity, bob: Identity
) -> None:
    first = (await writer.make(alice, Draft(text="News"))).post
    before = await reply(writer, bob, first)
    with pytest.raises(PostNotFound):
        await replies.set_policy(bob, first.post_id, ReplyPolicy.NOBODY)
    for _ in range(2):
        changed = await replies.set_policy(alice, first.post_id, ReplyPolicy.NOBODY)
        assert (changed.reply_policy, changed.edit_time) == (ReplyPolicy.NOBODY, None)
    assert len([1 for event in await told() if isinstance(event.decode(), PostUpdated)]) == 1
    edited = await editor.edit(alice, first.post_id, Edit(text="Old news"))
    assert edited.reply_policy is ReplyPolicy.NOBODY
    for parent in (first, before):
        with pytest.raises(ReplyNotAllowed):
            await reply(writer, bob, parent)
    await replies.set_policy(alice, first.post_id, ReplyPolicy.EVERYONE)
    await reply(writer, bob, before)


async def test_a_reply_is_taken_out_of_ones_own_thread(
    writer: PostWriter,
    replies: Replies,
    threads: ThreadReader,
    reader: PostReader,
    posts: PostRepository,
    alice: Identity,
    bob: Identity,
) -> None:
    first = (await writer.make(alice, Draft(text="News"))).post
    removed = await reply(writer, bob, first)
    below = await reply(writer, alice, removed)
    kept = await reply(writer, alice, first)
    with pytest.raises(NotOwnPost):
        await replies.remove(bob, first.post_id, removed.post_id)
    with pytest.raises(PostNotFound):
        await replies.remove(alice, kept.post_id, removed.post_id)
    for _ in range(2):
        await replies.remove(alice, first.post_id, removed.post_id)
    assert (await threads.thread(alice, first.post_id, 0)).descendant_ids == [kept.post_id]
    thread = await threads.thread(bob, removed.post_id, 0)
    assert (thread.ancestor_ids, thread.descendant_ids) == ([], [below.post_id])
    [counted] = (await reader.visible_counted(None, [first.post_id])).values()
    assert counted.counts.replies == 1
    stored = await posts.get(removed.post_id)
    assert stored is not None
    assert (stored.text, stored.in_reply_to_id, stored.thread_id) == ("An answer", 0, removed.post_id)
