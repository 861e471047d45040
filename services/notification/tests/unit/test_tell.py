"""Telling and putting away. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notification_service.models import Kind, Notification, PostGone
from notification_service.placement import notification_id, notification_of
from notification_service.service.posts import PostTeller
from notification_service.service.put_away import PutAway
from notification_service.service.tell import LIVE_MS, Teller
from rookery_common.live.streams import LiveStreams
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104


@pytest.fixture(params=["no window", "window"])
async def warm(request: pytest.FixtureRequest, lists: Any) -> None:
    if request.param == "window":
        for recipient_id in (ALICE, BOB, CAROL):
            await lists.of(recipient_id)


@pytest.mark.usefixtures("warm")
async def test_an_act_is_told_to_whom_it_concerns_once_however_often_it_is_heard_of(
    teller: Teller, lists: Any, acts: Any
) -> None:
    follow, favourite = acts.make(Kind.FOLLOW), acts.make(Kind.FAVOURITE, CAROL)
    for _ in range(3):
        await teller.tell_acts([follow, favourite, follow])
        assert await lists.of() == [(Kind.FAVOURITE, CAROL, favourite.subject_id), (Kind.FOLLOW, BOB, 0)]
    assert await lists.of(BOB) == []


async def test_nobody_is_told_of_what_they_did_themselves(
    teller: Teller, posts: PostTeller, lists: Any, acts: Any, authors: Any
) -> None:
    await teller.tell_acts([acts.make(account_id=ALICE)])
    authors.by_post[7] = ALICE
    await posts.apply([acts.post(ALICE, author_id=ALICE), acts.post(author_id=ALICE, reblog_of_id=7)])
    assert await lists.of() == []


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("order", ["told first", "taken back first"])
async def test_what_was_taken_back_is_gone_and_stays_so_when_all_is_heard_of_again(
    teller: Teller, lists: Any, acts: Any, windows: Any, order: str
) -> None:
    act = acts.make()
    ended = [notification_of(act)]
    if order == "told first":
        await teller.tell_acts([act])
        assert len(await lists.of()) == 1
    await teller.put_away(ended, "taken_back")
    for _ in range(2):
        await teller.tell_acts([act])
        assert await lists.of() == []
        await windows.forget_everything()
    again = replace(act, at_ms=act.at_ms + 60_000)
    await teller.tell_acts([again])
    assert await lists.of() == [(Kind.FAVOURITE, BOB, act.subject_id)]


@pytest.mark.usefixtures("warm")
async def test_a_post_tells_those_whom_it_names(posts: PostTeller, lists: Any, acts: Any) -> None:
    post = acts.post(ALICE, CAROL)
    for _ in range(2):
        await posts.apply([post])
        assert await lists.of(ALICE) == await lists.of(CAROL) == [(Kind.MENTION, BOB, post.post_id)]
    assert await lists.of(BOB) == []


async def test_a_quote_that_its_author_takes_back_is_told_of_no_longer(
    posts: PostTeller, lists: Any, acts: Any
) -> None:
    quote = replace(acts.post(), quoted_author_id=ALICE)
    revoked = replace(quote, quoted_author_id=0, unquoted_author_id=ALICE)
    await posts.apply([quote, acts.post(ALICE)])
    for _ in range(2):
        await posts.apply([revoked])
        assert [kind for kind, _, _ in await lists.of()] == [Kind.MENTION]
    await posts.apply([quote])
    assert [kind for kind, _, _ in await lists.of()] == [Kind.MENTION]


async def test_a_quote_tells_the_author_of_what_it_quotes(posts: PostTeller, lists: Any, acts: Any) -> None:
    quote = replace(acts.post(), quoted_author_id=ALICE)
    for _ in range(2):
        await posts.apply([quote])
        assert await lists.of() == [(Kind.QUOTE, BOB, quote.post_id)]
    await posts.apply([PostGone(quote.post_id, BOB)])
    assert await lists.of() == []


async def test_an_edit_tells_only_whom_the_post_had_not_told(
    posts: PostTeller, lists: Any, acts: Any, streams: LiveStreams[Notification]
) -> None:
    post = acts.post(ALICE)
    await posts.apply([post])
    before = (await lists.page()).notifications
    ends = {shard: await streams.end(shard) for group in streams.groups for shard in group}
    edited = replace(post, mentioned=[ALICE, CAROL], at_ms=post.at_ms + 5_000)
    await posts.apply([edited])
    assert [message.account_ids for message in await streams.read(ends)] == [(CAROL,)]
    await posts.apply([post, edited])
    assert (await lists.page()).notifications == before
    assert await lists.of(CAROL) == [(Kind.MENTION, BOB, post.post_id)]


async def test_a_reblog_tells_the_author_of_what_it_shows(
    posts: PostTeller, lists: Any, acts: Any, authors: Any
) -> None:
    authors.by_post[7] = ALICE
    reblog, hidden = acts.post(reblog_of_id=7), acts.post(reblog_of_id=8)
    for _ in range(2):
        await posts.apply([reblog, hidden])
        assert await lists.of() == [(Kind.REBLOG, BOB, 7)]


@pytest.mark.usefixtures("warm")
async def test_a_deleted_post_and_an_undone_reblog_are_told_of_no_longer(
    posts: PostTeller, lists: Any, acts: Any, authors: Any
) -> None:
    authors.by_post[7] = ALICE
    post, reblog = acts.post(ALICE), acts.post(reblog_of_id=7)
    gone = [PostGone(post.post_id, BOB), PostGone(reblog.post_id, BOB, 7), PostGone(999, BOB)]
    await posts.apply([post, reblog])
    await posts.apply(gone)
    assert await lists.of() == []
    await posts.apply([post, reblog, *gone])
    assert await lists.of() == []


@pytest.mark.usefixtures("warm")
async def test_one_that_is_dismissed_stays_away_and_the_others_stay(
    teller: Teller, put_away: PutAway, lists: Any, acts: Any, windows: Any
) -> None:
    made = acts.many(3)
    await teller.tell_acts(made)
    for _ in range(2):
        await put_away.dismiss(ALICE, notification_id(made[1]))
        await put_away.dismiss(BOB, notification_id(made[0]))
        await teller.tell_acts(made)
        assert [post_id for _, _, post_id in await lists.of()] == [made[2].subject_id, made[0].subject_id]
        await windows.forget_everything()


@pytest.mark.usefixtures("warm")
async def test_a_cleared_list_holds_what_comes_afterwards(
    teller: Teller, put_away: PutAway, lists: Any, acts: Any, windows: Any
) -> None:
    made = acts.many(3)
    await put_away.clear(ALICE)
    await teller.tell_acts(made)
    await put_away.clear(ALICE)
    assert await lists.of() == []
    await teller.tell_acts(made)
    assert await lists.of() == []
    later = acts.make()
    await teller.tell_acts([later])
    for _ in range(2):
        assert [post_id for _, _, post_id in await lists.of()] == [later.subject_id]
        await windows.forget_everything()


async def test_streams_are_told_what_is_new_and_not_what_is_read_from_an_old_topic(
    teller: Teller, streams: LiveStreams[Notification], acts: Any, clock: FakeClock
) -> None:
    before = {shard: await streams.end(shard) for group in streams.groups for shard in group}
    (old,) = acts.told()
    clock.advance(LIVE_MS / 1000 + 10)
    (new,) = acts.told()
    await teller.tell([old, new])
    assert [message.item for message in await streams.read(before)] == [new]
