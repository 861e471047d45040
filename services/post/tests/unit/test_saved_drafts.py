"""Drafts on all devices of an account. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from post_service.errors import (
    DraftChanged,
    DraftNotFound,
    IdempotencyConflict,
    InvalidField,
    MediaNotFound,
    ReplyNotFound,
    TooManyDrafts,
)
from post_service.models import Draft, ListBounds, Media, Visibility
from post_service.poll_models import PollDraft
from post_service.repository.media import MediaRepository
from post_service.repository.posts import PostRepository
from post_service.repository.saved_drafts import SavedDraftRepository
from post_service.saved_draft_models import MAX_SAVED_DRAFTS, holder_of
from post_service.service import create_post
from post_service.service import saved_drafts as module
from post_service.service.create_post import PostWriter
from post_service.service.saved_drafts import SavedDrafts
from rookery_common.auth import Identity
from rookery_common.testing.crash import CrashAt

MakeMedia = Callable[..., Media]
UNFINISHED = Draft(
    spoiler_text="birds",
    visibility=Visibility.PRIVATE,
    language="de",
    poll=PollDraft(("tea", ""), 0),
    request_id="begun",
)
PUBLISH = Draft(request_id="published", application_name="Demo")


async def test_a_draft_may_be_unfinished_and_is_its_owners_alone(
    saved_drafts: SavedDrafts, alice: Identity, bob: Identity
) -> None:
    made = (await saved_drafts.create(alice, UNFINISHED)).saved
    assert made.draft == replace(UNFINISHED, request_id="")
    assert (await saved_drafts.create(alice, UNFINISHED)).saved.draft_id == made.draft_id
    with pytest.raises(IdempotencyConflict):
        await saved_drafts.create(alice, replace(UNFINISHED, text="other"))
    assert (await saved_drafts.get(alice, made.draft_id)).saved.draft == made.draft
    for stranger in (saved_drafts.get(bob, made.draft_id), saved_drafts.delete(bob, made.draft_id, 0)):
        with pytest.raises(DraftNotFound):
            await stranger
    assert (await saved_drafts.page(bob, ListBounds())).views == []


async def test_drafts_are_listed_in_pages(saved_drafts: SavedDrafts, alice: Identity) -> None:
    made = [(await saved_drafts.create(alice, Draft(text=str(n)))).saved.draft_id for n in range(3)][::-1]
    first = await saved_drafts.page(alice, ListBounds(2))
    assert ([each.saved.draft_id for each in first.views], first.reached_id) == (made[:2], made[1])
    rest = await saved_drafts.page(alice, ListBounds(2, max_id=first.reached_id))
    assert ([each.saved.draft_id for each in rest.views], rest.reached_id) == (made[2:], 0)


async def test_what_one_device_has_not_seen_it_does_not_overwrite(saved_drafts: SavedDrafts, alice: Identity) -> None:
    first = (await saved_drafts.create(alice, Draft(text="One"))).saved
    second = (await saved_drafts.update(alice, first.draft_id, first.version, Draft(text="Two"))).saved
    assert second.version > first.version
    for stale in (
        saved_drafts.update(alice, first.draft_id, first.version, Draft(text="Three")),
        saved_drafts.delete(alice, first.draft_id, first.version),
        saved_drafts.publish(alice, first.draft_id, first.version, Draft()),
    ):
        with pytest.raises(DraftChanged):
            await stale
    assert (await saved_drafts.get(alice, first.draft_id)).saved.draft.text == "Two"
    await saved_drafts.delete(alice, first.draft_id, second.version)
    with pytest.raises(DraftNotFound):
        await saved_drafts.get(alice, first.draft_id)


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(text="x" * 16_385), "status"),
        (Draft(text="\x00"), "status"),
        (Draft(spoiler_text="x" * 16_385), "spoiler_text"),
        (Draft(language="no language"), "language"),
        (Draft(media_ids=(1, 1)), "media_ids"),
        (Draft(poll=PollDraft(("x",) * 5, 300)), "poll.options"),
        (Draft(poll=PollDraft(("x" * 51,), 300)), "poll.options"),
        (Draft(in_reply_to_id=-1), "in_reply_to_id"),
        (Draft(request_id="x" * 201), "request_id"),
    ],
)
async def test_a_draft_of_a_wrong_form_is_refused_by_its_field(
    saved_drafts: SavedDrafts, alice: Identity, draft: Draft, field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await saved_drafts.create(alice, draft)
    assert [each.field for each in caught.value.fields] == [field]
    assert (await saved_drafts.page(alice, ListBounds())).views == []


async def test_an_account_keeps_so_many_drafts(
    saved_drafts: SavedDrafts, drafts: SavedDraftRepository, alice: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_SAVED_DRAFTS == 100
    monkeypatch.setattr(module, "MAX_SAVED_DRAFTS", 2)
    for text in "ab":
        await saved_drafts.create(alice, Draft(text=text))
    with pytest.raises(TooManyDrafts):
        await saved_drafts.create(alice, Draft(text="c"))
    assert len(await drafts.of(alice.account_id)) == 2


async def test_media_stay_as_long_as_a_draft_has_them(
    saved_drafts: SavedDrafts, media: MediaRepository, make_media: MakeMedia, alice: Identity, bob: Identity
) -> None:
    first, second = make_media(), make_media()
    for upload in (first, second):
        await media.put(upload)
    with pytest.raises(MediaNotFound):
        await saved_drafts.create(bob, Draft(media_ids=(first.media_id,)))
    view = await saved_drafts.create(alice, Draft(media_ids=(first.media_id,)))
    draft_id = view.saved.draft_id

    async def holders() -> list[int]:
        found = await media.get_many([first.media_id, second.media_id])
        return [found[each.media_id].post_id for each in (first, second)]

    assert await holders() == [holder_of(draft_id), 0]
    changed = await saved_drafts.update(alice, draft_id, 0, Draft(media_ids=(second.media_id,)))
    assert await holders() == [0, holder_of(draft_id)]
    assert [each.media_id for each in changed.media] == [second.media_id]
    await saved_drafts.delete(alice, draft_id, 0)
    assert await holders() == [0, 0]


async def test_a_draft_is_published_once_and_gone(
    saved_drafts: SavedDrafts,
    posts: PostRepository,
    media: MediaRepository,
    make_media: MakeMedia,
    alice: Identity,
) -> None:
    upload = make_media()
    await media.put(upload)
    draft_id = (await saved_drafts.create(alice, Draft(text="At last", media_ids=(upload.media_id,)))).saved.draft_id
    post = await saved_drafts.publish(alice, draft_id, 0, PUBLISH)
    assert (post.text, post.application_name, [each.media_id for each in post.media]) == (
        "At last",
        "Demo",
        [upload.media_id],
    )
    assert (await saved_drafts.publish(alice, draft_id, 0, PUBLISH)).post_id == post.post_id
    for again in (saved_drafts.get(alice, draft_id), saved_drafts.publish(alice, draft_id, 0, Draft())):
        with pytest.raises(DraftNotFound):
            await again
    assert (await media.get_many([upload.media_id]))[upload.media_id].post_id == post.post_id


async def test_what_is_refused_stays_a_draft(saved_drafts: SavedDrafts, alice: Identity) -> None:
    unfinished = (await saved_drafts.create(alice, UNFINISHED)).saved
    with pytest.raises(InvalidField):
        await saved_drafts.publish(alice, unfinished.draft_id, 0, PUBLISH)
    reply = (await saved_drafts.create(alice, Draft(text="Yes", in_reply_to_id=12345))).saved
    with pytest.raises(ReplyNotFound):
        await saved_drafts.publish(alice, reply.draft_id, 0, Draft())
    assert (await saved_drafts.get(alice, reply.draft_id)).saved == reply
    await saved_drafts.update(alice, reply.draft_id, reply.version, Draft(text="Yes"))
    assert (await saved_drafts.publish(alice, reply.draft_id, 0, Draft())).text == "Yes"


async def test_a_crash_while_publishing_leaves_one_post(
    saved_drafts: SavedDrafts,
    posts: PostRepository,
    drafts: SavedDraftRepository,
    writer: PostWriter,
    crashing: Callable[..., AbstractAsyncContextManager[CrashAt]],
    alice: Identity,
) -> None:
    published = set()
    for step in range(1, 200):
        saved = (await saved_drafts.create(alice, Draft(text=f"Step {step}"))).saved
        asked = replace(PUBLISH, request_id=f"step {step}")
        async with crashing(step, module, create_post) as crash:
            await saved_drafts.publish(alice, saved.draft_id, 0, asked)
        post = await saved_drafts.publish(alice, saved.draft_id, 0, asked)
        published.add(post.post_id)
        assert len(published) == step
        assert await drafts.find(alice.account_id, saved.draft_id) is None
        if not crash.happened:
            return
    raise AssertionError("there are more steps than were tried")
