"""Mastodon.py, unmodified, understands every answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from gateway_fakes.serving import served
from mastodon import Mastodon, MastodonAPIError, MastodonNotFoundError, MastodonUnauthorizedError
from starlette.types import ASGIApp

from gateway_service.config import Settings
from rookery.user.v1 import suggestion_service_pb2
from rookery_common.testing.ports import free_address

if TYPE_CHECKING:
    from gateway_fakes.world import World

PASSWORD = "correct horse battery staple"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(200)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Told the address that it will have: clients follow the links that it gives."""
    address = free_address()
    return settings.model_copy(update={"http_address": address, "public_url": f"http://{address}"})


@pytest.fixture
def url(web: ASGIApp, settings: Settings) -> Iterator[str]:
    """The gateway on a free port, with a loop of its own."""
    with served(web, settings) as url:
        yield url


@pytest.fixture
def app(url: str) -> tuple[str, str]:
    client_id, client_secret = Mastodon.create_app("Bird", api_base_url=url, redirect_uris="https://app.example/back")
    return str(client_id), str(client_secret)


@pytest.fixture
def api(url: str, app: tuple[str, str]) -> Mastodon:
    """Alice, signed up and in."""
    api = Mastodon(client_id=app[0], client_secret=app[1], api_base_url=url)
    api.create_account("alice", PASSWORD, "alice@example.org", agreement=True)
    return api


def test_sign_up_and_own_account(api: Mastodon) -> None:
    account = api.account_verify_credentials()
    assert account.username == "alice"
    assert account.source.privacy == "public"
    assert account.role.id == "-99"
    assert api.app_verify_credentials().name == "Test app"
    assert api.preferences()["posting:default:visibility"] == "public"


def test_sign_up_errors_are_understood(url: str, app: tuple[str, str]) -> None:
    api = Mastodon(client_id=app[0], client_secret=app[1], api_base_url=url)
    token, problem = api.create_account("", PASSWORD, "a@example.org", agreement=True, return_detailed_error=True)
    assert token is None
    assert problem["details"]["username"][0]["error"] == "ERR_BLANK"


def test_sign_in_by_code(url: str, app: tuple[str, str], world: World) -> None:
    world.auth.passwords["bob"] = (PASSWORD, world.user.add("bob"))
    api = Mastodon(client_id=app[0], client_secret=app[1], api_base_url=url)
    redirect = "https://app.example/back"
    page = api.auth_request_url(redirect_uris=redirect, scopes=["read", "write"], state="s", allow_http=True)
    query = dict(httpx2.URL(page).params)
    answer = httpx2.post(f"{url}/oauth/authorize", data={**query, "login": "bob", "password": PASSWORD})
    code = httpx2.URL(answer.headers["location"]).params["code"]
    api.log_in(code=code, redirect_uri=redirect, scopes=["read", "write"], allow_http=True)
    assert api.me().username == "bob"
    api.revoke_access_token(allow_http=True)
    with pytest.raises(MastodonUnauthorizedError):
        Mastodon(access_token="gone", api_base_url=url).me()


def test_posting_with_media_and_reading(api: Mastodon, world: World) -> None:
    media = api.media_post(PNG, mime_type="image/png", description="A bird", focus=(0.5, -0.5))
    assert media.description == "A bird"
    assert media.meta.focus.x == 0.5
    assert api.media_update(media, description="Two birds").description == "Two birds"
    status = api.status_post("Hello", media_ids=[media], visibility="unlisted", idempotency_key="k")
    assert status.content == "<p>Hello</p>"
    assert status.visibility == "unlisted"
    assert api.status(status).id == status.id
    assert [each.id for each in api.statuses([status.id])] == [status.id]
    assert [each.id for each in api.timeline_home()] == [status.id]
    assert list(world.post.made("CreatePost")[0].request.media_ids) == [int(media.id)]


def test_pages_are_followed(api: Mastodon) -> None:
    posted = [api.status_post(str(number)).id for number in range(7)]
    me = api.me()
    assert [each.id for each in api.fetch_remaining(api.account_statuses(me, limit=3))] == posted[::-1]
    assert [each.id for each in api.fetch_remaining(api.timeline_home(limit=3))] == posted[::-1]


def test_following(api: Mastodon, world: World) -> None:
    bob = world.user.add("bob")
    assert api.account_follow(bob, reblogs=False).following
    assert api.account_relationships([bob])[0].following
    assert [each.username for each in api.account_following(api.me())] == ["bob"]
    assert [each.username for each in api.account_followers(bob)] == ["alice"]
    assert api.account_lookup("bob").id == str(bob)
    assert api.account(bob).username == "bob"
    assert [each.username for each in api.accounts([bob])] == ["bob"]
    assert not api.account_unfollow(bob).following


def test_lists_remarks_and_suggestions(api: Mastodon, world: World) -> None:
    bob, star = world.user.add("bob"), world.user.add("star")
    api.account_follow(bob)
    birds = api.list_create("Birds", replies_policy="none", exclusive=True)
    api.list_accounts_add(birds, [bob])
    assert [each.id for each in api.list_accounts(birds)] == [str(bob)]
    assert [each.id for each in api.account_lists(bob)] == [birds.id]
    api.list_accounts_delete(birds, [bob])
    assert api.list_update(birds, "Owls").title == "Owls"
    assert api.timeline_list(birds) == []
    api.list_delete(birds)
    assert api.lists() == []
    assert api.account_note_set(bob, "Sings").note == "Sings"
    assert api.account_pin(bob).endorsed
    assert [each.id for each in api.endorsements()] == [str(bob)]
    world.user.follows.add((bob, star))
    assert [each.id for each in api.account_familiar_followers(star)[0].accounts] == [str(bob)]
    world.suggestions.suggestions = [suggestion_service_pb2.Suggestion(account_id=star)]
    assert [each.account.id for each in api.suggestions_v2()] == [str(star)]
    api.suggestion_delete(star)
    assert api.suggestions_v2() == []


def test_instance_is_understood(api: Mastodon, settings: Settings) -> None:
    instance: Any = api.instance()
    assert instance.domain == settings.domain
    assert instance.configuration.statuses.max_characters == 500
    assert api.instance_v1().uri == settings.domain
    assert api.instance_rules() == []
    assert api.custom_emojis() == []
    assert api.instance_nodeinfo().software.name == "rookery"
    assert api.retrieve_mastodon_version().startswith("4.5")


def test_errors_are_understood(api: Mastodon, url: str) -> None:
    with pytest.raises(MastodonNotFoundError):
        api.status(5)
    with pytest.raises(MastodonAPIError, match="status"):
        api.status_post("x" * 501)
    with pytest.raises(MastodonUnauthorizedError):
        Mastodon(access_token="nonsense", api_base_url=url).account_verify_credentials()
