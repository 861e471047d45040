"""What is kept of a deleted account as a recipient is erased, some rows at a time, and nobody else's."""

from __future__ import annotations

from typing import Any

import pytest

from notification_service.digest_models import Frequency
from notification_service.models import Kind, MarkedTimeline, Marker, PageQuery, Watch
from notification_service.placement import notification_of
from notification_service.policy_models import Outcome, Policy
from notification_service.preference_models import Preferences, QuietHours
from notification_service.push_models import Endpoint, PushPolicy, Subscription
from notification_service.repository.digests import DigestRepository
from notification_service.repository.erasures import ErasureRepository
from notification_service.repository.markers import MarkerRepository
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import NotificationRepository
from notification_service.repository.policies import PolicyRepository
from notification_service.repository.preferences import PreferenceRepository
from notification_service.repository.push import PushRepository
from notification_service.repository.watchers import WatcherRepository
from notification_service.repository.windows import WindowRepository
from notification_service.service import erase_account as module
from notification_service.service.erase_account import AccountErasure
from notification_service.service.groups import GroupReader
from notification_service.service.tell import Teller
from rookery_common.clients.cassandra import Cql
from rookery_common.clock import SystemClock
from rookery_common.crypto import FieldCipher, LocalKeyProvider
from rookery_common.erasure import Eraser, StepwiseEraser
from rookery_common.ids import MAX_ID
from rookery_common.testing import FakeClock

ALICE, BOB, CAROL = 101, 102, 103


class _Slow(SystemClock):
    """A second passes between any two looks at it, so that each call takes one step."""

    _looks = 0.0

    def monotonic(self) -> float:
        self._looks += 1
        return self._looks


@pytest.fixture
def eraser(cql: Cql, windows: WindowRepository, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Eraser:
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 3)
    return StepwiseEraser(AccountErasure(ErasureRepository(cql, clock), windows).steps, _Slow())


async def _erase(eraser: Eraser) -> list[int]:
    """How much each call erased, until it was done."""
    amounts, done = [], False
    while not done:
        done, amount = await eraser.erase(ALICE)
        amounts.append(amount)
    return amounts


async def test_notifications_and_groups_of_all_weeks_go_some_at_a_time(
    eraser: Eraser,
    teller: Teller,
    groups: GroupReader,
    notifications: NotificationRepository,
    group_members: MemberRepository,
    acts: Any,
    clock: FakeClock,
) -> None:
    for _ in range(3):
        clock.advance(8 * 86_400)
        for recipient in (ALICE, BOB):
            told = [acts.make(Kind.FAVOURITE, CAROL, recipient), acts.make(Kind.MENTION, CAROL, recipient)]
            await teller.tell_acts(told)
        await teller.put_away([notification_of(acts.make(Kind.REBLOG, CAROL, ALICE))], "taken_back")
    keys = [group.key for group in (await groups.page(ALICE, PageQuery(10))).groups if group.key]
    assert [await group_members.count(ALICE, key, 0) for key in keys] == [1] * 3
    assert len(await notifications.older(ALICE, MAX_ID, 0, 20)) == 9
    assert await _erase(eraser) == [3, 3, 3, 0]
    assert await notifications.older(ALICE, MAX_ID, 0, 20) == []
    assert (await groups.page(ALICE, PageQuery(10))).groups == []
    assert [await group_members.count(ALICE, key, 0) for key in keys] == [0] * len(keys)
    assert len(await notifications.older(BOB, MAX_ID, 0, 20)) == 6
    assert len((await groups.page(BOB, PageQuery(10))).groups) == 6
    assert await _erase(eraser) == [0]


async def test_choices_subscriptions_and_watchers_go_and_those_of_others_stay(
    eraser: Eraser,
    cql: Cql,
    policies: PolicyRepository,
    preferences: PreferenceRepository,
    digests: DigestRepository,
    watchers: WatcherRepository,
    marked: MarkerRepository,
    clock: FakeClock,
) -> None:
    pushes = PushRepository(cql, FieldCipher(LocalKeyProvider(b"k" * 32)))
    endpoint = Endpoint("https://push.example/secret", b"p" * 65, b"a" * 16, "token")
    for account in (ALICE, BOB):
        await pushes.put(Subscription(7, account, 901, frozenset(), PushPolicy.ALL, endpoint))
        await policies.put(account, {"not_following": Outcome.DROP})
        await policies.accept(account, [CAROL])
        await preferences.set_quiet(account, QuietHours(60, 120, "Europe/Berlin"))
        await digests.put(account, Frequency.DAILY, 9)
        await watchers.put([Watch(account, CAROL, True, 1)])
        await marked.put(account, Marker(MarkedTimeline.HOME, 7, 1, clock.now()))
    await eraser.erase(ALICE)
    assert (await pushes.of_account(ALICE), len(await pushes.of_account(BOB))) == ([], 1)
    assert (await policies.get(ALICE), (await policies.get(BOB)).not_following) == (Policy(), Outcome.DROP)
    assert (await policies.answers(ALICE), len(await policies.answers(BOB))) == ([], 1)
    assert await preferences.get(ALICE) == Preferences() != await preferences.get(BOB)
    assert (await digests.get(ALICE), (await digests.get(BOB)) is None) == (None, False)
    assert [(await watchers.page(each, 0, 9))[0] for each in (ALICE, BOB)] == [[], [CAROL]]
    assert [len(await marked.of_account(each)) for each in (ALICE, BOB)] == [0, 1]


async def test_what_is_erased_is_in_no_window(
    eraser: Eraser, teller: Teller, windows: WindowRepository, acts: Any
) -> None:
    for recipient in (ALICE, BOB):
        token = await windows.begin_fill(recipient)
        assert await windows.finish_fill(recipient, token, [], floor=0, cleared=0)
        await teller.tell_acts([acts.make(Kind.MENTION, CAROL, recipient)])
    await _erase(eraser)
    assert await windows.read(ALICE, PageQuery(10), 10) is None
    assert await windows.read(BOB, PageQuery(10), 10) is not None
