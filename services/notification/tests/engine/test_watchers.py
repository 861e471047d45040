"""Who wants to hear of each post of whom, in CQL."""

from __future__ import annotations

from notification_service.models import Watch
from notification_service.repository.watchers import WatcherRepository

ALICE = 101


async def test_the_newest_wish_holds_in_whatever_order_they_come(watchers: WatcherRepository) -> None:
    await watchers.put([Watch(ALICE, 1, True, 3), Watch(ALICE, 2, True, 1)])
    await watchers.put([Watch(ALICE, 1, False, 2), Watch(ALICE, 2, False, 2), Watch(ALICE, 2, True, 1)])
    assert await watchers.page(ALICE, 0, 10) == ([1], 0)


async def test_watchers_come_in_pages_of_which_one_may_be_empty(watchers: WatcherRepository) -> None:
    await watchers.put([Watch(ALICE, number, number > 2, 1) for number in range(1, 6)])
    assert await watchers.page(ALICE, 0, 2) == ([], 2)
    assert await watchers.page(ALICE, 2, 2) == ([3, 4], 4)
    assert await watchers.page(ALICE, 4, 2) == ([5], 0)
    assert await watchers.page(102, 0, 2) == ([], 0)
