"""What holds for every request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import httpx2
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway_service.config import Settings
from gateway_service.routing import Routes
from gateway_service.web import build_web
from rookery_common.errors import (
    Aborted,
    AlreadyExists,
    AppError,
    DeadlineExceeded,
    FailedPrecondition,
    FieldViolation,
    Internal,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from rookery_common.rpc import remaining

if TYPE_CHECKING:
    from gateway_fakes.world import World


class Probe:
    """Routes that do what the test says."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.remaining: float | None = None
        routes = Routes("probe")
        for path in ("/api/v1/probe", "/api/rookery/v1/probe", "/api/v2/media"):
            name = path.replace("/", "_")
            routes.get(path, self.answer, f"get{name}", "")
            routes.post(path, self.answer, f"post{name}", "")
        self.router = routes.router

    async def answer(self, _request: Request) -> Response:
        self.remaining = remaining()
        if self.error is not None:
            raise self.error
        return Response(b'"ok"', media_type="application/json")


@pytest.fixture
def probe() -> Probe:
    return Probe()


@pytest.fixture
async def probed(probe: Probe, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=build_web(settings, [probe.router]))
    async with httpx2.AsyncClient(transport=transport, base_url="http://rookery.test") as client:
        yield client


def named(error: AppError, reason: str) -> AppError:
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (InvalidArgument("too odd"), 422, "too odd"),
        (FailedPrecondition("not now"), 422, "not now"),
        (AlreadyExists("taken"), 422, "taken"),
        (Aborted("in conflict"), 409, "in conflict"),
        (named(Aborted("used before"), "IDEMPOTENCY_CONFLICT"), 422, "used before"),
        (NotFound("no such post"), 404, "Record not found"),
        (PermissionDenied("blocked"), 403, "This action is not allowed"),
        (named(PermissionDenied("x"), "SCOPE_MISSING"), 403, "This action is outside the authorized scopes"),
        (Unauthenticated("who?"), 401, "The access token is invalid"),
        (ResourceExhausted("slow down", retry_after=7.2), 429, "Too many requests"),
        (Unavailable("away"), 503, "There was a temporary problem serving your request, please try again"),
        (DeadlineExceeded("late"), 503, "There was a temporary problem serving your request, please try again"),
        (Internal("key 5 is missing"), 500, "Something went wrong on our side"),
        (RuntimeError("secret inside"), 500, "Something went wrong on our side"),
    ],
)
async def test_failure_has_its_status_and_words(
    probed: httpx2.AsyncClient, probe: Probe, error: Exception, status: int, message: str
) -> None:
    probe.error = error
    answer = await probed.get("/api/v1/probe")
    assert answer.status_code == status
    assert answer.json()["error"] == message
    assert answer.headers["content-type"].startswith("application/json")
    assert ("retry-after" in answer.headers) == (status in (429, 503))
    assert ("www-authenticate" in answer.headers) == (status == 401 or "scopes" in message)
    own = await probed.get("/api/rookery/v1/probe")
    assert own.status_code == status
    assert own.headers["content-type"] == "application/problem+json"
    assert own.json()["status"] == status
    assert own.json()["request_id"] == own.headers["x-request-id"]
    assert "secret" not in answer.text + own.text
    assert "key 5" not in answer.text + own.text


async def test_wait_is_rounded_up(probed: httpx2.AsyncClient, probe: Probe) -> None:
    probe.error = ResourceExhausted("slow down", retry_after=7.2)
    assert (await probed.get("/api/v1/probe")).headers["retry-after"] == "8"


async def test_fields_are_told_in_both_forms(probed: httpx2.AsyncClient, probe: Probe) -> None:
    probe.error = InvalidArgument("x", fields=[FieldViolation("name", "ERR_BLANK", "can't be blank")])
    body = (await probed.get("/api/v1/probe")).json()
    assert body["error"] == "Validation failed: name can't be blank"
    assert body["details"] == {"name": [{"error": "ERR_BLANK", "description": "can't be blank"}]}
    own = (await probed.get("/api/rookery/v1/probe")).json()
    assert own["errors"] == [{"pointer": "#/name", "code": "ERR_BLANK", "detail": "can't be blank"}]


@pytest.mark.parametrize(
    "path", ["/api/v1/nothing", "/nothing", "/api/v1/search", "/api/v1/push/subscriptions", "/a//b", "/%ff"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
async def test_unknown_route_is_not_found(http: httpx2.AsyncClient, path: str, method: str) -> None:
    answer = await http.request(method, path)
    assert answer.status_code == 404
    assert answer.json() == {"error": "Not found"}


async def test_unserved_method_of_a_served_path_is_not_found(http: httpx2.AsyncClient) -> None:
    assert (await http.delete("/api/v1/statuses")).status_code == 404
    assert (await http.patch("/api/v1/media/5")).json() == {"error": "Not found"}


async def test_unknown_route_of_ours_is_a_problem(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/api/rookery/v1/castles")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "ROUTE_NOT_FOUND"


@pytest.mark.parametrize("path", ["/api/v2/instance/", "/api/v1/instance/", "/api/v1/custom_emojis/", "/nodeinfo/2.0/"])
async def test_trailing_slash_makes_no_difference(http: httpx2.AsyncClient, path: str) -> None:
    assert (await http.get(path)).content == (await http.get(path.rstrip("/"))).content


async def test_head_is_answered_as_get(http: httpx2.AsyncClient) -> None:
    answer = await http.head("/api/v2/instance")
    assert answer.status_code == 200
    assert int(answer.headers["content-length"]) > 100


@pytest.mark.parametrize(
    "path", ["/api/v1/statuses", "/oauth/token", "/.well-known/nodeinfo", "/nodeinfo/2.0", "/api/v1/nothing"]
)
async def test_browsers_may_call_from_other_sites(http: httpx2.AsyncClient, path: str) -> None:
    asked = {
        "origin": "https://elk.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization, content-type, idempotency-key",
    }
    preflight = await http.options(path, headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert preflight.headers["access-control-allow-headers"] == asked["access-control-request-headers"]
    answer = await http.get(path, headers={"origin": "https://elk.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Link" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers


async def test_preflight_echoes_no_odd_header(http: httpx2.AsyncClient) -> None:
    answer = await http.options("/api/v1/statuses", headers={"access-control-request-headers": "x;y=<z>"})
    assert "access-control-allow-headers" not in answer.headers


async def test_answers_are_private_and_inert(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/api/v1/statuses/5")
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "strict-transport-security" not in answer.headers


async def test_request_id_is_kept_or_made(http: httpx2.AsyncClient) -> None:
    given = await http.get("/api/v2/instance", headers={"x-request-id": "abcdef-123"})
    assert given.headers.get_list("x-request-id") == ["abcdef-123"]
    made = [
        (await http.get("/api/v2/instance", headers=h)).headers["x-request-id"] for h in ({}, {"x-request-id": "a b"})
    ]
    assert all(re.fullmatch(r"[0-9a-f]{16}", each) for each in made)
    assert len(set(made)) == 2


async def test_deadline_is_set_by_kind_of_request(probed: httpx2.AsyncClient, probe: Probe) -> None:
    for method, path, seconds in (("GET", "probe", 10), ("POST", "probe", 15), ("GET", "probe", 10)):
        await probed.request(method, f"/api/v1/{path}")
        assert probe.remaining == pytest.approx(seconds, abs=1)
    await probed.post("/api/v2/media")
    assert probe.remaining == pytest.approx(120, abs=1)


@pytest.mark.parametrize(
    "header", ["x" * 3000, "application/json; charset=\xff", "multipart/form-data; boundary=", ";;;"]
)
async def test_odd_content_type_is_no_crash(http: httpx2.AsyncClient, world: World, header: str) -> None:
    _, headers = world.newcomer("alice")
    raw = [(b"content-type", header.encode("latin-1")), (b"authorization", headers["authorization"].encode())]
    answer = await http.post("/api/v1/statuses", content=b"{}", headers=raw)
    assert 400 <= answer.status_code < 500


async def test_too_large_a_body_is_refused(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post("/api/v1/statuses", json={"status": "x" * 5000}, headers=headers)
    assert answer.status_code == 413
    assert "too large" in answer.json()["error"]


async def test_crash_is_logged_without_values(
    probed: httpx2.AsyncClient, probe: Probe, capsys: pytest.CaptureFixture[str]
) -> None:
    probe.error = RuntimeError("hunter2")
    await probed.get("/api/v1/probe?password=hunter2", headers={"authorization": "Bearer hunter2"})
    logged = capsys.readouterr().out
    assert "http.crashed" in logged
    assert "RuntimeError" in logged
    assert "hunter2" not in logged


async def test_openapi_names_every_route(http: httpx2.AsyncClient) -> None:
    document: dict[str, Any] = orjson.loads((await http.get("/openapi.json")).content)
    operations = [op for path in document["paths"].values() for op in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    assert {"statuses_create", "accounts_follow", "media_create", "oauth_token", "instance_get"} <= set(ids)
    assert document["paths"]["/api/v1/statuses/{id}"]["get"]["parameters"][0]["in"] == "path"
    posting = document["paths"]["/api/v1/statuses"]["post"]
    assert posting["security"] == [{"oauth2": ["write:statuses"]}]
    assert len(posting["requestBody"]["content"]) == 3
    assert "429" in posting["responses"]
    assert (await http.get("/api/rookery/v1/openapi.json")).content == (await http.get("/openapi.json")).content


async def test_reference_is_a_page_with_nothing_from_elsewhere(http: httpx2.AsyncClient) -> None:
    page = await http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "/api/v1/timelines/home" in page.text
    assert "<script" not in page.text
    assert re.findall(r'(?:src|href)="(?!/|#)', page.text) == []


def test_socket_that_crashes_is_closed(settings: Settings, probe: Probe) -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        raise RuntimeError("boom")

    probe.router.add_api_websocket_route("/api/v1/streaming", socket)
    client = TestClient(build_web(settings, [probe.router]))
    with client.websocket_connect("/api/v1/streaming/") as opened, pytest.raises(WebSocketDisconnect) as caught:
        opened.receive_text()
    assert caught.value.code == 1011
