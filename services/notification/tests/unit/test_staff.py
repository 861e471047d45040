"""What concerns the staff alone: told to those whom a role permits it at that time, and to nobody else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from notification_service.consumers import REPORT_TOPIC, USER_TOPIC, StaffHandler
from notification_service.errors import WrongId
from notification_service.events import push_due
from notification_service.models import Kind, Notification
from notification_service.policy_models import Outcome
from notification_service.push_models import Author
from notification_service.repository.policies import PolicyRepository
from notification_service.service.sieve import Sieve
from notification_service.service.staff import STAFF_SECONDS, Staff, StaffTeller
from notification_service.service.tell import Teller
from rookery.moderation.v1.events_pb2 import ReportCreated
from rookery.notification.v1.push_events_pb2 import PushDue
from rookery_common.errors import Unavailable
from rookery_common.kafka.events import new_event
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden, golden_message

ADA, PAT, ALICE = 201, 202, 101
SIGN_UP, REPORT = golden(USER_TOPIC, "AccountCreated"), golden(REPORT_TOPIC, "ReportCreated")
NEWCOMER = cast(Any, golden_message(USER_TOPIC, "AccountCreated")).account.account_id
FILED = cast(ReportCreated, golden_message(REPORT_TOPIC, "ReportCreated"))


@pytest.fixture
def handler(teller: Teller, staff: Staff, roles: Any, clock: FakeClock) -> StaffHandler:
    clock.advance(600)
    roles.by_permission = {"manage_users": [ADA], "manage_reports": [ADA, PAT]}
    return StaffHandler(StaffTeller(teller, staff))


async def test_each_is_told_what_their_roles_permit_once(handler: StaffHandler, lists: Any) -> None:
    report = (Kind.ADMIN_REPORT, FILED.account_id, FILED.report_id)
    for _ in range(2):
        await handler([SIGN_UP, golden(USER_TOPIC, "FollowCreated"), REPORT])
        assert sorted(await lists.of(ADA)) == [(Kind.ADMIN_SIGN_UP, NEWCOMER, 0), report]
        assert await lists.of(PAT) == [report]
        assert await lists.of(ALICE) == []


async def test_who_reports_is_not_told_of_it(handler: StaffHandler, roles: Any, lists: Any) -> None:
    roles.by_permission["manage_reports"] = [FILED.account_id, PAT]
    await handler([REPORT])
    assert await lists.of(FILED.account_id) == []
    assert len(await lists.of(PAT)) == 1


async def test_a_changed_role_holds_after_a_moment(
    handler: StaffHandler, roles: Any, lists: Any, clock: FakeClock
) -> None:
    await handler([])
    await handler([REPORT])
    roles.by_permission["manage_reports"] = [PAT]
    clock.advance(STAFF_SECONDS + 1)
    later = ReportCreated(report_id=9, account_id=FILED.account_id, target_account_id=ALICE)
    await handler([new_event(REPORT_TOPIC, "9", later, version=1, clock=clock, source="moderation")])
    assert [subject for _, _, subject in await lists.of(ADA)] == [FILED.report_id]
    assert [subject for _, _, subject in await lists.of(PAT)] == [9, FILED.report_id]


async def test_while_nobody_says_who_the_staff_is_it_is_to_be_done_again(
    handler: StaffHandler, roles: Any, lists: Any
) -> None:
    roles.away = True
    with pytest.raises(Unavailable):
        await handler([REPORT])
    roles.away = False
    await handler([REPORT])
    assert len(await lists.of(PAT)) == 1


@pytest.mark.parametrize("kind", [Kind.ADMIN_REPORT, Kind.ADMIN_SIGN_UP])
async def test_what_was_told_to_the_staff_of_before_is_not_pushed(
    policies: PolicyRepository, authors: Any, staff: Staff, roles: Any, clock: FakeClock, kind: Kind
) -> None:
    sieve = Sieve(policies, authors, authors, staff, clock)
    told = Notification(7, PAT, kind, NEWCOMER, 9)
    stranger = Author("New", "", is_muted=False, is_followed=False, is_follower=False)
    await policies.put(PAT, {"not_following": Outcome.DROP})
    assert not await sieve.lets_through(told, stranger)
    roles.by_permission = {"manage_reports": [PAT], "manage_users": [PAT]}
    clock.advance(STAFF_SECONDS + 1)
    assert await sieve.lets_through(told, stranger)


async def test_a_report_without_an_id_is_a_mistake(handler: StaffHandler, clock: FakeClock) -> None:
    event = new_event(REPORT_TOPIC, "0", ReportCreated(account_id=1), version=1, clock=clock, source="moderation")
    with pytest.raises(WrongId):
        await handler([event])


def test_a_report_is_named_to_whoever_pushes(clock: FakeClock) -> None:
    message = cast(PushDue, push_due(Notification(7, PAT, Kind.ADMIN_REPORT, 1, 9), clock).decode()).notification
    assert (message.report_id, message.post_id, message.conversation_id) == (9, 0, 0)
