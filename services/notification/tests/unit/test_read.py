"""Reading lists. Runs over the fakes, and as a link in tests/engine over the engines."""

from __future__ import annotations

from typing import Any

import pytest

from notification_service.errors import NotificationNotFound, WrongLimit
from notification_service.models import HISTORY_DAYS, Kind, Notification, PageQuery
from notification_service.placement import notification_of
from notification_service.repository.windows import WINDOW_SLOTS
from notification_service.service import read as module
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from notification_service.service.tell import Teller
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103


async def _walked(reader: NotificationReader, limit: int, *, upwards: bool = False, **asked: Any) -> list[Notification]:
    """All pages, one after the other."""
    found: list[Notification] = []
    bounds: dict[str, Any] = {"min_id": 1} if upwards else {}
    while True:
        page = await reader.page(ALICE, PageQuery(limit, **bounds, **asked))
        found += page.notifications[::-1] if upwards else page.notifications
        assert len(page.notifications) <= limit
        if not page.reached_id:
            return found
        bounds = {"min_id": page.reached_id} if upwards else {"max_id": page.reached_id}


@pytest.mark.parametrize("number", [0, 7, 30, WINDOW_SLOTS + 60])
@pytest.mark.parametrize("warm", [True, False])
async def test_pages_in_both_directions_have_all_of_a_list_once(
    teller: Teller, reader: NotificationReader, acts: Any, number: int, warm: bool
) -> None:
    if warm:
        await reader.page(ALICE, PageQuery(20))
    told = acts.told(number)
    for first in range(0, number, 50):
        await teller.tell(told[first : first + 50])
    assert await _walked(reader, 30) == told[::-1]
    assert await _walked(reader, 30, upwards=True) == told


async def test_a_page_counted_from_below_is_the_one_just_above(
    teller: Teller, reader: NotificationReader, acts: Any
) -> None:
    told = acts.told(10)
    await teller.tell(told)
    page = await reader.page(ALICE, PageQuery(3, min_id=told[1].notification_id))
    assert page.notifications == told[4:1:-1]
    assert page.reached_id == told[4].notification_id
    page = await reader.page(ALICE, PageQuery(3, since_id=told[1].notification_id))
    assert page.notifications == told[:-4:-1]


@pytest.mark.parametrize("flushed", [True, False])
async def test_what_is_rare_is_found_below_all_that_is_not_asked_for(
    teller: Teller, reader: NotificationReader, windows: Any, acts: Any, monkeypatch: pytest.MonkeyPatch, flushed: bool
) -> None:
    monkeypatch.setattr(module, "SCAN_ROWS", 20)
    monkeypatch.setattr(module, "MAX_SCAN_ROWS", 60)
    await reader.page(ALICE, PageQuery(20))
    mentions = [notification_of(acts.make(Kind.MENTION, CAROL)) for _ in range(3)]
    await teller.tell(mentions)
    for _ in range(5):
        await teller.tell(acts.told(100))
    if flushed:
        await windows.forget_everything()
    assert await _walked(reader, 2, kinds={Kind.MENTION}) == mentions[::-1]
    assert await _walked(reader, 2, account_id=CAROL, upwards=True) == mentions


async def test_a_quiet_list_is_read_back_to_the_beginning_of_its_history(
    teller: Teller, reader: NotificationReader, windows: Any, acts: Any, clock: FakeClock
) -> None:
    (expired,) = acts.told()
    await teller.tell([expired])
    clock.advance(86_400 * 20)
    (old,) = acts.told()
    await teller.tell([old])
    clock.advance(86_400 * (HISTORY_DAYS - 3))
    (new,) = acts.told()
    await teller.tell([new, expired])
    await windows.forget_everything()
    assert await _walked(reader, 1) == [new, old]


async def test_one_is_read_by_its_owner_until_it_is_put_away(
    teller: Teller, reader: NotificationReader, put_away: PutAway, acts: Any
) -> None:
    first, second = acts.told(2)
    await teller.tell([first, second])
    assert await reader.get(ALICE, first.notification_id) == first
    await put_away.dismiss(ALICE, first.notification_id)
    for recipient_id, number in ((ALICE, first.notification_id), (BOB, second.notification_id), (ALICE, 7)):
        with pytest.raises(NotificationNotFound):
            await reader.get(recipient_id, number)
    await put_away.clear(ALICE)
    with pytest.raises(NotificationNotFound):
        await reader.get(ALICE, second.notification_id)


@pytest.mark.parametrize("limit", [0, -1, 81])
async def test_a_page_of_a_wrong_size_is_refused(reader: NotificationReader, limit: int) -> None:
    with pytest.raises(WrongLimit):
        await reader.page(ALICE, PageQuery(limit))
