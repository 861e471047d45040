"""Posts that are merged, told of to open streams. Runs over the fakes, and as a link in tests/engine over Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from feed_service.models import Change, Entry, LiveKind, LiveUpdate, MergedUpdate, PageQuery, PostChange, Reason
from feed_service.repository.follows import FollowRepository
from feed_service.repository.windows import WindowRepository
from feed_service.service import merged_news as module
from feed_service.service.fan_out import FanOut
from feed_service.service.home import HomeReader
from feed_service.service.merged import AuthorTails
from feed_service.service.merged_news import MergedNews
from feed_service.service.modes import GRACE_SECONDS, Modes
from rookery_common.app import Component
from rookery_common.live.hub import LiveHub, Subscription, as_sent
from rookery_common.live.streams import LiveStreams, News
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN, STAR = 101, 102, 103, 104, 900
HEARD_SECONDS = 5.0


@pytest_asyncio.fixture
async def hub(
    streams: LiveStreams[LiveUpdate],
    merged_streams: LiveStreams[MergedUpdate],
    windows: WindowRepository,
    follows: FollowRepository,
    tails: AuthorTails,
    clock: FakeClock,
) -> AsyncIterator[LiveHub[LiveUpdate, LiveUpdate]]:
    """What a process has that serves streams."""
    target, source = LiveHub(streams, as_sent, clock), LiveHub(merged_streams, as_sent, clock)
    parts: list[Component] = [target, source, MergedNews(source, target, windows, follows, tails)]
    for part in parts:
        await part.start()
    await asyncio.gather(target.ready(), source.ready())
    yield target
    for part in reversed(parts):
        await part.stop()


@pytest.fixture
async def star(people: Any, modes: Modes, clock: FakeClock) -> int:
    for reader_id in (BOB, CAROL):
        await people.follows(reader_id, STAR)
    await people.follows(DAN, STAR, reblogs=False)
    await modes.look([STAR])
    clock.advance(GRACE_SECONDS)
    return STAR


async def _heard(subscription: Subscription[LiveUpdate], count: int) -> list[News[LiveUpdate]]:
    found: list[News[LiveUpdate]] = []
    async with asyncio.timeout(HEARD_SECONDS):
        while len(found) < count:
            found += await subscription.take(HEARD_SECONDS)
    return found


async def test_connected_followers_are_told_of_merged_posts_at_once_and_find_them(
    hub: LiveHub[LiveUpdate, LiveUpdate], fan_out: FanOut, home: HomeReader, entries: Any, star: int
) -> None:
    first, second = hub.open(), hub.open()
    first.add([ALICE, BOB, STAR])
    second.add([DAN])
    # Whom Bob follows Redis knows then; of Dan CQL is asked.
    assert [page.entries for page in await home.pages([(BOB, PageQuery(20))])] == [[]]  # type: ignore[union-attr]
    reblog, post = entries.make(star, Reason.REBLOG), entries.make(star)
    changes = [
        PostChange(Change.VISIBLE, reblog.entry_id, star, is_reblog=True),
        PostChange(Change.VISIBLE, post.entry_id, star),
        PostChange(Change.GONE, post.entry_id, star),
    ]
    await fan_out.apply(changes)
    update, deletion = (LiveUpdate(kind, post.entry_id, star) for kind in (LiveKind.UPDATE, LiveKind.DELETE))
    shared = LiveUpdate(LiveKind.UPDATE, reblog.entry_id, star)
    told = await _heard(first, 6)
    assert [news.item for news in told if news.account_ids == [BOB]] == [shared, update, deletion]
    assert [news.item for news in told if news.account_ids == [STAR]] == [shared, update, deletion]
    assert [(list(news.account_ids), news.item) for news in await _heard(second, 2)] == [
        ([DAN], update),
        ([DAN], deletion),
    ]
    (page,) = await home.pages([(BOB, PageQuery(20))])
    assert page.entries == [post, reblog], "what memory had is read anew"  # type: ignore[union-attr]


async def test_of_whom_it_cannot_be_said_is_told_that_something_may_be_missed(
    hub: LiveHub[LiveUpdate, LiveUpdate], fan_out: FanOut, entries: Any, star: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_ASKED", 1)
    subscription = hub.open()
    subscription.add([BOB, CAROL])
    post: Entry = entries.make(star)
    await fan_out.apply([PostChange(Change.VISIBLE, post.entry_id, star)])
    update = LiveUpdate(LiveKind.UPDATE, post.entry_id, star)
    assert [(list(news.account_ids), news.item) for news in await _heard(subscription, 2)] == [
        ([BOB], update),
        ([CAROL], None),
    ]
