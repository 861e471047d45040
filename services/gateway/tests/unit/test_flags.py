"""A part that is switched off is refused with a clear answer, and everything else goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import pytest_asyncio
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket

from gateway_service.config import Settings
from gateway_service.connections import Closing
from gateway_service.flags import (
    CHAT,
    FLAGS,
    INTERACTIONS,
    MEASURES,
    MEDIA_UPLOADS,
    SEARCH,
    SIGN_UP,
    STREAMING,
)
from gateway_service.hub import Hub
from gateway_service.routing import Routes, behind
from gateway_service.streams import CHAT as CHAT_STREAM
from gateway_service.streams import STREAMS, USER
from gateway_service.web import build_web
from rookery_common.auth import Identity
from rookery_common.clock import SystemClock
from rookery_common.flags import Flag, Flags

if TYPE_CHECKING:
    import httpx2
    from gateway_fakes.world import World

Switch = Callable[..., None]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flags.json"
    path.write_text('{"flags": {}}')
    return path


@pytest_asyncio.fixture
async def flags(file: Path) -> AsyncIterator[Flags]:
    made = Flags(str(file), FLAGS, service="gateway")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def off(file: Path, flags: Flags) -> Switch:
    """Switches these flags off, and all others on."""

    def switch(*switched: Flag) -> None:
        entry = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
        file.write_text(json.dumps({"flags": {flag.key: entry for flag in switched}}))
        flags.reload_if_changed()

    return switch


@pytest.mark.parametrize(
    ("flag", "method", "path"),
    [
        (SEARCH, "GET", "/api/v2/search?q=rook"),
        (SEARCH, "GET", "/api/v1/accounts/search?q=rook"),
        (MEDIA_UPLOADS, "POST", "/api/v2/media"),
        (MEDIA_UPLOADS, "POST", "/api/v1/media"),
        (INTERACTIONS, "POST", "/api/rookery/v1/interactions"),
        (MEASURES, "POST", "/api/v1/admin/measures"),
        (MEASURES, "GET", "/api/rookery/v1/operator/measures"),
        (CHAT, "GET", "/api/rookery/v1/conversations"),
        (CHAT, "POST", "/api/rookery/v1/conversations/7/messages"),
    ],
)
async def test_a_part_that_is_switched_off_is_refused_whoever_asks(
    http: httpx2.AsyncClient, off: Switch, flag: Flag, method: str, path: str
) -> None:
    off(flag)
    answer = await http.request(method, path)
    assert answer.status_code == 503
    assert answer.headers["x-rookery-switched-off"] == flag.key
    assert int(answer.headers["retry-after"]) >= 30
    body = answer.json()
    assert f"{flag.key} is switched off" in (body.get("error_description") or body["detail"])
    off()
    assert (await http.request(method, path)).status_code != 503


async def test_the_rest_goes_on(http: httpx2.AsyncClient, world: World, off: Switch) -> None:
    _, headers = world.newcomer("alice")
    off(*FLAGS)
    posted = await http.post("/api/v1/statuses", json={"status": "Hello"}, headers=headers)
    assert posted.status_code == 200
    home = await http.get("/api/v1/timelines/home", headers=headers)
    assert [status["content"] for status in home.json()] == ["<p>Hello</p>"]
    assert "x-rookery-switched-off" not in home.headers


async def test_a_file_uploaded_before_is_still_described(http: httpx2.AsyncClient, world: World, off: Switch) -> None:
    _, headers = world.newcomer("alice")
    files = {"file": ("a.png", b"bytes", "image/png")}
    media_id = (await http.post("/api/v2/media", files=files, headers=headers)).json()["id"]
    off(MEDIA_UPLOADS)
    assert (await http.post("/api/v2/media", files=files, headers=headers)).status_code == 503
    answer = await http.put(f"/api/v1/media/{media_id}", json={"description": "A rook"}, headers=headers)
    assert answer.json()["description"] == "A rook"


async def test_while_sign_up_is_off_it_is_closed_and_the_server_says_so(
    http: httpx2.AsyncClient, world: World, off: Switch
) -> None:
    form = {"username": "alice", "email": "alice@example.org", "password": "correct horse", "agreement": "true"}

    async def told() -> list[bool]:
        newer = (await http.get("/api/v2/instance")).json()["registrations"]["enabled"]
        older = (await http.get("/api/v1/instance")).json()["registrations"]
        return [newer, older, (await http.get("/nodeinfo/2.0")).json()["openRegistrations"]]

    assert await told() == [True, True, True]
    off(SIGN_UP)
    assert await told() == [False, False, False]
    refused = await http.post("/api/v1/accounts", data=form, headers=world.app_headers())
    assert (refused.status_code, refused.json()["error_description"]) == (403, "Registrations are closed")
    assert world.auth.made("SignUp") == []
    off()
    assert (await http.post("/api/v1/accounts", data=form, headers=world.app_headers())).status_code == 200


def test_a_stream_is_refused_with_an_answer_in_http(settings: Settings, flags: Flags, off: Switch) -> None:
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    async def events(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("")

    routes = Routes("streaming")
    routes.get("/api/v1/streaming/user", events, "events", "")
    routes.router.routes.append(WebSocketRoute("/api/v1/streaming", socket))
    web = TestClient(build_web(settings, [behind(flags, STREAMING, routes.router)]))
    with web.websocket_connect("/api/v1/streaming"):
        off(STREAMING)
    with pytest.raises(WebSocketDenialResponse) as refused, web.websocket_connect("/api/v1/streaming"):
        pass
    assert (refused.value.status_code, refused.value.headers["x-rookery-switched-off"]) == (503, "streaming")
    assert web.get("/api/v1/streaming/user").status_code == 503


async def test_open_streams_are_closed_and_chats_are_not() -> None:
    hub = Hub(cast(Any, _Clients()), SystemClock())
    identity = Identity(account_id=7, session_id=1, scopes=frozenset(), roles=frozenset(), app_id=1)
    reading, chatting = hub.open(identity), hub.open(identity)
    hub.listen(reading, USER)
    hub.listen(chatting, CHAT_STREAM)
    hub.close_listeners(STREAMS)
    assert reading.closed.result() is Closing.UNAVAILABLE
    assert not chatting.closed.done()


class _Clients:
    """The services that feed streams; none is asked."""

    feed = notification = messaging = None


def test_each_flag_has_a_key_and_a_sentence_of_its_own() -> None:
    assert len({flag.key for flag in FLAGS}) == len({flag.when_off for flag in FLAGS}) == len(FLAGS)
    assert all(flag.default for flag in FLAGS)
