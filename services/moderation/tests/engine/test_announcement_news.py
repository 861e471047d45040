"""What is told of announcements over Postgres: when each is listed, changed and over, and how many react, by events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from moderation_service.announcements import news as news_module
from moderation_service.announcements import telling as telling_module
from moderation_service.announcements.models import Announcement, Content, Reader
from moderation_service.announcements.news import AnnouncementNews
from moderation_service.announcements.repository import AnnouncementRepository
from moderation_service.announcements.service import Announcements
from moderation_service.announcements.telling import AT_ONCE, AnnouncementTelling
from moderation_service.app import MIGRATIONS
from moderation_service.errors import AnnouncementNotFound, FieldInvalid, TooManyAnnouncements
from moderation_service.events import ANNOUNCEMENT_TOPIC, Events
from rookery.moderation.v1.events_pb2 import AnnouncementReactionsChanged
from rookery_common.auth import Identity
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.ids import IdSource
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.testing import FakeClock
from rookery_common.testing.crash import crash_after
from rookery_common.testing.events import FakeProducer

ALICE, BOB = 1001, 1002
STAFF = Identity(1009, 9, 1, permissions=frozenset({"manage_announcements"}))
BIRD, HEART = "\N{BIRD}", "\N{HEAVY BLACK HEART}\ufe0f"
LISTED, UNLISTED = "AnnouncementListed", "AnnouncementUnlisted"


class Board:
    """The staff, the readers, and what was told."""

    def __init__(
        self,
        announcements: Announcements,
        pg: Postgres,
        outbox: PostgresOutbox,
        producer: FakeProducer,
        clock: FakeClock,
    ) -> None:
        self.announcements, self.producer, self.clock = announcements, producer, clock
        self.pg, self.outbox = pg, outbox

    def telling(self) -> AnnouncementTelling:
        """As a process has it that has just begun."""
        return AnnouncementTelling(AnnouncementNews(self.pg, self.outbox), Events(self.clock), self.clock)

    def content(self, text: str = "News", **hours: float) -> Content:
        """Published; times are in hours from now."""
        times = {f"{name}_at": self.clock.now() + timedelta(hours=value) for name, value in hours.items()}
        return Content(text, published=True, **times)  # type: ignore[arg-type] # only times are named

    async def announce(self, content: Content | None = None) -> Announcement:
        return await self.announcements.create(STAFF, content or self.content(), "")

    async def told(self, seconds: float = 0) -> list[Any]:
        """The kinds of events since the last look, once so much time has gone by; of reactions, their counts."""
        self.clock.advance(seconds)
        self.producer.sent.clear()
        await self.telling().round()
        await self.outbox.drain()
        assert {event.topic for event in self.producer.sent} <= {ANNOUNCEMENT_TOPIC}
        return [_shown(event) for event in self.producer.sent]


def _shown(event: Any) -> Any:
    message = event.decode()
    if isinstance(message, AnnouncementReactionsChanged):
        return {each.name: each.count for each in message.reactions}
    return type(message).__name__


@pytest.fixture
def board(pg: Postgres, outbox: PostgresOutbox, producer: FakeProducer, ids: IdSource, clock: FakeClock) -> Board:
    return Board(Announcements(AnnouncementRepository(pg), ids, clock), pg, outbox, producer, clock)


async def test_one_is_told_of_when_it_is_listed_changed_and_over_once_each(board: Board) -> None:
    made = await board.announce(board.content(ends=1))
    assert await board.told() == [LISTED]
    assert await board.told(60) == []
    changed = board.content("Better news", ends=1)
    await board.announcements.update(STAFF, made.announcement_id, changed)
    assert await board.told() == [LISTED]
    await board.announcements.update(STAFF, made.announcement_id, changed)
    assert await board.told(3599) == []
    assert await board.told(1) == [UNLISTED]
    assert await board.told(86_400) == []


async def test_a_withdrawn_one_and_one_that_is_a_draft_again_are_told_of(board: Board) -> None:
    first, second = await board.announce(), await board.announce(board.content(ends=1))
    await board.told()
    await board.announcements.delete(STAFF, first.announcement_id)
    assert await board.told() == [UNLISTED]
    await board.announcements.update(STAFF, second.announcement_id, Content("News"))
    assert await board.told() == [UNLISTED]
    assert await board.told(7200) == []


async def test_nothing_is_told_of_what_nobody_has_seen(board: Board) -> None:
    draft = await board.announce(Content("Draft"))
    await board.announce(board.content(starts=-2, ends=-1))
    later = await board.announce(board.content(scheduled=1))
    await board.announcements.update(STAFF, draft.announcement_id, Content("Another draft"))
    await board.announcements.delete(STAFF, draft.announcement_id)
    await board.announcements.delete(STAFF, later.announcement_id)
    assert await board.told(7200) == []


async def test_a_scheduled_one_is_listed_and_told_of_when_its_time_comes(board: Board) -> None:
    made = await board.announce(board.content(scheduled=1, ends=2))
    assert made.published_at == board.clock.now() + timedelta(hours=1)
    assert await board.told(3599) == []
    assert await board.announcements.listed(BOB, with_dismissed=False) == []
    with pytest.raises(AnnouncementNotFound):
        await board.announcements.dismiss(BOB, made.announcement_id)
    assert await board.told(1) == [LISTED]
    assert [each.announcement_id for each in await board.announcements.listed(BOB, with_dismissed=False)] == [
        made.announcement_id
    ]
    assert await board.told(3600) == [UNLISTED]


async def test_what_is_scheduled_may_be_put_off(board: Board) -> None:
    made = await board.announce(board.content(scheduled=1))
    put_off = await board.announcements.update(STAFF, made.announcement_id, board.content(scheduled=3))
    assert put_off.published_at == board.clock.now() + timedelta(hours=3)
    assert await board.told(2 * 3600) == []
    assert await board.told(3600) == [LISTED]
    again = await board.announcements.update(STAFF, made.announcement_id, board.content(scheduled=1))
    assert again.published_at == put_off.published_at
    assert await board.told() == [UNLISTED]
    assert await board.told(3600) == [LISTED]


async def test_those_that_are_scheduled_take_a_place(board: Board) -> None:
    for _ in range(20):
        await board.announce(board.content(scheduled=1))
    with pytest.raises(TooManyAnnouncements):
        await board.announce()


async def test_reactions_are_told_of_together_and_the_newest_count_wins(board: Board) -> None:
    number = (await board.announce()).announcement_id
    await board.told()
    everybody = range(2000, 2030)
    await asyncio.gather(*(board.announcements.react(account_id, number, BIRD) for account_id in everybody))
    await board.announcements.react(ALICE, number, HEART)
    await board.announcements.unreact(ALICE, number, HEART)
    assert await board.told(0.5) == []
    assert await board.told(0.5) == [{BIRD: 30, HEART: 0}]
    assert await board.told(1) == []
    await board.announcements.react(everybody[0], number, BIRD)
    await board.announcements.unreact(ALICE, number, HEART)
    assert await board.told(1) == []


async def test_no_more_is_told_at_once_however_much_there_is(board: Board) -> None:
    number = (await board.announce()).announcement_id
    await board.told()
    names = [chr(0x1F600 + each) for each in range(AT_ONCE + 5)]
    for name in names:
        await board.announcements.react(ALICE, number, name)
        await board.announcements.unreact(ALICE, number, name)
    (first,), (second,) = await board.told(1), await board.told()
    assert (len(first), len(second)) == (AT_ONCE, 5)
    assert first | second == dict.fromkeys(names, 0)


async def test_reactions_to_what_is_listed_no_longer_are_not_told_of(board: Board) -> None:
    number = (await board.announce()).announcement_id
    await board.told()
    await board.announcements.react(ALICE, number, BIRD)
    await board.announcements.delete(STAFF, number)
    assert await board.told(1) == [UNLISTED]
    assert await board.told(1) == []


async def test_replicas_tell_of_each_once(board: Board) -> None:
    for _ in range(10):
        await board.announce()
    await asyncio.gather(*(board.telling().round() for _ in range(4)))
    await board.outbox.drain()
    assert len({event.key for event in board.producer.sent}) == len(board.producer.sent) == 10


async def test_a_process_that_dies_after_any_answer_tells_of_it_once(
    board: Board, recorded: Callable[..., Any]
) -> None:
    for answer in range(1, 100):
        number = (await board.announce(board.content(scheduled=1))).announcement_id
        board.clock.advance(3600)
        async with crash_after(answer, telling_module, news_module) as point:
            await board.telling().round()
        await board.telling().round()
        await board.telling().round()
        told = await recorded(type(Events(board.clock).announcement_listed(number).decode()))
        assert [each.announcement_id for each in told].count(number) == 1, f"answer {answer}"
        await board.announcements.delete(STAFF, number)
        if not point.happened:
            return
    raise AssertionError("there are more answers than were tried")


async def test_what_many_accounts_have_made_of_one_is_asked_at_once(board: Board) -> None:
    number = (await board.announce()).announcement_id
    await board.announcements.react(ALICE, number, BIRD)
    await board.announcements.react(ALICE, number, HEART)
    await board.announcements.dismiss(BOB, number)
    found, readers = await board.announcements.listed_for(number, [ALICE, BOB, 1003])
    assert {(each.name, each.count, each.me) for each in found.reactions} == {(BIRD, 1, False), (HEART, 1, False)}
    assert readers == [Reader(ALICE, False, tuple(sorted((BIRD, HEART)))), Reader(BOB, True, ())]
    for many in (0, 1_001):
        with pytest.raises(FieldInvalid) as refused:
            await board.announcements.listed_for(number, range(1, 1 + many))
        assert [violation.field for violation in refused.value.fields] == ["account_ids"]
    await board.announcements.delete(STAFF, number)
    with pytest.raises(AnnouncementNotFound):
        await board.announcements.listed_for(number, [ALICE])


async def test_those_that_a_release_before_has_listed_are_told_of_when_they_are_over(
    pg_database: str, producer: FakeProducer, ids: IdSource, clock: FakeClock, tmp_path: Any
) -> None:
    before = [path for path in sorted(MIGRATIONS.glob("*.sql")) if "announcement_news" not in path.name]
    for path in before:
        (tmp_path / path.name).write_text(path.read_text())
    await migrate_postgres(pg_database, tmp_path)
    client = Postgres(pg_database, name="migrations")
    await client.start()
    async with client.transaction() as tx:
        await tx.execute("add", """
            INSERT INTO announcements VALUES
              (7, 1, '', 'News', NULL, '2100-01-01', false, true, now(), now(), now(), '2100-01-01'),
              (8, 1, '', 'Lasting', NULL, NULL, false, true, now(), now(), now(), NULL)
        """)  # fmt: skip
    await migrate_postgres(pg_database, MIGRATIONS)
    async with client.read(primary=True) as read:
        rows = await read.fetch(
            "news", "SELECT announcement_id, reaction, due_at > now() AS later FROM announcement_news"
        )
    await client.stop()
    assert [tuple(row) for row in rows] == [(7, "", True)]
