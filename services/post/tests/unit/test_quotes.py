"""Quotes with their authors' consent: counted, listed, revoked. Over the engines too, by the link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest
import pytest_asyncio

from post_service.errors import InvalidField, NotOwnPost, PostNotFound, QuoteNotFound
from post_service.models import Decision, Draft, Edit, ListBounds, Post, PostQuery, PostState, PostView, Visibility
from post_service.poll_models import PollDraft
from post_service.quote_models import Quote, QuotePolicy, QuoteState, QuotingPost
from post_service.repository import quotes as quotes_repository
from post_service.repository.posts import PostRepository
from post_service.service import create_post
from post_service.service import quotes as quotes_module
from post_service.service.create_post import PostWriter
from post_service.service.decide import Decisions
from post_service.service.delete_post import PostRemover
from post_service.service.edit_post import PostEditor
from post_service.service.quotes import Quotes
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.reblog import Reblogger
from rookery.post.v1.events_pb2 import PostUpdated
from rookery.post.v1.post_pb2 import QUOTE_STATE_REVOKED
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.ids import MAX_ID
from rookery_common.kafka.events import Event
from rookery_common.testing.crash import CrashAt

Told = Callable[[], Awaitable[list[Event]]]


async def look(reader: PostReader, viewer: Identity | None, post_id: int) -> PostView:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post_id)])])
    assert not isinstance(answer, AppError)
    return answer[0]


async def listed(
    quotes: Quotes,
    viewer: Identity | None,
    post_id: int,
    bounds: ListBounds = ListBounds(),  # noqa: B008 - frozen
) -> tuple[list[int], int]:
    found, reached = await quotes.page(viewer, post_id, bounds)
    return [each.post_id for each in found], reached


@pytest_asyncio.fixture
async def kingfisher(writer: PostWriter, alice: Identity) -> Post:
    return (await writer.make(alice, Draft(text="A kingfisher"))).post


async def quote(writer: PostWriter, who: Identity, post_id: int, **changes: object) -> Post:
    draft = Draft(text="Look at that", quoted_id=post_id)
    return (await writer.make(who, replace(draft, **changes))).post  # type: ignore[arg-type] # names of fields


async def test_a_quote_is_stored_counted_and_listed(
    writer: PostWriter,
    quotes: Quotes,
    posts: PostRepository,
    reader: PostReader,
    kingfisher: Post,
    alice: Identity,
    bob: Identity,
) -> None:
    quoted_id = kingfisher.post_id
    made = [await quote(writer, bob, quoted_id) for _ in range(3)]
    assert made[0].quote == Quote(quoted_id, alice.account_id)
    stored = await posts.get(made[0].post_id)
    assert stored is not None
    assert (stored.quote, stored.quote_policy) == (made[0].quote, QuotePolicy.PUBLIC)
    assert (await look(reader, None, quoted_id)).counts.quotes == 3
    view = await look(reader, bob, made[0].post_id)
    assert (view.quote, view.counts.quotes) == (QuoteState.ACCEPTED, 0)
    ids = [post.post_id for post in made][::-1]
    assert await listed(quotes, bob, quoted_id, ListBounds(2)) == (ids[:2], ids[1])
    assert await listed(quotes, bob, quoted_id, ListBounds(2, max_id=ids[1])) == (ids[2:], 0)
    assert await listed(quotes, bob, quoted_id, ListBounds(2, min_id=ids[2])) == (ids[:2], ids[0])
    assert (await quotes.all(quoted_id, ListBounds(1))).quotes == [QuotingPost(ids[0], bob.account_id)]


async def test_a_quote_of_a_reblog_is_one_of_what_it_shows(
    writer: PostWriter, reblogger: Reblogger, kingfisher: Post, bob: Identity, carol: Identity
) -> None:
    reblog = await reblogger.reblog(bob, kingfisher.post_id, Visibility.PUBLIC)
    assert (await quote(writer, carol, reblog.post_id)).quote == Quote(kingfisher.post_id, kingfisher.author_id)


async def test_what_may_not_be_quoted_is_refused(
    writer: PostWriter, remover: PostRemover, alice: Identity, bob: Identity
) -> None:
    drafts = [
        Draft(text="Mine", quote_policy=QuotePolicy.NOBODY),
        Draft(text="Mine", visibility=Visibility.PRIVATE),
        Draft(text="Mine"),
        Draft(text="@bob", visibility=Visibility.DIRECT),
    ]
    refused = [12345, *[(await writer.make(alice, draft)).post.post_id for draft in drafts]]
    await remover.delete(alice, refused[3])
    for post_id in refused:
        with pytest.raises(QuoteNotFound):
            await quote(writer, bob, post_id)
    with pytest.raises(QuoteNotFound):
        await quote(writer, alice, refused[-1])


@pytest.mark.parametrize(
    "changes",
    [
        {"media_ids": (7,)},
        {"poll": PollDraft(("tea", "coffee"), 300)},
        {"visibility": Visibility.DIRECT},
        {"quoted_id": -1},
    ],
)
async def test_what_a_quote_can_not_be_had_with_is_refused(
    writer: PostWriter, kingfisher: Post, bob: Identity, changes: dict[str, object]
) -> None:
    with pytest.raises(InvalidField) as caught:
        await quote(writer, bob, kingfisher.post_id, **changes)
    assert caught.value.fields[0].field == "quoted_status_id"


async def test_a_private_post_is_quoted_by_its_author_in_private(writer: PostWriter, alice: Identity) -> None:
    private = (await writer.make(alice, Draft(text="Mine", visibility=Visibility.PRIVATE))).post
    assert private.quote_policy is QuotePolicy.NOBODY
    quoting = await quote(writer, alice, private.post_id, text="")
    assert (quoting.visibility, quoting.quote_policy) == (Visibility.PRIVATE, QuotePolicy.NOBODY)


async def test_a_revoked_quote_shows_nothing_for_good(
    writer: PostWriter,
    quotes: Quotes,
    editor: PostEditor,
    posts: PostRepository,
    reader: PostReader,
    told: Told,
    kingfisher: Post,
    alice: Identity,
    bob: Identity,
) -> None:
    quoted_id = kingfisher.post_id
    quoting = await quote(writer, bob, quoted_id)
    with pytest.raises(NotOwnPost):
        await quotes.revoke(bob, quoted_id, quoting.post_id)
    for post_id in (quoting.post_id, 12345):
        with pytest.raises(PostNotFound):
            await quotes.revoke(alice, post_id, quoting.post_id)
    for _ in range(2):
        revoked = await quotes.revoke(alice, quoted_id, quoting.post_id)
        assert revoked.quote == Quote(quoted_id, alice.account_id, QuoteState.REVOKED)
    assert await posts.get(quoting.post_id) == revoked
    assert (await look(reader, bob, quoting.post_id)).quote is None
    assert (await look(reader, bob, quoted_id)).counts.quotes == 0
    assert await listed(quotes, bob, quoted_id) == ([], 0)
    messages = [event.decode() for event in await told()]
    updated = [message.post.quote.state for message in messages if isinstance(message, PostUpdated)]
    assert updated == [QUOTE_STATE_REVOKED]
    edited = await editor.edit(bob, quoting.post_id, Edit(text="Where is it?"))
    assert edited.quote == revoked.quote


async def test_a_quote_is_shown_as_what_its_viewer_may_see(
    writer: PostWriter, remover: PostRemover, reader: PostReader, kingfisher: Post, alice: Identity, bob: Identity
) -> None:
    private = (await writer.make(alice, Draft(text="Mine", visibility=Visibility.PRIVATE))).post
    to_bob = await quote(writer, alice, private.post_id, text="@bob look")
    quoting = await quote(writer, bob, kingfisher.post_id)
    assert (await look(reader, bob, to_bob.post_id)).quote is QuoteState.UNAUTHORIZED
    assert (await look(reader, alice, to_bob.post_id)).quote is QuoteState.ACCEPTED
    await remover.delete(alice, kingfisher.post_id)
    assert (await look(reader, bob, quoting.post_id)).quote is QuoteState.DELETED


async def test_what_is_not_there_to_be_seen_counts_no_longer(
    writer: PostWriter,
    quotes: Quotes,
    remover: PostRemover,
    decisions: Decisions,
    reader: PostReader,
    kingfisher: Post,
    bob: Identity,
) -> None:
    quoted_id = kingfisher.post_id
    gone, judged = [await quote(writer, bob, quoted_id) for _ in range(2)]

    async def count() -> int:
        return (await look(reader, None, quoted_id)).counts.quotes

    await remover.delete(bob, gone.post_id)
    assert await count() == 1
    await decisions.apply(Decision(judged.post_id, PostState.REMOVED, 1))
    assert await count() == 0
    assert await listed(quotes, bob, quoted_id) == ([], 0)
    await decisions.apply(Decision(judged.post_id, PostState.VISIBLE, 2))
    assert await count() == 1
    assert await listed(quotes, bob, quoted_id) == ([judged.post_id], 0)


async def test_who_may_quote_is_changed_without_an_edit(
    writer: PostWriter, quotes: Quotes, editor: PostEditor, kingfisher: Post, alice: Identity, bob: Identity
) -> None:
    quoted_id = kingfisher.post_id
    before = await quote(writer, bob, quoted_id)
    with pytest.raises(PostNotFound):
        await quotes.set_policy(bob, quoted_id, QuotePolicy.NOBODY)
    for _ in range(2):
        changed = await quotes.set_policy(alice, quoted_id, QuotePolicy.NOBODY)
        assert (changed.quote_policy, changed.edit_time) == (QuotePolicy.NOBODY, None)
    with pytest.raises(QuoteNotFound):
        await quote(writer, bob, quoted_id)
    assert await listed(quotes, alice, quoted_id) == ([before.post_id], 0)
    await editor.edit(alice, quoted_id, Edit(text="A jay", quote_policy=QuotePolicy.PUBLIC))
    await editor.edit(alice, quoted_id, Edit(text="Two jays"))
    await quote(writer, bob, quoted_id)
    private = (await writer.make(alice, Draft(text="Mine", visibility=Visibility.PRIVATE))).post
    assert (await quotes.set_policy(alice, private.post_id, QuotePolicy.PUBLIC)).quote_policy is QuotePolicy.NOBODY


async def test_counts_are_right_wherever_the_process_dies(
    writer: PostWriter,
    quotes: Quotes,
    posts: PostRepository,
    reader: PostReader,
    kingfisher: Post,
    alice: Identity,
    bob: Identity,
    crashing: Callable[..., AbstractAsyncContextManager[CrashAt]],
) -> None:
    quoted_id = kingfisher.post_id
    for number in range(1, 300):
        async with crashing(number, create_post, quotes_module, quotes_repository) as crash:
            quoting = await quote(writer, bob, quoted_id)
            await quotes.revoke(alice, quoted_id, quoting.post_id)
        for row in await posts.authored(bob.account_id, 0, MAX_ID, 1):
            await quotes.revoke(alice, quoted_id, row.post_id)  # Repeating it does what a crash has left undone.
        assert await listed(quotes, bob, quoted_id) == ([], 0)
        assert (await look(reader, None, quoted_id)).counts.quotes == 0
        if not crash.happened:
            break
    else:
        pytest.fail("it never came to the end")
    assert number > 3
