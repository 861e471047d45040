"""A deleted account is found no more, whatever is told of it later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rookery.user.v1.events_pb2 import AccountDeleted
from rookery_common.clock import SystemClock
from rookery_common.erasure import StepwiseEraser
from rookery_common.kafka.events import new_event
from search_service.consumers import USER_TOPIC, UserEventsHandler
from search_service.models import FOR_GOOD, Kind
from search_service.repository.indices import Indices
from search_service.service.erase_account import AccountErasure
from search_service.service.indexing import Indexer

if TYPE_CHECKING:
    from tests.conftest import Make
    from tests.engine.conftest import Dump

ALICE, BOB = 7, 8
GONE = (FOR_GOOD, {"account_id": ALICE, "deleted": True})


@pytest.fixture
def eraser(indexer: Indexer) -> StepwiseEraser:
    return StepwiseEraser(AccountErasure(indexer).steps, SystemClock())


@pytest.mark.usefixtures("indices")
async def test_its_document_is_a_tombstone_for_good_and_nobody_else_s(
    eraser: StepwiseEraser, indexer: Indexer, dump: Dump, make: Make
) -> None:
    users = UserEventsHandler(indexer)
    await users([make.account_event(make.account(ALICE, "alice")), make.account_event(make.account(BOB, "bob"))])
    for _ in range(2):
        assert await eraser.erase(ALICE) == (True, 0)
    await users([make.account_event(make.account(ALICE, "alice", version=9))])
    found = await dump(Kind.ACCOUNTS)
    assert (found[ALICE], found[BOB][1]["username"]) == (GONE, "bob")


async def test_it_is_erased_from_an_index_that_a_rebuild_is_filling(
    eraser: StepwiseEraser, indices: Indices, dump: Dump
) -> None:
    fresh = await indices.create_next(Kind.ACCOUNTS)
    await eraser.erase(ALICE)
    await indices.swap({Kind.ACCOUNTS: fresh})
    assert await dump(Kind.ACCOUNTS) == {ALICE: GONE}


@pytest.mark.usefixtures("indices")
async def test_it_is_gone_as_soon_as_its_deletion_is_told(indexer: Indexer, dump: Dump, make: Make) -> None:
    users = UserEventsHandler(indexer)
    message = AccountDeleted(account_id=ALICE, version=2)
    deleted = new_event(USER_TOPIC, str(ALICE), message, version=2, clock=SystemClock(), source="user")
    await users([make.account_event(make.account(ALICE, "alice")), deleted])
    assert await dump(Kind.ACCOUNTS) == {ALICE: GONE}
