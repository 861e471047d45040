"""Notification through a real stub: who may ask, what comes back, how errors look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from notification_service.models import Kind, Notification
from notification_service.placement import notification_of
from notification_service.service.markers import Markers
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from notification_service.service.tell import Teller
from notification_service.servicer import ALLOWED_CALLERS, NotificationServicer
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery.notification.v1.notification_service_pb2_grpc import (
    NotificationServiceStub,
    add_NotificationServiceServicer_to_server,
)
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError, InvalidArgument, NotFound, PermissionDenied, Unauthenticated
from rookery_common.live import serving as module
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.rpc.client import RpcClient
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE, BOB = 101, 102
Type = pb.NotificationType


class Service:
    """A client of a notification that runs in this process."""

    def __init__(self, network: Network, port: int, tokens: Tokens) -> None:
        self._network, self._port, self.tokens = network, port, tokens

    async def of(self, name: str) -> RpcClient:
        settings = settings_of(name)
        return await self._network.client(
            self._port, NotificationServiceStub, service="notification", settings=settings
        )


@pytest.fixture
async def service(
    reader: NotificationReader, put_away: PutAway, markers: Markers, streams: LiveStreams[Notification]
) -> AsyncIterator[Service]:
    async with AsyncExitStack() as stack:
        tokens = Tokens()
        hub = LiveHub(streams, as_sent, SystemClock())
        await hub.start()
        stack.push_async_callback(hub.stop)
        await hub.ready()
        network = Network(stack, tokens.verifier)
        servicer = NotificationServicer(reader, put_away, markers, hub)
        name = "rookery.notification.v1.NotificationService"
        registration = (add_NotificationServiceServicer_to_server, servicer, name)
        server = await network.serve(registration, allowed_callers=ALLOWED_CALLERS)
        yield Service(network, server.port, tokens)


@pytest.fixture
async def gateway(service: Service) -> RpcClient:
    return await service.of("gateway")


@pytest.fixture
def alice(service: Service) -> Identity:
    return service.tokens.identity(ALICE)


async def _list(gateway: RpcClient, identity: Identity | None, **asked: Any) -> pb.ListNotificationsResponse:
    request = pb.ListNotificationsRequest(**{"limit": 20, **asked})
    answer: pb.ListNotificationsResponse = await gateway.call(
        "ListNotifications", request, timeout=5, identity=identity
    )
    return answer


async def test_a_list_is_paged_filtered_and_put_away(
    gateway: RpcClient, alice: Identity, teller: Teller, acts: Any
) -> None:
    made = [acts.make(Kind.FOLLOW), *acts.many(2), acts.make(Kind.MENTION, 103)]
    await teller.tell_acts(made)
    told = [notification_of(act) for act in reversed(made)]
    first = await _list(gateway, alice, limit=3)
    assert [each.notification_id for each in first.notifications] == [each.notification_id for each in told[:3]]
    assert (first.more, first.reached_id) == (True, told[2].notification_id)
    last = await _list(gateway, alice, limit=3, max_id=first.reached_id)
    assert (len(last.notifications), last.more, last.reached_id) == (1, False, 0)
    follow = last.notifications[0]
    assert (follow.type, follow.account_id, follow.post_id) == (Type.NOTIFICATION_TYPE_FOLLOW, BOB, 0)
    assert follow.create_time.ToMilliseconds() == made[0].at_ms
    mentions = await _list(gateway, alice, types=[Type.NOTIFICATION_TYPE_MENTION])
    others = await _list(gateway, alice, exclude_types=[Type.NOTIFICATION_TYPE_FAVOURITE], account_id=103)
    assert mentions == others
    assert len(mentions.notifications) == 1
    nothing = await _list(gateway, alice, types=[1], exclude_types=[1])
    assert (len(nothing.notifications), nothing.more) == (0, False)
    one = pb.GetNotificationRequest(notification_id=follow.notification_id)
    assert (await gateway.call("GetNotification", one, timeout=5, identity=alice)).notification == follow
    dismiss = pb.DismissNotificationRequest(notification_id=follow.notification_id)
    for _ in range(2):
        await gateway.call("DismissNotification", dismiss, timeout=5, identity=alice)
    with pytest.raises(NotFound):
        await gateway.call("GetNotification", one, timeout=5, identity=alice)
    assert len((await _list(gateway, alice)).notifications) == 3
    await gateway.call("ClearNotifications", pb.ClearNotificationsRequest(), timeout=5, identity=alice)
    assert len((await _list(gateway, alice)).notifications) == 0


@pytest.mark.parametrize(
    ("method", "request_of", "scope"),
    [
        ("ListNotifications", pb.ListNotificationsRequest(limit=20), "write"),
        ("GetNotification", pb.GetNotificationRequest(notification_id=7), "read:statuses"),
        ("DismissNotification", pb.DismissNotificationRequest(notification_id=7), "read"),
        ("ClearNotifications", pb.ClearNotificationsRequest(), "write:statuses"),
    ],
)
async def test_each_call_needs_somebody_with_its_scope(
    service: Service, gateway: RpcClient, method: str, request_of: Any, scope: str
) -> None:
    strangers: list[tuple[Identity | None, type[AppError]]] = [
        (None, Unauthenticated),
        (service.tokens.identity(0), Unauthenticated),
        (service.tokens.identity(ALICE, scopes=(scope,)), PermissionDenied),
    ]
    for identity, refusal in strangers:
        with pytest.raises(refusal):
            await gateway.call(method, request_of, timeout=5, identity=identity)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 81}, "limit"),
        ({"types": [99]}, "types"),
        ({"exclude_types": [0]}, "exclude_types"),
    ],
)
async def test_what_is_wrong_is_named(gateway: RpcClient, alice: Identity, asked: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await _list(gateway, alice, **asked)
    assert [violation.field for violation in refused.value.fields] == [field]


async def test_only_the_gateway_may_call(service: Service, alice: Identity) -> None:
    with pytest.raises(PermissionDenied):
        await _list(await service.of("feed"), alice)


async def test_a_stream_tells_of_its_accounts_and_beats(
    gateway: RpcClient, streams: LiveStreams[Notification], acts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)
    said: asyncio.Queue[pb.StreamNotificationsRequest | None] = asyncio.Queue()

    async def requests() -> AsyncIterator[pb.StreamNotificationsRequest]:
        while (request := await said.get()) is not None:
            yield request

    answers = gateway.stream("StreamNotifications", requests(), silence=30)
    async with asyncio.timeout(30):
        assert len((await anext(answers)).notifications) == 0
        said.put_nowait(pb.StreamNotificationsRequest(subscribe_account_ids=[ALICE]))
        assert len((await anext(answers)).notifications) == 0
        (told,) = acts.told()
        await streams.publish([([ALICE], told)])
        heard = await _next_news(answers)
        assert [each.notification_id for each in heard.notifications] == [told.notification_id]
        await streams.publish([([ALICE], told)], lost=2)
        assert list((await _next_news(answers)).gap_account_ids) == [ALICE]
        said.put_nowait(None)
        assert [answer async for answer in answers if answer.gap_account_ids] == []


async def _next_news(answers: AsyncIterator[pb.StreamNotificationsResponse]) -> pb.StreamNotificationsResponse:
    async for answer in answers:
        if answer.notifications or answer.gap_account_ids:
            return answer
    raise AssertionError("the stream ended")


@pytest.mark.parametrize("account_ids", [[0], range(1, 10)])
async def test_a_stream_of_nobody_or_of_too_many_is_refused(
    gateway: RpcClient, monkeypatch: pytest.MonkeyPatch, account_ids: Any
) -> None:
    monkeypatch.setattr(module, "MAX_ACCOUNTS", 3)
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)

    async def requests() -> AsyncIterator[pb.StreamNotificationsRequest]:
        yield pb.StreamNotificationsRequest(subscribe_account_ids=account_ids)
        await asyncio.sleep(60)

    with pytest.raises(InvalidArgument):
        async for _ in gateway.stream("StreamNotifications", requests(), silence=30):
            pass


async def test_markers_are_set_and_read_by_timeline(service: Service, gateway: RpcClient) -> None:
    alice = service.tokens.identity(ALICE, scopes=("read", "write"))
    home = pb.Marker(timeline=pb.MARKED_TIMELINE_HOME, last_read_id=7)
    answer = await gateway.call("SetMarkers", pb.SetMarkersRequest(markers=[home]), timeout=5, identity=alice)
    assert [(each.last_read_id, each.version) for each in answer.markers] == [(7, 1)]
    asked = pb.GetMarkersRequest(timelines=[pb.MARKED_TIMELINE_NOTIFICATIONS, pb.MARKED_TIMELINE_HOME])
    assert (await gateway.call("GetMarkers", asked, timeout=5, identity=alice)).markers == answer.markers


@pytest.mark.parametrize(
    ("markers", "field"),
    [
        ([pb.Marker(timeline=pb.MARKED_TIMELINE_HOME)], "last_read_id"),
        ([pb.Marker(last_read_id=1)], "markers"),
        ([pb.Marker(timeline=pb.MARKED_TIMELINE_HOME, last_read_id=1)] * 2, "markers"),
    ],
)
async def test_what_is_no_marker_is_refused_by_its_name(
    service: Service, gateway: RpcClient, markers: list[pb.Marker], field: str
) -> None:
    alice = service.tokens.identity(ALICE, scopes=("read", "write"))
    with pytest.raises(InvalidArgument) as refused:
        await gateway.call("SetMarkers", pb.SetMarkersRequest(markers=markers), timeout=5, identity=alice)
    assert [violation.field for violation in refused.value.fields] == [field]


@pytest.mark.parametrize(
    ("method", "request_type", "scope"),
    [("GetMarkers", pb.GetMarkersRequest, "write"), ("SetMarkers", pb.SetMarkersRequest, "read")],
)
async def test_markers_need_a_user_and_the_scope(
    service: Service, gateway: RpcClient, method: str, request_type: Any, scope: str
) -> None:
    with pytest.raises(Unauthenticated):
        await gateway.call(method, request_type(), timeout=5, identity=None)
    with pytest.raises(PermissionDenied):
        await gateway.call(method, request_type(), timeout=5, identity=service.tokens.identity(ALICE, scopes=(scope,)))


async def test_only_unread_ones_are_listed_where_they_are_asked_for(
    service: Service, gateway: RpcClient, teller: Teller, acts: Any
) -> None:
    alice = service.tokens.identity(ALICE, scopes=("read", "write"))
    await teller.tell(acts.told(3))
    newest, middle, _ = [each.notification_id for each in (await _list(gateway, alice)).notifications]
    assert len((await _list(gateway, alice, unread_only=True)).notifications) == 3
    marker = pb.Marker(timeline=pb.MARKED_TIMELINE_NOTIFICATIONS, last_read_id=middle)
    await gateway.call("SetMarkers", pb.SetMarkersRequest(markers=[marker]), timeout=5, identity=alice)
    assert [each.notification_id for each in (await _list(gateway, alice, unread_only=True)).notifications] == [newest]
