"""A unary call between a real client and a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from rookery.feed.v1.feed_service_pb2 import AddOwnPostRequest, AddOwnPostResponse
from rookery_common.auth import Identity, current_identity, with_identity
from rookery_common.errors import (
    DeadlineExceeded,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    NotOffered,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from rookery_common.rpc import BreakerOpen, deadline, remaining
from rookery_common.rpc.handling import allowed_for
from rookery_common.testing.rpc import Tokens, settings_of

REQUEST = AddOwnPostRequest(post_id=7)


class PostUnknown(NotFound):
    reason = "POST_UNKNOWN"


async def ok(request: Any, context: Any) -> AddOwnPostResponse:
    return AddOwnPostResponse()


async def test_a_call_is_answered(network: Any) -> None:
    client = await network.pair(AddOwnPost=ok)
    assert await client.call("AddOwnPost", REQUEST, timeout=5) == AddOwnPostResponse()


async def test_an_error_arrives_with_its_status_reason_fields_and_wait(network: Any) -> None:
    async def refuse(request: Any, context: Any) -> None:
        raise InvalidArgument("Wrong.", fields=[FieldViolation("post_id", "ERR_INVALID", "Odd.")], retry_after=2.5)

    client = await network.pair(AddOwnPost=refuse)
    with pytest.raises(InvalidArgument) as caught:
        await client.call("AddOwnPost", REQUEST, timeout=5)
    assert caught.value.message == "Wrong."
    assert caught.value.fields == (FieldViolation("post_id", "ERR_INVALID", "Odd."),)
    assert caught.value.retry_after == 2.5


async def test_a_service_s_own_reason_survives_the_way(network: Any) -> None:
    async def refuse(request: Any, context: Any) -> None:
        raise PostUnknown("No such post.")

    client = await network.pair(AddOwnPost=refuse)
    with pytest.raises(NotFound) as caught:
        await client.call("AddOwnPost", REQUEST, timeout=5)
    assert caught.value.reason == "POST_UNKNOWN"


async def test_a_defect_tells_the_caller_nothing_of_itself(network: Any) -> None:
    async def fail(request: Any, context: Any) -> None:
        raise RuntimeError("row 42 of the secrets table")

    client = await network.pair(AddOwnPost=fail)
    with pytest.raises(Internal) as caught:
        await client.call("AddOwnPost", REQUEST, timeout=5)
    assert "secrets" not in str(caught.value)


async def test_a_call_that_an_older_release_has_not_is_told_from_a_defect(network: Any) -> None:
    async def unknown(request: Any, context: Any) -> None:
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")

    client = await network.pair(AddOwnPost=unknown)
    with pytest.raises(NotOffered):
        await client.call("AddOwnPost", REQUEST, timeout=5)


async def test_what_a_call_costs_does_not_grow_with_the_number_of_methods(network: Any) -> None:
    seen: list[int] = []

    async def look(request: Any, context: Any) -> AddOwnPostResponse:
        names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        seen.append(sum("._request_" in name for name in names))
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=look)
    await client.call("AddOwnPost", REQUEST, timeout=5)
    assert seen == [2]  # One for whichever method is called, and one for local mode's reflection.


async def test_the_deadline_travels_to_the_server(network: Any) -> None:
    seen: list[float | None] = []

    async def look(request: Any, context: Any) -> AddOwnPostResponse:
        seen.append(remaining())
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=look)
    with deadline(2.0):
        await client.call("AddOwnPost", REQUEST, timeout=60)
    assert seen[0] is not None
    assert 1.0 < seen[0] < 2.5  # gRPC rounds up what it sends


async def test_nothing_is_sent_when_the_time_is_up(network: Any) -> None:
    client = await network.pair(AddOwnPost=ok)
    with deadline(0.0), pytest.raises(DeadlineExceeded):
        await client.call("AddOwnPost", REQUEST, timeout=1)


async def test_a_call_past_its_deadline_fails_at_both_ends(network: Any) -> None:
    cancelled = asyncio.Event()

    async def hang(request: Any, context: Any) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    client = await network.pair(AddOwnPost=hang)
    with pytest.raises(DeadlineExceeded):
        await client.call("AddOwnPost", REQUEST, timeout=1)
    await asyncio.wait_for(cancelled.wait(), 30)


async def test_the_identity_travels_and_is_verified(network: Any, tokens: Tokens) -> None:
    seen: list[Identity | None] = []

    async def look(request: Any, context: Any) -> AddOwnPostResponse:
        seen.append(current_identity())
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=look)
    with with_identity(tokens.identity(42)):
        await client.call("AddOwnPost", REQUEST, timeout=5)
        await client.call("AddOwnPost", REQUEST, timeout=5, identity=None)
    assert seen[0] is not None
    assert seen[0].account_id == 42
    assert seen[1] is None


async def test_a_forged_token_is_refused(network: Any) -> None:
    client = await network.pair(AddOwnPost=ok)
    forged = Identity(account_id=1, session_id=1, app_id=1, token="a.b.c")
    with pytest.raises(Unauthenticated):
        await client.call("AddOwnPost", REQUEST, timeout=5, identity=forged)


async def test_a_caller_that_is_not_listed_is_refused(network: Any) -> None:
    server = await network.serve_feed({"AddOwnPost": ok})
    client = await network.feed_client(server.port, settings=settings_of("search"))
    with pytest.raises(PermissionDenied) as caught:
        await client.call("AddOwnPost", REQUEST, timeout=5)
    assert caught.value.reason == "CALLER_NOT_ALLOWED"


def test_a_method_s_callers_are_found_by_path_then_name_then_star() -> None:
    lists = {"/x.Y/Get": frozenset({"a"}), "Get": frozenset({"b"}), "*": frozenset({"c"})}
    assert allowed_for("/x.Y/Get", lists) == {"a"}
    assert allowed_for("/x.Z/Get", lists) == {"b"}
    assert allowed_for("/x.Z/Put", lists) == {"c"}
    with pytest.raises(ValueError, match=r"/x\.Z/Put"):
        allowed_for("/x.Z/Put", {})


async def test_a_server_with_a_method_without_callers_does_not_start(network: Any) -> None:
    with pytest.raises(ValueError, match="no callers are listed"):
        await network.serve_feed({"AddOwnPost": ok}, allowed_callers={"AddOwnPost": frozenset({"gateway"})})


async def test_an_idempotent_call_is_retried_when_the_service_is_unavailable(network: Any) -> None:
    calls = 0

    async def fail_once(request: Any, context: Any) -> AddOwnPostResponse:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise Unavailable("Not yet.")
        return AddOwnPostResponse()

    client = await network.pair(AddOwnPost=fail_once)
    assert await client.call("AddOwnPost", REQUEST, timeout=5, idempotent=True) == AddOwnPostResponse()
    assert calls == 2


@pytest.mark.parametrize(("error", "idempotent"), [(Unavailable("x"), False), (NotFound("x"), True)])
async def test_other_calls_and_other_errors_are_not_retried(network: Any, error: Exception, idempotent: bool) -> None:
    calls = 0

    async def fail(request: Any, context: Any) -> None:
        nonlocal calls
        calls += 1
        raise error

    client = await network.pair(AddOwnPost=fail)
    with pytest.raises(type(error)):
        await client.call("AddOwnPost", REQUEST, timeout=5, idempotent=idempotent)
    assert calls == 1


async def test_at_most_one_call_in_ten_is_retried(network: Any) -> None:
    calls = 0

    async def fail(request: Any, context: Any) -> None:
        nonlocal calls
        calls += 1
        raise Unavailable("Away.") if calls % 3 else NotFound("keeps the breaker closed")

    client = await network.pair(AddOwnPost=fail)
    made = 100
    for _ in range(made):
        with pytest.raises((Unavailable, NotFound)):
            await client.call("AddOwnPost", REQUEST, timeout=5, idempotent=True)
    reserve = 10
    assert calls <= made + made / 10 + reserve


async def test_what_failed_further_on_was_retried_there_and_is_not_retried_again(network: Any) -> None:
    far_calls = near_calls = 0

    async def away(request: Any, context: Any) -> None:
        nonlocal far_calls
        far_calls += 1
        raise Unavailable("Away.")

    far = await network.pair(AddOwnPost=away)

    async def ask_far(request: Any, context: Any) -> Any:
        nonlocal near_calls
        near_calls += 1
        return await far.call("AddOwnPost", REQUEST, timeout=5, idempotent=True)

    near = await network.pair(AddOwnPost=ask_far)
    with pytest.raises(Unavailable):
        await near.call("AddOwnPost", REQUEST, timeout=5, idempotent=True)
    assert (near_calls, far_calls) == (1, 3)


async def test_a_service_that_keeps_failing_is_not_asked(network: Any) -> None:
    client = await network.feed_client(1)  # nobody listens there
    for _ in range(20):
        with pytest.raises(Unavailable):
            await client.call("AddOwnPost", REQUEST, timeout=10)
    with pytest.raises(BreakerOpen):
        await client.call("AddOwnPost", REQUEST, timeout=10)


async def test_the_message_of_a_service_that_is_away_names_no_address(network: Any) -> None:
    client = await network.feed_client(1)
    with pytest.raises(Unavailable) as caught:
        await client.call("AddOwnPost", REQUEST, timeout=10)
    assert caught.value.message == "feed did not answer."


async def test_the_health_of_a_running_server_is_served_to_anyone(network: Any) -> None:
    server = await network.serve_feed({"AddOwnPost": ok})
    async with grpc.aio.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_names_the_services_in_local_mode(network: Any) -> None:
    server = await network.serve_feed({"AddOwnPost": ok})

    def names() -> list[str]:
        with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
            return list(ProtoReflectionDescriptorDatabase(channel).get_services())

    assert "rookery.feed.v1.FeedService" in await asyncio.to_thread(names)


async def test_a_call_that_runs_is_finished_while_the_server_drains(network: Any) -> None:
    running, go_on = asyncio.Event(), asyncio.Event()

    async def slow(request: Any, context: Any) -> AddOwnPostResponse:
        running.set()
        await go_on.wait()
        return AddOwnPostResponse()

    server = await network.serve_feed({"AddOwnPost": slow})
    client = await network.feed_client(server.port)
    call = asyncio.create_task(client.call("AddOwnPost", REQUEST, timeout=5))
    await running.wait()
    stopping = asyncio.create_task(server.stop())
    await asyncio.sleep(0.05)
    go_on.set()
    assert await call == AddOwnPostResponse()
    await asyncio.wait_for(stopping, 30)


async def test_two_servers_do_not_share_a_port(network: Any) -> None:
    server = await network.serve_feed({"AddOwnPost": ok})
    with pytest.raises(RuntimeError):
        await network.serve_feed({}, settings=settings_of("feed", grpc_address=f"127.0.0.1:{server.port}"))
