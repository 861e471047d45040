"""What goes along with a call, and to which replica it goes."""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from rookery.feed.v1 import feed_service_pb2_grpc
from rookery.feed.v1.feed_service_pb2 import (
    AddOwnPostRequest,
    AddOwnPostResponse,
    BatchGetHomeEntry,
    BatchGetHomeRequest,
)
from rookery_common.rpc import Priority, RpcClient
from rookery_common.rpc.handling import Method
from rookery_common.rpc.metadata import CallHead
from rookery_common.telemetry import current_traceparent
from rookery_common.testing.rpc import settings_of

TRACE_ID = 0x0AF7651916CD43DD8448EB211C80319C


async def test_calls_go_to_all_replicas_in_turn(network: Any) -> None:
    seen: list[int] = []

    def behaviour(number: int) -> Any:
        async def answer(request: Any, context: Any) -> AddOwnPostResponse:
            seen.append(number)
            return AddOwnPostResponse()

        return answer

    ports = [(await network.serve_feed({"AddOwnPost": behaviour(number)})).port for number in range(2)]
    target = "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in ports)
    client = RpcClient(settings_of("gateway"), target, feed_service_pb2_grpc.FeedServiceStub, service="feed")
    await client.start()
    for _ in range(40):
        await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)
    await client.stop()
    assert set(seen) == {0, 1}
    assert 10 <= seen.count(0) <= 30


async def test_a_trace_that_is_recorded_goes_on_at_the_other_end(network: Any) -> None:
    seen: list[str] = []

    async def look(request: Any, context: Any) -> AddOwnPostResponse:
        seen.append(current_traceparent())
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=look)
    for flags in (TraceFlags.SAMPLED, TraceFlags.DEFAULT):
        span = NonRecordingSpan(SpanContext(TRACE_ID, 0xB7AD6B7169203331, False, TraceFlags(flags)))
        with trace.use_span(span):
            await client.call("AddOwnPost", AddOwnPostRequest(), timeout=5)
    assert seen[0].split("-")[1] == f"{TRACE_ID:032x}"
    assert seen[1] == ""


def test_a_batch_weighs_as_much_as_its_entries() -> None:
    request = BatchGetHomeRequest(entries=[BatchGetHomeEntry()] * 3)
    assert Method("/rookery.feed.v1.FeedService/BatchGetHome", frozenset()).entries_of(request) == 3
    assert Method("/rookery.feed.v1.FeedService/AddOwnPost", frozenset()).entries_of(AddOwnPostRequest()) == 1


def test_a_caller_may_name_a_priority_but_not_invent_one() -> None:
    method = Method("/rookery.feed.v1.FeedService/BatchGetHome", frozenset())
    assert method.priority_of(CallHead("gateway", priority="ANALYTICS")) is Priority.ANALYTICS
    assert method.priority_of(CallHead("gateway", priority="URGENT")) is Priority.READ
    assert method.priority_of(CallHead("gateway")) is Priority.READ
