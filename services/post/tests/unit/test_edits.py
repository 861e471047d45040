"""Editing posts: who may, what changes, what is told, and what it said before. By the link over the engines too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from post_service.consumers import DeletionsHandler
from post_service.errors import InvalidField, MediaNotFound, PostNotFound, TooManyEdits
from post_service.events import PostEvents
from post_service.models import (
    MAX_EDITS,
    Decision,
    Edit,
    Focus,
    Media,
    MediaChange,
    Mention,
    Post,
    PostQuery,
    PostState,
    Visibility,
)
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.revisions import RevisionRepository
from post_service.service import edit_post
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover
from post_service.service.edit_post import PostEditor
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.revisions import Revisions
from post_service.service.settle import Settler
from post_service.versions import HybridClock
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.testing import FakeClock

Write = Callable[..., Awaitable[Post]]
MakeMedia = Callable[..., Media]


async def said(history: Revisions, who: Identity | None, post_id: int) -> list[str]:
    return [revision.text for revision in await history.of(who, post_id)]


async def test_an_edit_replaces_what_is_said_and_keeps_what_was(
    editor: PostEditor, history: Revisions, posts: PostRepository, write: Write, alice: Identity, clock: FakeClock
) -> None:
    post = await write(mentions=(), tags=())
    assert await said(history, None, post.post_id) == ["Hello, world"]
    clock.advance(60)
    edit = Edit(text="  Hello @bob #birds ", spoiler_text="", language="DE")
    edited = await editor.edit(alice, post.post_id, edit)
    assert (edited.text, edited.spoiler_text, edited.sensitive, edited.language) == (
        "Hello @bob #birds",
        "",
        False,
        "de",
    )
    assert ([mention.account_id for mention in edited.mentions], edited.tags) == ([102], ("birds",))
    assert (edited.edit_time, edited.create_time) == (clock.now(), post.create_time)
    assert edited.version > post.version
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert (stored.text, stored.version, stored.edit_time) == (edited.text, edited.version, edited.edit_time)
    assert await editor.edit(alice, post.post_id, replace(edit, language="")) == stored  # Nothing has changed.
    clock.advance(60)
    await editor.edit(alice, post.post_id, Edit(text="Third"))
    assert await said(history, None, post.post_id) == ["Hello, world", "Hello @bob #birds", "Third"]
    first, second, _ = await history.of(None, post.post_id)
    assert (first.spoiler_text, first.sensitive, first.create_time) == ("greeting", True, post.create_time)
    assert (second.tags, second.create_time) == (("birds",), edited.edit_time)


async def test_readers_find_the_edit_at_once_with_the_counts_that_were(
    editor: PostEditor, reader: PostReader, write: Write, alice: Identity, bob: Identity
) -> None:
    post = await write()
    await write(in_reply_to_id=post.post_id, author_id=102)

    async def seen() -> tuple[bytes, int]:
        (answer,) = await reader.batch_get([ViewerQuery(bob, [PostQuery(post.post_id)])])
        assert not isinstance(answer, AppError)
        return answer[0].post.body, answer[0].counts.replies

    before, replies = await seen()
    await editor.edit(alice, post.post_id, Edit(text="Changed"))
    after, still = await seen()
    assert (b"Hello, world" in before, b"Changed" in after, replies, still) == (True, True, 1, 1)


async def test_only_authors_edit_and_only_what_is_there(
    editor: PostEditor, remover: PostRemover, write: Write, alice: Identity, bob: Identity
) -> None:
    post, removed = await write(), await write(state=PostState.REMOVED)
    reblog, deleted = await write(reblog_of_id=post.post_id), await write()
    await remover.delete(alice, deleted.post_id)
    refused = [(bob, post), (alice, removed), (alice, reblog), (alice, deleted)]
    for who, what in refused:
        with pytest.raises(PostNotFound):
            await editor.edit(who, what.post_id, Edit(text="Mine"))
    held = await write(state=PostState.HELD)
    assert (await editor.edit(alice, held.post_id, Edit(text="Better"))).state == PostState.HELD


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        (Edit(text=""), "status"),
        (Edit(text="x" * 501), "status"),
        (Edit(text="x", language="?"), "language"),
        (Edit(text="x", media_changes=(MediaChange(7, "of none"),)), "media_attributes"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_changed(
    editor: PostEditor, history: Revisions, write: Write, alice: Identity, edit: Edit, field: str
) -> None:
    post = await write()
    with pytest.raises(InvalidField) as caught:
        await editor.edit(alice, post.post_id, edit)
    assert [violation.field for violation in caught.value.fields] == [field]
    assert await said(history, alice, post.post_id) == ["Hello, world"]


async def test_media_are_taken_described_and_left_and_go_with_the_post(
    editor: PostEditor,
    remover: PostRemover,
    media: MediaRepository,
    write: Write,
    make_media: MakeMedia,
    alice: Identity,
) -> None:
    post = await write()
    one, two, others, taken = make_media(), make_media(), make_media(account_id=102), make_media(post_id=5)
    for each in (one, two, others, taken):
        await media.put(each)
    for wrong in (others, taken):
        with pytest.raises(MediaNotFound):
            await editor.edit(alice, post.post_id, Edit(text="x", media_ids=(wrong.media_id,)))
    change = MediaChange(one.media_id, "A crow", focus_x=0.5)
    edited = await editor.edit(alice, post.post_id, Edit(media_ids=(one.media_id,), text="x", media_changes=(change,)))
    assert [(each.media_id, each.description, each.focus) for each in edited.media] == [
        (one.media_id, "A crow", Focus(0.5, 0.0))
    ]
    await editor.edit(alice, post.post_id, Edit(text="x", media_ids=(two.media_id,)))
    kept = await media.get_many([one.media_id, two.media_id])
    assert {each.post_id for each in kept.values()} == {post.post_id}  # The history shows the first one still.
    with pytest.raises(MediaNotFound):
        await media_of_another(editor, write, alice, one)
    await remover.delete(alice, post.post_id)
    freed = await media.get_many([one.media_id, two.media_id])
    assert ({each.post_id for each in freed.values()}, {each.account_id for each in freed.values()}) == ({0}, {101})


async def media_of_another(editor: PostEditor, write: Write, alice: Identity, media: Media) -> None:
    other = await write()
    await editor.edit(alice, other.post_id, Edit(text="x", media_ids=(media.media_id,)))


async def test_what_was_said_goes_with_the_post(
    editor: PostEditor,
    remover: PostRemover,
    history: Revisions,
    revisions: RevisionRepository,
    write: Write,
    alice: Identity,
) -> None:
    post = await write()
    await editor.edit(alice, post.post_id, Edit(text="Again"))
    await remover.delete(alice, post.post_id)
    assert await revisions.of(post.post_id, 10) == []
    with pytest.raises(PostNotFound):
        await history.of(alice, post.post_id)


async def test_the_history_is_for_those_who_may_see_the_post(
    history: Revisions, write: Write, alice: Identity, carol: Identity
) -> None:
    post = await write(visibility=Visibility.PRIVATE)
    assert await said(history, alice, post.post_id) == ["Hello, world"]
    for who in (carol, None):
        with pytest.raises(PostNotFound):
            await history.of(who, post.post_id)


async def test_a_post_has_so_many_versions_and_no_more(
    editor: PostEditor, write: Write, alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edit_post, "MAX_EDITS", 2)
    assert MAX_EDITS > 2
    post = await write()
    for number in range(2):
        await editor.edit(alice, post.post_id, Edit(text=f"Edit {number}"))
    with pytest.raises(TooManyEdits):
        await editor.edit(alice, post.post_id, Edit(text="One too many"))


async def test_edits_at_once_leave_one_whole_and_keep_all(
    editor: PostEditor, history: Revisions, posts: PostRepository, write: Write, alice: Identity
) -> None:
    post = await write()
    texts = [f"Number {number} #tag{number}" for number in range(5)]
    await asyncio.gather(*(editor.edit(alice, post.post_id, Edit(text=text)) for text in texts))
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert stored.text in texts
    assert stored.tags == (f"tag{texts.index(stored.text)}",)
    assert sorted((await said(history, alice, post.post_id))[1:]) == texts


async def test_an_edit_and_a_decision_at_once_are_both_told_in_the_last_event(
    posts: PostRepository,
    revisions: RevisionRepository,
    settler: Settler,
    events: PostEvents,
    write: Write,
    versions: HybridClock,
    clock: FakeClock,
) -> None:
    before = await write()
    removed = replace(before, state=PostState.REMOVED, decision_version=1, version=versions.next(before.version))
    edited = replace(before, text="Edited", version=versions.next(before.version), edit_time=clock.now())
    await posts.decide(removed, events.decided(removed))
    await revisions.edit(before, edited, events.edited(edited))  # Which knows nothing of the decision.
    for told in (removed, edited):
        stored = await settler.settle(told)
        assert (stored.state, stored.text) == (PostState.REMOVED, "Edited")
        assert stored.version > edited.version
    assert await settler.settle(stored) == stored


async def test_an_edit_that_comes_after_the_deletion_leaves_nothing(
    editor: PostEditor,
    remover: PostRemover,
    posts: PostRepository,
    revisions: RevisionRepository,
    write: Write,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post, edit = await write(), revisions.edit

    async def late(*arguments: object) -> None:
        await remover.delete(alice, post.post_id)
        await edit(*arguments)  # type: ignore[arg-type] # as they came

    monkeypatch.setattr(revisions, "edit", late)
    with pytest.raises(PostNotFound):
        await editor.edit(alice, post.post_id, Edit(text="Too late"))
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert (stored.state, stored.text, await revisions.of(post.post_id, 10)) == (PostState.DELETED, "", [])


async def test_a_decision_on_an_edited_post_holds(
    editor: PostEditor, decisions: Decisions, posts: PostRepository, write: Write, alice: Identity
) -> None:
    post = await write(mentions=(Mention(102, "Bob"),))
    await editor.edit(alice, post.post_id, Edit(text="Worse"))
    await decisions.apply(Decision(post.post_id, PostState.REMOVED, 7))
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert (stored.state, stored.text) == (PostState.REMOVED, "Worse")
    with pytest.raises(PostNotFound):
        await editor.edit(alice, post.post_id, Edit(text="Better"))


async def test_the_event_of_an_edit_replaces_what_an_outage_of_the_cache_has_left(
    editor: PostEditor,
    remover: PostRemover,
    reader: PostReader,
    events: PostEvents,
    write: Write,
    alice: Identity,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    post = await write()

    async def body() -> bytes:
        (answer,) = await reader.batch_get([ViewerQuery(alice, [PostQuery(post.post_id)])])
        assert not isinstance(answer, AppError)
        return answer[0].post.body

    async def lost(_post: Post) -> None:
        """Nothing reaches the cache."""

    assert b"Hello, world" in await body()
    with monkeypatch.context() as outage:
        outage.setattr(reader, "renew", lost)
        edited = await editor.edit(alice, post.post_id, Edit(text="Changed"))
    assert b"Hello, world" in await body()
    await DeletionsHandler(remover, reader)(events.edited(edited))
    assert b"Changed" in await body()
