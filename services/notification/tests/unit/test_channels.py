"""What recipients do not want by a way does not go it, and in their quiet hours nothing is pushed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from notification_service.models import Kind, Notification
from notification_service.preference_models import Channel, QuietHours
from notification_service.repository.preferences import PreferenceRepository
from notification_service.service.channels import Channels
from notification_service.service.remembered import KNOWN_SECONDS
from rookery_common.testing import FakeClock

ALICE, BOB = 101, 102
LIKE = Notification(1, ALICE, Kind.FAVOURITE, BOB, 5)
FOLLOW = Notification(2, ALICE, Kind.FOLLOW, BOB, 0)


@pytest.mark.parametrize(
    ("time", "is_quiet"),
    [
        (datetime(2026, 7, 1, 19, 59, tzinfo=UTC), False),
        (datetime(2026, 7, 1, 20, 0, tzinfo=UTC), True),
        (datetime(2026, 7, 2, 4, 59, tzinfo=UTC), True),
        (datetime(2026, 7, 2, 5, 0, tzinfo=UTC), False),
        # Winter time.
        (datetime(2026, 12, 1, 20, 30, tzinfo=UTC), False),
        (datetime(2026, 12, 1, 21, 0, tzinfo=UTC), True),
    ],
)
def test_quiet_hours_are_of_the_clock_on_the_wall_there_and_go_on_over_midnight(time: datetime, is_quiet: bool) -> None:
    assert QuietHours(22 * 60, 7 * 60, "Europe/Berlin").hold(time) is is_quiet


@pytest.mark.parametrize(("hour", "is_quiet"), [(11, False), (12, True), (13, False)])
def test_quiet_hours_of_one_day_end_on_it(hour: int, is_quiet: bool) -> None:
    quiet = QuietHours(12 * 60, 13 * 60, "UTC")
    assert quiet.hold(datetime(2026, 7, 1, hour, 0, tzinfo=UTC)) is is_quiet


async def test_a_kind_that_is_not_wanted_by_a_way_does_not_go_it(
    channels: Channels, preferences: PreferenceRepository, clock: FakeClock
) -> None:
    others = replace(LIKE, recipient_id=BOB)
    await preferences.change(ALICE, {(Kind.FAVOURITE, Channel.STREAM): False, (Kind.FOLLOW, Channel.PUSH): False})
    assert await channels.streamed([LIKE, FOLLOW, others]) == [FOLLOW, others]
    assert [await channels.lets_push(each) for each in (LIKE, FOLLOW)] == [True, False]
    await preferences.change(ALICE, {(Kind.FOLLOW, Channel.PUSH): True})
    clock.advance(KNOWN_SECONDS + 1)
    assert await channels.lets_push(FOLLOW)


async def test_in_quiet_hours_only_what_was_done_with_the_account_is_pushed(
    channels: Channels, preferences: PreferenceRepository, clock: FakeClock
) -> None:
    minute = clock.now().hour * 60 + clock.now().minute
    await preferences.set_quiet(ALICE, QuietHours(minute, (minute + 5) % 1_440, "UTC"))
    assert not await channels.lets_push(LIKE)
    assert await channels.lets_push(replace(LIKE, kind=Kind.SIGN_IN))
    assert await channels.streamed([LIKE]) == [LIKE]
    clock.advance(300)
    assert await channels.lets_push(LIKE)


async def test_the_list_has_what_is_not_streamed(
    teller: Any, preferences: PreferenceRepository, lists: Any, acts: Any, streams: Any
) -> None:
    await preferences.change(ALICE, {(Kind.FAVOURITE, Channel.STREAM): False})
    like = acts.make(Kind.FAVOURITE)
    await teller.tell_acts([like])
    assert await lists.of(ALICE) == [(Kind.FAVOURITE, BOB, like.subject_id)]
