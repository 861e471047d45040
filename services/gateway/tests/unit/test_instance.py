"""What the server tells of itself, and its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx2
import pytest

from gateway_service.config import Settings
from rookery.auth.v1.account_service_pb2 import SignUpMode
from rookery_common.errors import Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"rules": ["Be kind"], "title": "Nest & Co", "public_url": "https://nest.example"}
    )


async def test_instance_v2_has_what_clients_need(http: httpx2.AsyncClient) -> None:
    body = (await http.get("/api/v2/instance")).json()
    assert body["domain"] == "nest.example"
    assert body["version"].startswith("4.5.0 (compatible; Rookery ")
    assert body["configuration"]["urls"]["streaming"] == "wss://nest.example"
    assert body["configuration"]["statuses"]["max_characters"] == 500
    media = body["configuration"]["media_attachments"]
    assert (media["image_size_limit"], media["video_size_limit"]) == (200_000, 400_000)
    assert {"image/png", "video/mp4", "audio/mpeg"} <= {*media["supported_mime_types"]}
    assert (media["video_frame_rate_limit"], media["video_matrix_limit"]) == (120, 3840 * 2160)
    assert body["registrations"]["enabled"] is True
    assert body["api_versions"] == {"mastodon": 7}
    assert body["rules"][0]["text"] == "Be kind"


@pytest.mark.parametrize(
    ("mode", "open_to_anyone", "approval", "leads_to"),
    [
        ("OPEN", True, False, None),
        ("APPROVAL", True, True, None),
        ("INVITATION", False, False, "https://nest.example/auth/sign_up"),
        ("CLOSED", False, False, None),
    ],
)
async def test_who_may_sign_up_is_what_auth_says(
    http: httpx2.AsyncClient, world: World, mode: str, open_to_anyone: bool, approval: bool, leads_to: str | None
) -> None:
    world.accounts.sign_up_mode = SignUpMode.Value(f"SIGN_UP_MODE_{mode}")
    newer = (await http.get("/api/v2/instance")).json()["registrations"]
    assert (newer["enabled"], newer["approval_required"], newer["reason_required"]) == (
        open_to_anyone,
        approval,
        approval,
    )
    assert newer["url"] == leads_to
    older = (await http.get("/api/v1/instance")).json()
    assert (older["registrations"], older["approval_required"]) == (open_to_anyone, approval)
    assert (await http.get("/nodeinfo/2.0")).json()["openRegistrations"] is open_to_anyone


async def test_while_auth_is_away_what_was_told_last_goes_on(
    http: httpx2.AsyncClient, world: World, away: Unavailable
) -> None:
    world.accounts.failure = away
    unknown = await http.get("/api/v2/instance")
    assert unknown.json()["registrations"]["enabled"] is False
    world.accounts.failure = None
    world.clock.advance(2)
    assert (await http.get("/api/v2/instance")).json()["registrations"]["enabled"] is True
    world.accounts.failure = away
    world.clock.advance(31)
    assert (await http.get("/api/v2/instance")).json()["registrations"]["enabled"] is True
    assert len(world.accounts.made("GetSignUp")) == 3


async def test_instance_v1_has_what_clients_need(http: httpx2.AsyncClient) -> None:
    body = (await http.get("/api/v1/instance")).json()
    assert body["uri"] == "nest.example"
    assert body["urls"] == {"streaming_api": "wss://nest.example"}
    assert body["version"].startswith("4.5.0")


async def test_lists_of_the_instance(http: httpx2.AsyncClient) -> None:
    assert (await http.get("/api/v1/instance/rules")).json() == [
        {"id": "1", "text": "Be kind", "hint": "", "translations": {}}
    ]
    assert (await http.get("/api/v1/instance/peers")).json() == []
    assert (await http.get("/api/v1/custom_emojis")).json() == []


async def test_nodeinfo_is_found(http: httpx2.AsyncClient) -> None:
    links = (await http.get("/.well-known/nodeinfo")).json()["links"]
    assert links[0]["href"] == "https://nest.example/nodeinfo/2.0"
    body = (await http.get("/nodeinfo/2.0")).json()
    assert body["version"] == "2.0"
    assert body["software"]["name"] == "rookery"
    assert body["usage"] == {"users": {"total": 0, "activeMonth": 0}, "localPosts": 0}


async def test_the_community_is_asked_for_now_and_then_however_many_ask(http: httpx2.AsyncClient, world: World) -> None:
    async def counts() -> list[int]:
        newer, older, nodeinfo = [
            (await http.get(path)).json() for path in ("/api/v2/instance", "/api/v1/instance", "/nodeinfo/2.0")
        ]
        assert nodeinfo["usage"]["users"]["total"] == older["stats"]["user_count"]
        assert nodeinfo["usage"]["users"]["activeMonth"] == newer["usage"]["users"]["active_month"]
        return [newer["usage"]["users"]["active_month"], older["stats"]["user_count"], older["stats"]["status_count"]]

    _, headers = world.newcomer("alice")
    assert await counts() == [1, 1, 0]
    world.newcomer("bob")
    await http.post("/api/v1/statuses", data={"status": "Caw"}, headers=headers)
    world.clock.advance(9)
    assert await counts() == [1, 1, 0]
    world.clock.advance(1)
    assert await counts() == [1, 2, 1]
    world.clock.advance(50)
    assert await counts() == [2, 2, 1]
    assert len(world.directory.made("GetCommunityCounts")) == 3
    assert len(world.analytics.made("ListActivity")) == 2


async def test_while_nobody_can_count_what_was_told_last_goes_on(
    http: httpx2.AsyncClient, world: World, away: Unavailable
) -> None:
    world.newcomer("alice")
    before = (await http.get("/nodeinfo/2.0")).json()
    world.directory.failure = world.analytics.failure = away
    world.clock.advance(61)
    answer = await http.get("/nodeinfo/2.0")
    assert (answer.json(), answer.headers["x-rookery-degraded"]) == (before, "counts")


async def test_front_page_says_what_this_is(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/")
    assert answer.status_code == 200
    assert "Nest &amp; Co" in answer.text
    assert "/openapi.json" in answer.text
    assert "Be kind" in answer.text
    assert answer.headers["strict-transport-security"]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/avatars/original/missing.png", "image/png"),
        ("/headers/original/missing.png", "image/png"),
        ("/assets/avatar.png", "image/png"),
        ("/assets/pages.css", "text/css; charset=utf-8"),
        ("/favicon.ico", "image/png"),
    ],
)
async def test_files_are_served(http: httpx2.AsyncClient, path: str, kind: str) -> None:
    answer = await http.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert "max-age" in answer.headers["cache-control"]


@pytest.mark.parametrize("path", ["/assets/../config.py", "/assets/..%2Fconfig.py", "/assets/nothing.png", "/assets/"])
async def test_other_files_are_not_found(http: httpx2.AsyncClient, path: str) -> None:
    assert (await http.get(path)).status_code == 404
