"""Threads of direct posts as the gateway sees them: through real stubs, tokens and interceptors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from messaging_service.direct_models import DirectChange, DirectNotice, DirectPost
from messaging_service.direct_servicer import DIRECT_SERVICE_NAME, DirectThreadServicer
from messaging_service.service.direct_threads import DirectThreads, DirectThreadWriter
from messaging_service.servicer import ALLOWED_CALLERS
from rookery.messaging.v1 import direct_thread_service_pb2 as pb
from rookery.messaging.v1.direct_thread_service_pb2_grpc import (
    DirectThreadServiceStub,
    add_DirectThreadServiceServicer_to_server,
)
from rookery_common.clock import SystemClock
from rookery_common.errors import AppError
from rookery_common.live import serving
from rookery_common.live.hub import LiveHub, as_sent
from rookery_common.live.streams import LiveStreams
from rookery_common.rpc.client import RpcClient
from rookery_common.testing import FakeClock
from rookery_common.testing.rpc import Network, Tokens, settings_of

ALICE, BOB = 101, 102
THREAD, ANSWER = 7, 8
Say = Callable[[int, int], Awaitable[None]]


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest_asyncio.fixture
async def gateway(
    direct_threads: DirectThreads, direct_streams: LiveStreams[DirectNotice], tokens: Tokens
) -> AsyncIterator[RpcClient]:
    live = LiveHub(direct_streams, as_sent, SystemClock())
    await live.start()
    servicer = DirectThreadServicer(direct_threads, live)
    registration = (add_DirectThreadServiceServicer_to_server, servicer, DIRECT_SERVICE_NAME)
    async with AsyncExitStack() as stack:
        network = Network(stack, tokens.verifier)
        server = await network.serve(registration, settings=settings_of("messaging"), allowed_callers=ALLOWED_CALLERS)
        settings = settings_of("gateway")
        yield await network.client(server.port, DirectThreadServiceStub, service="messaging", settings=settings)
    await live.stop()


@pytest.fixture
def say(direct_writer: DirectThreadWriter, clock: FakeClock) -> Say:
    async def said(author_id: int, post_id: int) -> None:
        post = DirectPost(post_id, THREAD, author_id, (ALICE, BOB))
        await direct_writer.apply([DirectChange(post, 1, is_shown=True, is_news=True, at_ms=clock.unix_ms())])

    return said


async def test_a_thread_is_listed_read_and_removed(gateway: RpcClient, tokens: Tokens, say: Say) -> None:
    async def call(method: str, request: Any) -> Any:
        return await gateway.call(method, request, timeout=5, identity=tokens.identity(BOB))

    await say(BOB, THREAD)
    await say(ALICE, ANSWER)
    (thread,) = (await call("ListDirectThreads", pb.ListDirectThreadsRequest(limit=20))).threads
    assert thread == pb.DirectThread(
        thread_id=THREAD,
        unread=True,
        posts=[
            pb.DirectPost(post_id=ANSWER, author_id=ALICE, account_ids=[ALICE, BOB]),
            pb.DirectPost(post_id=THREAD, author_id=BOB, account_ids=[ALICE, BOB]),
        ],
    )
    assert not (await call("ListDirectThreads", pb.ListDirectThreadsRequest(limit=20, max_id=ANSWER))).threads
    for unread in (False, True):
        marked = await call("MarkDirectThread", pb.MarkDirectThreadRequest(thread_id=THREAD, unread=unread))
        assert marked.thread.unread is unread
    asked = pb.BatchGetDirectThreadsRequest(thread_ids=[THREAD, 99])
    assert list((await call("BatchGetDirectThreads", asked)).threads) == [thread]
    await call("RemoveDirectThread", pb.RemoveDirectThreadRequest(thread_id=THREAD))
    assert not (await call("BatchGetDirectThreads", asked)).threads
    with pytest.raises(AppError) as caught:
        await call("RemoveDirectThread", pb.RemoveDirectThreadRequest(thread_id=THREAD))
    assert caught.value.reason == "DIRECT_THREAD_NOT_FOUND"


async def test_each_call_needs_a_user_and_its_scope(gateway: RpcClient, tokens: Tokens) -> None:
    writes = {"MarkDirectThread": pb.MarkDirectThreadRequest(), "RemoveDirectThread": pb.RemoveDirectThreadRequest()}
    reads = {
        "ListDirectThreads": pb.ListDirectThreadsRequest(),
        "BatchGetDirectThreads": pb.BatchGetDirectThreadsRequest(),
    }
    for method, request in {**writes, **reads}.items():
        for identity, reason in (
            (tokens.identity(ALICE, scopes=["read" if method in writes else "write"]), "SCOPE_MISSING"),
            (tokens.identity(0), "USER_REQUIRED"),
            (None, "UNAUTHENTICATED"),
        ):
            with pytest.raises(AppError) as caught:
                await gateway.call(method, request, timeout=5, identity=identity)
            assert caught.value.reason == reason


async def test_a_stream_brings_what_is_new_in_the_threads_of_its_accounts(
    gateway: RpcClient, say: Say, direct_streams: LiveStreams[DirectNotice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEARTBEAT_SECONDS", 0.05)

    async def requests() -> AsyncIterator[pb.StreamDirectThreadsRequest]:
        yield pb.StreamDirectThreadsRequest(subscribe_account_ids=[BOB])
        await asyncio.sleep(60)

    updates: list[pb.DirectThreadUpdate] = []
    gaps: list[int] = []
    post_id = THREAD
    async with asyncio.timeout(30):
        async for answer in gateway.stream("StreamDirectThreads", requests(), silence=30):
            updates += answer.updates
            gaps += answer.gap_account_ids
            if updates and gaps:
                break
            if updates:
                await direct_streams.publish([], lost=1)
            post_id += 1  # Until the stream is known to serve bob.
            await say(ALICE, post_id)
    assert updates[0].thread_id == THREAD
    assert list(updates[0].account_ids) == [BOB]
    assert set(gaps) == {BOB}
