"""Engines that are away: lists are answered from what is left, telling is done again, streams tell of a gap."""

from __future__ import annotations

from typing import Any

import pytest

from notification_service.models import PageQuery
from notification_service.placement import notification_id, notification_of
from notification_service.service.posts import PostTeller
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from notification_service.service.tell import Teller
from rookery_common.errors import Unavailable
from rookery_common.live.streams import live_shard

ALICE, BOB = 101, 102


async def test_a_list_is_complete_while_redis_is_away(
    teller: Teller, reader: NotificationReader, acts: Any, store: Any
) -> None:
    told = acts.told(30)
    await teller.tell(told)
    store.away.add("cache")
    page = await reader.page(ALICE, PageQuery(20))
    assert page.notifications == told[:-21:-1]
    upwards = await reader.page(ALICE, PageQuery(20, min_id=told[0].notification_id))
    assert upwards.notifications == told[1:21][::-1]


async def test_a_list_that_needs_nothing_of_cql_is_answered_while_cql_is_away(
    teller: Teller, reader: NotificationReader, acts: Any, store: Any
) -> None:
    told = acts.told(3)
    await teller.tell(told)
    await reader.page(ALICE, PageQuery(20))
    store.away.add("cql")
    assert (await reader.page(ALICE, PageQuery(20))).notifications == told[::-1]
    with pytest.raises(Unavailable):
        await reader.page(BOB, PageQuery(20))


@pytest.mark.parametrize("engine", ["cql", "cache"])
async def test_what_fails_half_way_is_whole_after_it_is_done_again(
    teller: Teller, posts: PostTeller, put_away: PutAway, lists: Any, acts: Any, store: Any, engine: str
) -> None:
    await lists.of(ALICE)
    act, post = acts.make(), acts.post(ALICE)
    store.away.add(engine)
    for effect in (teller.tell_acts([act]), posts.apply([post])):
        with pytest.raises(Unavailable):
            await effect
    store.away.clear()
    await teller.tell_acts([act])
    await posts.apply([post])
    assert len(await lists.of(ALICE)) == 2
    store.away.add(engine)
    for effect in (put_away.dismiss(ALICE, notification_id(act)), put_away.clear(ALICE)):
        with pytest.raises(Unavailable):
            await effect
    store.away.clear()
    await put_away.dismiss(ALICE, notification_id(act))
    assert len(await lists.of(ALICE)) == 1
    await put_away.clear(ALICE)
    assert await lists.of(ALICE) == []


async def test_a_reblog_waits_for_post(posts: PostTeller, lists: Any, acts: Any, authors: Any) -> None:
    authors.by_post[7], authors.away = ALICE, True
    reblog = acts.post(reblog_of_id=7)
    with pytest.raises(Unavailable):
        await posts.apply([reblog])
    authors.away = False
    await posts.apply([reblog])
    assert len(await lists.of(ALICE)) == 1


async def test_lists_fill_while_the_streams_are_away_and_a_gap_is_told_afterwards(
    teller: Teller, lists: Any, acts: Any, store: Any, streams: Any
) -> None:
    first, second = acts.make(), acts.make()
    before = await streams.end(live_shard(ALICE))
    store.away.add("state")
    await teller.tell_acts([first])
    store.away.clear()
    await teller.tell_acts([second])
    assert len(await lists.of(ALICE)) == 2
    (message,) = await streams.read({live_shard(ALICE): before})
    assert message.item == notification_of(second)
    assert message.position.sequence > before.sequence + 1
