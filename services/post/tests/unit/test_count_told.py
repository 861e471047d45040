"""The relay counts what it publishes."""

from __future__ import annotations

import pytest
from post_fakes.posts import MemoryEngagements
from post_fakes.store import Store

from post_service.events import ENGAGEMENT_TOPIC, TOPIC
from post_service.models import Fact, FactKind
from post_service.service.count_told import CountingSender
from rookery_common.errors import Unavailable
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.golden import golden

LEFT = [
    golden(TOPIC, "PostCreated_reblog"),
    *(golden(ENGAGEMENT_TOPIC, name) for name in ("PostFavourited", "PostUnfavourited", "PollVoted", "PollEnded")),
]


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


class Counted(MemoryEngagements):
    """Notes what is counted; `is_away` refuses."""

    def __init__(self, sent: FakeProducer) -> None:
        super().__init__(Store())
        self.counted: list[Fact] = []
        self.is_away = False
        self._sent = sent

    async def recount(self, fact: Fact) -> None:
        assert not self._sent.sent
        if self.is_away:
            raise Unavailable("too many")
        self.counted.append(fact)


async def test_favourites_are_counted_before_anything_is_sent(producer: FakeProducer) -> None:
    counted = Counted(producer)
    await CountingSender(producer, counted).send_all(LEFT)
    assert producer.sent == LEFT
    told = [(fact.kind, f"{fact.post_id}:{fact.account_id}", fact.active) for fact in counted.counted]
    assert told == [(FactKind.FAVOURITE, LEFT[1].key, True), (FactKind.FAVOURITE, LEFT[2].key, False)]


async def test_what_can_not_be_counted_is_not_sent(producer: FakeProducer) -> None:
    counted = Counted(producer)
    counted.is_away = True
    with pytest.raises(Unavailable):
        await CountingSender(producer, counted).send_all(LEFT)
    assert producer.sent == []
