"""Filters over Postgres, through a real stub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from rookery.user.v1 import events_pb2
from rookery.user.v1 import filter_service_pb2 as pb
from rookery.user.v1.filter_service_pb2_grpc import FilterServiceStub, add_FilterServiceServicer_to_server
from rookery_common.clients.postgres import Postgres
from rookery_common.errors import (
    Aborted,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Unauthenticated,
)
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.rpc import RpcClient
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.events import FakeProducer
from rookery_common.testing.rpc import Network, Tokens, settings_of
from user_service.events import Events
from user_service.filter_servicer import ALLOWED_CALLERS, SERVICE_NAME, FilterServicer
from user_service.filters import service
from user_service.filters.repository import FilterRepository
from user_service.filters.service import Filters

if TYPE_CHECKING:
    from tests.conftest import World

HOME, PUBLIC = pb.FILTER_CONTEXT_HOME, pb.FILTER_CONTEXT_PUBLIC


def keyword(text: str, **more: Any) -> pb.FilterKeywordChange:
    return pb.FilterKeywordChange(keyword=text, **more)


@dataclass
class Caller:
    """The gateway, and tokens of whom it calls for; and notification, which calls for nobody."""

    client: RpcClient
    tokens: Tokens
    notification: RpcClient

    async def __call__(
        self, method: str, who: int, *, scopes: tuple[str, ...] = ("read", "write"), **fields: Any
    ) -> Any:
        request = getattr(pb, f"{method}Request")(**fields)
        return await self.client.call(method, request, timeout=5, identity=self.tokens.identity(who, scopes=scopes))

    async def made(self, who: int, **fields: Any) -> pb.Filter:
        answer = await self("CreateFilter", who, **{"title": "Birds", "contexts": [HOME], **fields})
        made: pb.Filter = answer.filter
        return made

    async def all(self, who: int) -> list[pb.Filter]:
        return list((await self("ListFilters", who)).filters)


@pytest_asyncio.fixture
async def call(
    real_world: World, pg: Postgres, outbox: PostgresOutbox, clock: FakeClock, ids: FakeIds
) -> AsyncIterator[Caller]:
    tokens = Tokens()
    filters = Filters(FilterRepository(pg, outbox), Events(clock), ids, clock)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        registration = (add_FilterServiceServicer_to_server, FilterServicer(filters), SERVICE_NAME)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        gateway, notification = [
            await network.client(server.port, FilterServiceStub, service="user", settings=settings_of(name))
            for name in ("gateway", "notification")
        ]
        yield Caller(gateway, tokens, notification)


async def test_a_filter_that_is_asked_for_again_is_made_once(call: Caller, real_world: World) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    made = await asyncio.gather(*(call.made(alice, title="Birds", request_id="key") for _ in range(4)))
    assert {each.filter_id for each in made} == {made[0].filter_id}
    assert [each.filter_id for each in await call.all(alice)] == [made[0].filter_id]
    with pytest.raises(Aborted):
        await call.made(alice, title="Fish", request_id="key")
    assert (await call.made(bob, title="Fish", request_id="key")).title == "Fish"
    for bad in ("k" * 201, "k\x07"):
        with pytest.raises(InvalidArgument):
            await call.made(alice, request_id=bad)


async def test_a_filter_is_made_changed_and_deleted(call: Caller, real_world: World, clock: FakeClock) -> None:
    alice = await real_world.sign_up("alice")
    made = await call.made(
        alice,
        contexts=[PUBLIC, HOME],
        expire_seconds=60,
        keywords=[keyword("crow"), keyword("#rook", whole_word=False)],
    )
    assert await call.all(alice) == [made]
    assert (made.title, list(made.contexts), made.action) == ("Birds", [HOME, PUBLIC], pb.FILTER_ACTION_WARN)
    assert made.expire_time.ToDatetime(tzinfo=UTC) == clock.now() + timedelta(seconds=60)
    assert [(each.keyword, each.whole_word) for each in made.keywords] == [("crow", True), ("#rook", False)]
    crow, rook = made.keywords
    changes = [
        pb.FilterKeywordChange(keyword_id=crow.keyword_id, whole_word=False),
        pb.FilterKeywordChange(keyword_id=rook.keyword_id, remove=True),
        keyword("raven"),
    ]
    hide = pb.FILTER_ACTION_HIDE
    answer = await call(
        "UpdateFilter", alice, filter_id=made.filter_id, action=hide, expire_seconds=0, keywords=changes
    )
    after = answer.filter
    assert await call.all(alice) == [after]
    assert (after.title, list(after.contexts), after.action) == ("Birds", [HOME, PUBLIC], hide)
    assert not after.HasField("expire_time")
    assert [(each.keyword, each.whole_word) for each in after.keywords] == [("crow", False), ("raven", True)]
    await call("DeleteFilter", alice, filter_id=made.filter_id)
    assert await call.all(alice) == []


async def test_posts_are_added_once_and_taken_out(call: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    made = await call.made(alice)
    for _ in range(2):
        answer = await call("AddFilterStatus", alice, filter_id=made.filter_id, status_id=7)
    (status,) = answer.filter.statuses
    assert status.status_id == 7
    await call("RemoveFilterStatus", alice, filter_status_id=status.filter_status_id)
    assert [list(each.statuses) for each in await call.all(alice)] == [[]]
    with pytest.raises(NotFound):
        await call("RemoveFilterStatus", alice, filter_status_id=status.filter_status_id)


async def test_filters_are_their_owners_alone(call: Caller, real_world: World) -> None:
    alice, bob = await real_world.sign_up("alice"), await real_world.sign_up("bob")
    made = await call.made(alice, keywords=[keyword("crow")])
    others = await call.made(bob)
    await call("AddFilterStatus", alice, filter_id=made.filter_id, status_id=7)
    (kept,) = await call.all(alice)
    stolen = [pb.FilterKeywordChange(keyword_id=made.keywords[0].keyword_id, remove=True)]
    attempts: list[tuple[str, dict[str, Any]]] = [
        ("UpdateFilter", {"filter_id": made.filter_id, "title": "mine"}),
        ("UpdateFilter", {"filter_id": others.filter_id, "keywords": stolen}),
        ("DeleteFilter", {"filter_id": made.filter_id}),
        ("AddFilterStatus", {"filter_id": made.filter_id, "status_id": 8}),
        ("RemoveFilterStatus", {"filter_status_id": kept.statuses[0].filter_status_id}),
    ]
    for method, fields in attempts:
        with pytest.raises(NotFound):
            await call(method, bob, **fields)
    assert await call.all(alice) == [kept]
    assert await call.all(bob) == [others]


async def test_what_is_wrong_is_named_and_nothing_is_kept(call: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    bad: list[tuple[str, dict[str, Any]]] = [
        ("title", {"title": " "}),
        ("title", {"title": "x" * 257}),
        ("context", {"contexts": []}),
        ("context", {"contexts": [9]}),
        ("filter_action", {"action": 9}),
        ("expires_in", {"expire_seconds": -1}),
        ("keyword", {"keywords": [keyword("")]}),
        ("keyword", {"keywords": [keyword("x" * 513)]}),
        ("keyword", {"keywords": [keyword("bell\x07")]}),
    ]
    for field, change in bad:
        with pytest.raises(InvalidArgument) as caught:
            await call.made(alice, **change)
        assert [violation.field for violation in caught.value.fields] == [field]
    assert await call.all(alice) == []


async def test_an_account_has_so_many_and_no_more(
    call: Caller, real_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("MAX_FILTERS", "MAX_KEYWORDS", "MAX_STATUSES"):
        monkeypatch.setattr(service, limit, 4)
    alice = await real_world.sign_up("alice")
    made = await call.made(alice, keywords=[keyword(str(n)) for n in range(4)])
    with pytest.raises(FailedPrecondition):
        await call.made(alice, keywords=[keyword("one more")])
    for status_id in range(1, 5):
        await call("AddFilterStatus", alice, filter_id=made.filter_id, status_id=status_id)
    with pytest.raises(FailedPrecondition):
        await call("AddFilterStatus", alice, filter_id=made.filter_id, status_id=5)
    outcomes = await asyncio.gather(*(call.made(alice) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(outcome, FailedPrecondition) for outcome in outcomes) == 1
    assert len(await call.all(alice)) == 4


async def test_filters_need_a_token_of_their_owner(call: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    with pytest.raises(PermissionDenied):
        await call("CreateFilter", alice, scopes=("read", "write:lists"), title="x", contexts=[HOME])
    for method in ("ListFilters", "CreateFilter", "DeleteFilter"):
        with pytest.raises(Unauthenticated):
            await call(method, 0)
    with pytest.raises(NotFound):
        await call("CreateFilter", 404, title="x", contexts=[HOME])


async def test_filters_of_an_account_are_told_to_notification_alone(call: Caller, real_world: World) -> None:
    alice = await real_world.sign_up("alice")
    made = await call.made(alice, keywords=[keyword("crow")])
    request = pb.ListFiltersOfRequest(account_id=alice)
    assert list((await call.notification.call("ListFiltersOf", request, timeout=5)).filters) == [made]
    with pytest.raises(PermissionDenied):
        await call.client.call("ListFiltersOf", request, timeout=5)
    with pytest.raises(InvalidArgument):
        await call.notification.call("ListFiltersOf", pb.ListFiltersOfRequest(), timeout=5)


async def test_each_change_is_told_of_without_its_words(
    call: Caller, real_world: World, outbox: PostgresOutbox, producer: FakeProducer
) -> None:
    alice = await real_world.sign_up("alice")
    made = await call.made(alice, keywords=[keyword("secret")])
    await call("DeleteFilter", alice, filter_id=made.filter_id)
    await outbox.drain()
    told = [event for event in producer.sent if isinstance(event.decode(), events_pb2.FiltersChanged)]
    assert [event.key for event in told] == [str(alice)] * 2
    assert told[0].version < told[1].version
    assert not any(b"secret" in event.payload for event in producer.sent)
