"""Calls that take turns on streams."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import grpc
import pytest

from rookery.common.v1.exchange_service_pb2 import ExchangeRequest
from rookery.common.v1.exchange_service_pb2_grpc import ExchangeServiceStub
from rookery.feed.v1 import feed_service_pb2_grpc
from rookery.feed.v1.feed_service_pb2 import (
    AddOwnPostRequest,
    AddOwnPostResponse,
    BatchGetHomeEntry,
    BatchGetHomeRequest,
    BatchGetHomeResponse,
    BatchGetHomeResult,
)
from rookery.feed.v1.ranking_service_pb2 import ListForYouRequest
from rookery.feed.v1.ranking_service_pb2_grpc import RankingServiceStub
from rookery_common.auth import current_identity
from rookery_common.errors import (
    AppError,
    DeadlineExceeded,
    InvalidArgument,
    NotOffered,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from rookery_common.rpc import BreakerOpen, RpcClient, RpcServer, remaining
from rookery_common.rpc.exchange import NOT_EXCHANGED, RESTING, Exchange
from rookery_common.rpc.exchange_serving import Exchanges
from rookery_common.rpc.status import ReplicaLeaves, from_rpc_error
from rookery_common.testing.rpc import Tokens, settings_of

STREAMED = "/rookery.feed.v1.FeedService/StreamTimelines"
HOME = "/rookery.feed.v1.FeedService/BatchGetHome"


def ask(limit: int = 1) -> BatchGetHomeRequest:
    return BatchGetHomeRequest(entries=[BatchGetHomeEntry(limit=limit)])


async def echo(request: Any, context: Any) -> BatchGetHomeResponse:
    return BatchGetHomeResponse(results=[BatchGetHomeResult(more=entry.limit > 1) for entry in request.entries])


class Streams:
    """Counts the streams that are opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.opened = 0
        make = Exchange._take

        def count(exchange: Exchange, channel: Any) -> Any:
            before = list(exchange._idle)
            stream = make(exchange, channel)
            self.opened += stream not in before
            return stream

        monkeypatch.setattr(Exchange, "_take", count)


@pytest.fixture
def streams(monkeypatch: pytest.MonkeyPatch) -> Streams:
    return Streams(monkeypatch)


async def test_calls_one_after_another_share_a_stream(network: Any, streams: Streams) -> None:
    client = await network.pair(BatchGetHome=echo)
    answers = [await client.exchange("BatchGetHome", ask(limit), timeout=5) for limit in range(1, 13)]
    assert [answer.results[0].more for answer in answers] == [False] + [True] * 11
    assert streams.opened == RESTING


async def test_calls_at_once_have_a_stream_each(network: Any, streams: Streams) -> None:
    both = asyncio.Barrier(2)

    async def meet(request: Any, context: Any) -> BatchGetHomeResponse:
        await both.wait()
        return await echo(request, context)

    client = await network.pair(BatchGetHome=meet)
    await asyncio.gather(*(client.exchange("BatchGetHome", ask(), timeout=5) for _ in range(2)))
    assert streams.opened == 2


async def test_a_call_that_fails_is_told_and_the_stream_goes_on(
    network: Any, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rookery_common.rpc.exchange.RESTING", 1)

    async def fail(request: Any, context: Any) -> BatchGetHomeResponse:
        if request.entries[0].limit == 1:
            raise InvalidArgument("Too little.")
        if request.entries[0].limit == 2:
            raise ValueError("a defect")
        return await echo(request, context)

    client = await network.pair(BatchGetHome=fail)
    with pytest.raises(InvalidArgument, match=r"Too little\."):
        await client.exchange("BatchGetHome", ask(1), timeout=5)
    with pytest.raises(AppError, match="went wrong") as caught:
        await client.exchange("BatchGetHome", ask(2), timeout=5)
    assert "defect" not in caught.value.message
    assert (await client.exchange("BatchGetHome", ask(3), timeout=5)).results[0].more
    assert streams.opened == 1


async def test_each_call_has_its_own_deadline(network: Any) -> None:
    left: list[float] = []

    async def look(request: Any, context: Any) -> BatchGetHomeResponse:
        left.append(remaining() or 0.0)
        if request.entries[0].limit == 9:
            await asyncio.sleep(30)
        return await echo(request, context)

    client = await network.pair(BatchGetHome=look)
    await client.exchange("BatchGetHome", ask(), timeout=7)
    await client.exchange("BatchGetHome", ask(), timeout=3)
    assert 5 < left[0] <= 7
    assert 1 < left[1] <= 3
    with pytest.raises(DeadlineExceeded):
        await client.exchange("BatchGetHome", ask(9), timeout=0.1)
    assert await client.exchange("BatchGetHome", ask(), timeout=5)


async def test_a_caller_that_is_not_listed_is_refused(network: Any) -> None:
    server: RpcServer = await network.serve_feed(
        {"BatchGetHome": echo}, allowed_callers={"*": frozenset({"gateway"}), "BatchGetHome": frozenset({"search"})}
    )
    gateway = await network.feed_client(server.port)
    with pytest.raises(PermissionDenied):
        await gateway.exchange("BatchGetHome", ask(), timeout=5)
    search = await network.feed_client(server.port, settings=settings_of("search"))
    assert await search.exchange("BatchGetHome", ask(), timeout=5)


@pytest.mark.parametrize("path", [STREAMED, "/rookery.feed.v1.FeedService/X", "/grpc.health.v1.Health/Check", ""])
async def test_only_unary_methods_of_the_service_are_exchanged(network: Any, path: str) -> None:
    server: RpcServer = await network.serve_feed({"BatchGetHome": echo})
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: Any = ExchangeServiceStub(channel).Exchange(metadata=(("rookery-service", "gateway"),))
        await call.write(ExchangeRequest(method=path, request=AddOwnPostRequest().SerializeToString(), timeout_ms=5000))
        answer = await call.read()
        call.cancel()
    assert answer.status.message == NOT_EXCHANGED


async def test_bytes_that_are_no_request_are_refused(network: Any) -> None:
    server: RpcServer = await network.serve_feed({"BatchGetHome": echo})
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: Any = ExchangeServiceStub(channel).Exchange(metadata=(("rookery-service", "gateway"),))
        await call.write(ExchangeRequest(method=HOME, request=b"\xff\xff", timeout_ms=5000))
        assert (await call.read()).status.code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
        await call.write(ExchangeRequest(method=HOME, request=ask().SerializeToString(), timeout_ms=5000))
        assert not (await call.read()).HasField("status")
        call.cancel()


async def test_a_server_that_stops_finishes_the_call_in_hand(network: Any) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, context: Any) -> BatchGetHomeResponse:
        asked.set()
        await go_on.wait()
        return await echo(request, context)

    server: RpcServer = await network.serve_feed({"BatchGetHome": wait})
    client = await network.feed_client(server.port)
    call = asyncio.create_task(client.exchange("BatchGetHome", ask(2), timeout=5))
    await asked.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0.05)
    go_on.set()
    assert (await call).results[0].more
    await stopping
    with pytest.raises(Unavailable):
        await client.exchange("BatchGetHome", ask(), timeout=1)


async def test_what_keeps_failing_is_not_asked(network: Any) -> None:
    async def fail(request: Any, context: Any) -> BatchGetHomeResponse:
        raise Unavailable("Not now.")

    client = await network.pair(BatchGetHome=fail)
    for _ in range(20):
        with pytest.raises(Unavailable):
            await client.exchange("BatchGetHome", ask(), timeout=5)
    with pytest.raises(BreakerOpen):
        await client.exchange("BatchGetHome", ask(), timeout=5)


async def test_a_service_that_is_older_is_called_as_ever(network: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rookery_common.rpc.server.add_ExchangeServiceServicer_to_server", lambda *_: None)
    client = await network.pair(BatchGetHome=echo)
    for _ in range(2):
        assert (await client.exchange("BatchGetHome", ask(2), timeout=5)).results[0].more


async def test_a_stream_that_has_lived_long_enough_is_replaced(
    network: Any, streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rookery_common.rpc.exchange.LIFE_SECONDS", 0.0)
    client = await network.pair(BatchGetHome=echo)
    for _ in range(3):
        await client.exchange("BatchGetHome", ask(), timeout=5)
    assert streams.opened == 3


async def test_who_calls_travels_with_each_call(network: Any, tokens: Tokens, streams: Streams) -> None:
    seen: list[int | None] = []

    async def look(request: Any, context: Any) -> AddOwnPostResponse:
        who = current_identity()
        seen.append(who.account_id if who else None)
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=look)
    for account_id in (7, None, 8):
        who = None if account_id is None else tokens.identity(account_id)
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5, identity=who)
    assert seen == [7, None, 8]
    assert streams.opened == 3


async def test_a_bad_token_is_refused_and_the_stream_goes_on(network: Any, tokens: Tokens) -> None:
    async def add(request: Any, context: Any) -> AddOwnPostResponse:
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=add)
    forged = replace(tokens.identity(7), token="no.token.atall")
    with pytest.raises(Unauthenticated):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5, identity=forged)
    await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5, identity=tokens.identity(7))


async def test_a_write_that_a_leaving_replica_did_not_look_at_is_made_at_another(network: Any) -> None:
    """Whatever the write does: nothing has happened to it yet."""
    added: list[int] = []

    def adding(number: int) -> Any:
        async def add(request: Any, context: Any) -> AddOwnPostResponse:
            added.append(number)
            return AddOwnPostResponse()

        return add

    servers = [await network.serve_feed({"AddOwnPost": adding(number)}) for number in range(2)]
    target = "ipv4:" + ",".join(f"127.0.0.1:{server.port}" for server in servers)
    client = RpcClient(settings_of("gateway"), target, feed_service_pb2_grpc.FeedServiceStub, service="feed")
    await client.start()
    for _ in range(2 * RESTING):  # streams to both
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)
    assert set(added) == {0, 1}
    added.clear()
    writes = [asyncio.create_task(client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)) for _ in range(8)]
    servers[0]._exchanges.drain()
    await asyncio.gather(*writes)
    assert added == [1] * 8
    await client.stop()


async def test_a_replica_that_leaves_ends_its_streams_with_the_reason(network: Any) -> None:
    server: RpcServer = await network.serve_feed({"BatchGetHome": echo})
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        call: Any = ExchangeServiceStub(channel).Exchange(metadata=(("rookery-service", "gateway"),))
        await call.write(ExchangeRequest(method=HOME, request=ask().SerializeToString(), timeout_ms=5000))
        assert not (await call.read()).HasField("status")
        stopping = asyncio.create_task(server.stop())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        await stopping
    assert from_rpc_error(caught.value, "feed")[0].reason == ReplicaLeaves.reason


async def test_a_method_that_an_older_release_does_not_exchange_is_called_as_ever(
    network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Exchanges.add
    monkeypatch.setattr(Exchanges, "add", lambda self, method, handler: method.batched and add(self, method, handler))
    called: list[bool] = []

    async def look(request: Any, context: Any) -> AddOwnPostResponse:
        called.append(True)
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=look, BatchGetHome=echo)
    for _ in range(3):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)
        assert (await client.exchange("BatchGetHome", ask(2), timeout=5)).results[0].more
    assert len(called) == 3


async def test_a_method_that_the_service_has_not_is_not_offered(network: Any) -> None:
    server: RpcServer = await network.serve_feed({"BatchGetHome": echo})
    client: RpcClient = await network.client(server.port, RankingServiceStub, service="feed")
    with pytest.raises(NotOffered):
        await client.call("ListForYou", ListForYouRequest(), timeout=5)
