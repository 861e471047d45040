"""What has one notification that moves up. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from notification_service.models import Act, Kind
from notification_service.placement import notification_id
from notification_service.service.put_away import PutAway
from notification_service.service.standing import QUIET_MS, StandingTeller
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL, DAN = 101, 102, 103, 104
CONVERSATION = 7_000
LATER_MS = QUIET_MS[Kind.MESSAGE] + 1


@pytest.fixture
def message(clock: FakeClock) -> Act:
    return Act(ALICE, Kind.MESSAGE, BOB, CONVERSATION, CONVERSATION, clock.unix_ms())


@pytest.fixture(autouse=True)
def _later(message: Act, clock: FakeClock) -> None:
    clock.advance(600)


async def test_the_newest_takes_the_place_of_the_one_before_and_older_ones_again_change_nothing(
    standing: StandingTeller, lists: Any, message: Act
) -> None:
    answer = replace(message, account_id=CAROL, at_ms=message.at_ms + LATER_MS)
    for acts in ([message], [message, answer], [message], [answer]):
        await standing.tell(acts)
    (told,) = (await lists.page()).notifications
    assert (told.notification_id, told.account_id) == (notification_id(answer), CAROL)


async def test_what_comes_at_once_after_what_was_told_is_no_news(
    standing: StandingTeller, lists: Any, message: Act
) -> None:
    await standing.tell([message])
    await standing.tell([replace(message, at_ms=message.at_ms + LATER_MS - 1)])
    assert [each.notification_id for each in (await lists.page()).notifications] == [notification_id(message)]
    edit = Act(ALICE, Kind.UPDATE, BOB, 9, 9, message.at_ms + 1)
    await standing.tell([edit])
    await standing.tell([replace(edit, at_ms=edit.at_ms + 1)])
    assert [kind for kind, _, _ in await lists.of()] == [Kind.UPDATE, Kind.MESSAGE]


async def test_what_was_dismissed_comes_back_with_the_next(
    standing: StandingTeller, put_away: PutAway, lists: Any, message: Act
) -> None:
    await standing.tell([message])
    await put_away.dismiss(ALICE, notification_id(message))
    await standing.tell([message])
    assert await lists.of() == []
    await standing.tell([replace(message, at_ms=message.at_ms + LATER_MS)])
    assert await lists.of() == [(Kind.MESSAGE, BOB, CONVERSATION)]


async def test_what_stands_no_longer_is_gone(standing: StandingTeller, lists: Any, message: Act) -> None:
    await standing.tell([message])
    for _ in range(2):
        await standing.withdraw([(CONVERSATION, Kind.MESSAGE, ALICE), (CONVERSATION, Kind.MESSAGE, DAN)])
        assert await lists.of() == []
        await standing.tell([message])
        assert await lists.of() == []
