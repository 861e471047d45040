"""Polls: one vote a person whatever races, exact counts, what edits make of them. Over the engines too, by the link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from post_service.errors import AlreadyVoted, InvalidField, OwnPoll, PollEnded, PostNotFound
from post_service.models import Draft, Edit, Post, PostQuery, Visibility
from post_service.poll_models import PollDraft, PollTally
from post_service.repository.posts import PostRepository
from post_service.service.create_post import PostWriter
from post_service.service.delete_post import PostRemover
from post_service.service.edit_post import PostEditor
from post_service.service.read_posts import PostReader, ViewerQuery
from post_service.service.revisions import Revisions
from post_service.service.vote import Voting
from rookery_common.auth import Identity
from rookery_common.errors import AppError
from rookery_common.testing import FakeClock

DRAFT = PollDraft((" tea ", "coffee", "water"), 300)
Ask = Callable[..., Awaitable[Post]]


@pytest.fixture
def ask(writer: PostWriter, alice: Identity) -> Ask:
    """A post of alice's that asks what to drink; what is named of the poll differs."""

    async def asked(**changes: object) -> Post:
        poll = replace(DRAFT, **changes)  # type: ignore[arg-type] # names of fields, given by tests
        return (await writer.make(alice, Draft(text="Drinks?", poll=poll))).post

    return asked


async def tally(reader: PostReader, viewer: Identity | None, post_id: int) -> PollTally | None:
    (answer,) = await reader.batch_get([ViewerQuery(viewer, [PostQuery(post_id)])])
    assert not isinstance(answer, AppError)
    return answer[0].poll


async def test_a_poll_is_stored_with_its_post(ask: Ask, posts: PostRepository, reader: PostReader) -> None:
    post = await ask(hide_totals=True)
    assert post.poll is not None
    assert post.poll.options == ("tea", "coffee", "water")
    assert (post.poll.expires_at - post.create_time).total_seconds() == 300
    assert await posts.get(post.post_id) == post
    assert await tally(reader, None, post.post_id) == PollTally()


async def test_a_vote_counts_at_once_and_is_for_good(
    ask: Ask, voting: Voting, reader: PostReader, alice: Identity, bob: Identity, carol: Identity
) -> None:
    post_id = (await ask()).post_id
    await voting.vote(bob, post_id, [1])
    await voting.vote(carol, post_id, [0])
    for choice in (0, 1):
        with pytest.raises(AlreadyVoted):
            await voting.vote(bob, post_id, [choice])
    assert await tally(reader, bob, post_id) == PollTally((1, 1), 2, (1,))
    assert await tally(reader, alice, post_id) == PollTally((1, 1), 2)
    assert await tally(reader, None, post_id) == PollTally((1, 1), 2)


async def test_several_options_are_chosen_where_the_poll_allows_it(
    ask: Ask, voting: Voting, reader: PostReader, bob: Identity, carol: Identity
) -> None:
    post_id = (await ask(multiple=True)).post_id
    await voting.vote(bob, post_id, [2, 0, 2])
    await voting.vote(carol, post_id, [0])
    assert await tally(reader, bob, post_id) == PollTally((2, 0, 1), 2, (0, 2))


async def test_of_votes_at_once_each_person_has_one_and_all_are_counted(
    ask: Ask, voting: Voting, reader: PostReader, bob: Identity
) -> None:
    post_id = (await ask()).post_id
    people = [replace(bob, account_id=200 + number) for number in range(12)]
    calls = [(who, choice) for who in people for choice in (0, 1)]
    answers = await asyncio.gather(
        *(voting.vote(who, post_id, [choice]) for who, choice in calls), return_exceptions=True
    )
    assert {type(answer) for answer in answers} == {type(None), AlreadyVoted}
    won = [(who, choice) for (who, choice), answer in zip(calls, answers, strict=True) if answer is None]
    assert sorted(who.account_id for who, _ in won) == [who.account_id for who in people]
    for who, choice in won[:2]:
        held = await tally(reader, who, post_id)
        assert held is not None
        assert (held.voters, sum(held.votes), held.own_choices) == (12, 12, (choice,))


async def test_the_same_vote_with_the_same_key_is_accepted_again(ask: Ask, voting: Voting, bob: Identity) -> None:
    post_id = (await ask()).post_id
    for _ in range(2):
        await voting.vote(bob, post_id, [1], "key")
    for choices, key in (([0], "key"), ([1], "other"), ([1], "")):
        with pytest.raises(AlreadyVoted):
            await voting.vote(bob, post_id, choices, key)


async def test_who_may_not_vote_is_refused_with_the_reason(
    ask: Ask, voting: Voting, writer: PostWriter, clock: FakeClock, alice: Identity, bob: Identity
) -> None:
    post_id = (await ask()).post_id
    plain = (await writer.make(alice, Draft(text="no question"))).post
    hidden = (await writer.make(alice, Draft(text="?", poll=DRAFT, visibility=Visibility.DIRECT))).post
    for number in (plain.post_id, hidden.post_id, 12345):
        with pytest.raises(PostNotFound):
            await voting.vote(bob, number, [0])
    with pytest.raises(OwnPoll):
        await voting.vote(alice, post_id, [0])
    for choices in ([], [-1], [3], [0, 1]):
        with pytest.raises(InvalidField):
            await voting.vote(bob, post_id, choices)
    clock.advance(300)
    with pytest.raises(PollEnded):
        await voting.vote(bob, post_id, [0])


async def test_other_options_begin_the_poll_anew(
    ask: Ask, voting: Voting, editor: PostEditor, reader: PostReader, history: Revisions, alice: Identity, bob: Identity
) -> None:
    post_id = (await ask()).post_id
    await voting.vote(bob, post_id, [0])
    await editor.edit(alice, post_id, Edit(text="Drinks, now?", poll=DRAFT))
    assert await tally(reader, bob, post_id) == PollTally((1,), 1, (0,))
    await editor.edit(alice, post_id, Edit(text="Drinks?", poll=replace(DRAFT, options=("milk", "tea"))))
    assert await tally(reader, bob, post_id) == PollTally()
    await voting.vote(bob, post_id, [1])
    assert await tally(reader, bob, post_id) == PollTally((0, 1), 1, (1,))
    await editor.edit(alice, post_id, Edit(text="No drinks"))
    assert await tally(reader, bob, post_id) is None
    with pytest.raises(PostNotFound):
        await voting.vote(bob, post_id, [0])
    options = [revision.poll_options for revision in await history.of(alice, post_id)]
    assert options == [("tea", "coffee", "water"), ("tea", "coffee", "water"), ("milk", "tea"), ()]


async def test_an_edit_sets_the_end_anew_but_repeating_it_changes_nothing(
    ask: Ask, editor: PostEditor, alice: Identity, clock: FakeClock
) -> None:
    post = await ask()
    clock.advance(200)
    edited = await editor.edit(alice, post.post_id, Edit(text="Drinks?", poll=DRAFT))
    assert post.poll is not None
    assert edited.poll is not None
    assert (edited.poll.expires_at - post.poll.expires_at).total_seconds() == 200
    clock.advance(5)
    assert await editor.edit(alice, post.post_id, Edit(text="Drinks?", poll=DRAFT)) == edited


async def test_nothing_is_left_of_the_poll_of_a_deleted_post(
    ask: Ask, remover: PostRemover, posts: PostRepository, alice: Identity
) -> None:
    post = await ask()
    await remover.delete(alice, post.post_id)
    stored = await posts.get(post.post_id)
    assert stored is not None
    assert stored.poll is None
