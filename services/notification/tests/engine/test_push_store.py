"""Push subscriptions in real CQL: sealed, one a session, claimed once, under one key."""

from __future__ import annotations

import pytest

from notification_service.models import Kind
from notification_service.push_encryption import new_key
from notification_service.push_models import Endpoint, PushPolicy, Subscription
from notification_service.repository.push import PushRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.crypto import FieldCipher, LocalKeyProvider

ALICE, PHONE, LAPTOP = 101, 901, 902
ENDPOINT = Endpoint("https://push.example/secret", b"p" * 65, b"a" * 16, "alices-token")


@pytest.fixture
def pushes(cql: Cql) -> PushRepository:
    return PushRepository(cql, FieldCipher(LocalKeyProvider(b"k" * 32)))


async def test_a_subscription_is_kept_sealed_and_replaced(pushes: PushRepository, cql: Cql) -> None:
    phone = Subscription(7, ALICE, PHONE, frozenset({Kind.MENTION, Kind.POLL}), PushPolicy.FOLLOWED, ENDPOINT)
    laptop = Subscription(8, ALICE, LAPTOP, frozenset(), PushPolicy.NONE, ENDPOINT)
    assert not await pushes.has_any(ALICE)
    for each in (phone, laptop):
        await pushes.put(each)
    assert await pushes.of_account(ALICE) == [phone, laptop]
    (row,) = await cql.execute("push_get", (ALICE, PHONE))
    assert b"secret" not in row.sealed
    assert b"alices-token" not in row.sealed
    for _ in range(2):
        await pushes.delete(ALICE, LAPTOP)
    assert (await pushes.get(ALICE, LAPTOP), await pushes.get(ALICE, PHONE)) == (None, phone)
    assert await pushes.has_any(ALICE)


async def test_a_push_is_claimed_once_and_the_key_is_made_once(pushes: PushRepository) -> None:
    assert [await pushes.claim(7, 1), await pushes.claim(7, 1), await pushes.claim(8, 1)] == [True, False, True]
    first = await pushes.key(new_key())
    assert await pushes.key(new_key()) == first
