"""The whole process: it starts while all others are away, is ready once it hears revocations, and ends in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import httpx2
import psutil
import pytest

from rookery.auth.v1 import auth_service_pb2, auth_service_pb2_grpc
from rookery_common.testing.ports import free_address
from rookery_common.testing.process import ServiceProcess, service_process
from rookery_common.testing.rpc import Network, settings_of
from rookery_common.testing.waiting import eventually

IDLE_BYTES = 160 * 1024 * 1024


class Auth(auth_service_pb2_grpc.AuthServiceServicer):
    """Knows one token, and has revoked nothing."""

    async def ExchangeToken(self, request: Any, _context: Any) -> auth_service_pb2.ExchangeTokenResponse:
        answer = auth_service_pb2.ExchangeTokenResponse(account_id=5, session_id=6, app_id=7, scopes=["read"])
        answer.expire_time.FromSeconds(int(time.time()) + 300)
        answer.internal_token = request.token
        return answer

    async def WatchRevocations(
        self, _request: Any, _context: Any
    ) -> AsyncIterator[auth_service_pb2.WatchRevocationsResponse]:
        while True:
            yield auth_service_pb2.WatchRevocationsResponse(sequence=1)
            await asyncio.sleep(0.3)


def await_ready(process: ServiceProcess) -> None:
    deadline = time.monotonic() + 60
    while process.probe("/readyz")[0] != 200:
        assert time.monotonic() < deadline, process.failures()
        time.sleep(0.1)


@pytest.fixture
def addresses() -> dict[str, str]:
    return {name: free_address() for name in ("http", "auth", "user", "post", "feed")}


@pytest.fixture
def process(addresses: dict[str, str], kafka_bootstrap: str) -> Iterator[ServiceProcess]:
    environment = {f"GATEWAY_{name.upper()}_TARGET": address for name, address in addresses.items() if name != "http"}
    environment |= {"GATEWAY_HTTP_ADDRESS": addresses["http"], "GATEWAY_KAFKA_BOOTSTRAP": kafka_bootstrap}
    with service_process("gateway", environment) as process:
        yield process


@pytest.fixture
def http(addresses: dict[str, str], process: ServiceProcess) -> Iterator[httpx2.Client]:
    assert process.pid
    with httpx2.Client(base_url=f"http://{addresses['http']}", timeout=30) as client:
        yield client


def test_it_serves_what_it_can_while_the_services_are_away(process: ServiceProcess, http: httpx2.Client) -> None:
    assert http.get("/api/v2/instance/").status_code == 200
    assert http.get("/livez").status_code == 200
    assert list(process.failures()) == ["revocations"]
    assert http.get("/readyz").status_code == 503
    answer = http.get("/api/v1/timelines/home", headers={"authorization": "Bearer abc"})
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert "rookery_gateway_http_request_seconds" in process.probe("/metrics")[1]
    assert psutil.Process(process.pid).memory_info().rss < IDLE_BYTES


async def test_it_is_ready_once_it_hears_revocations(
    process: ServiceProcess, http: httpx2.Client, addresses: dict[str, str], network: Network
) -> None:
    make: Callable[[], Any] = Auth  # What is not written for these tests is answered with UNIMPLEMENTED.
    registration = (
        auth_service_pb2_grpc.add_AuthServiceServicer_to_server,
        cast(Auth, make()),
        "rookery.auth.v1.AuthService",
    )
    await network.serve(registration, settings=settings_of("auth", grpc_address=addresses["auth"]))
    await asyncio.to_thread(await_ready, process)

    def asks() -> bool:
        return http.get("/api/v1/domain_blocks", headers={"authorization": "Bearer abc"}).status_code == 200

    # On a busy machine a second without a word of auth may pass once more.
    await eventually(lambda: asyncio.to_thread(asks))
