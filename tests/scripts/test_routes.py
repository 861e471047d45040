from __future__ import annotations

import importlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from gateway_service.limits import Rules

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def served() -> dict[tuple[str, str], Any]:
    """Every route of the gateway, as scripts/routes.py reads it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        routes = importlib.import_module("routes")
    return {route.key: route for route in routes.served_routes()}


def test_calls_are_found_through_helpers_composers_and_batches(served: dict[tuple[str, str], Any]) -> None:
    calls = served["POST", "/api/v1/statuses"].does.calls
    assert {"post.CreatePost", "feed.AddOwnPost", "post.BatchGetPosts", "user.BatchGetAccounts"} <= set(calls)
    assert "feed.BatchGetHome" in served["GET", "/api/v1/timelines/home"].does.calls
    assert served["GET", "/livez"].does.calls == []


def test_calls_that_a_closure_names_are_found(served: dict[tuple[str, str], Any]) -> None:
    favourite = served["POST", "/api/v1/statuses/*/favourite"].does
    assert "post.FavouritePost" in favourite.calls
    assert "post.UnfavouritePost" not in favourite.calls
    assert favourite.scopes == ("write:favourites",)


def test_tokens_and_scopes_are_found(served: dict[tuple[str, str], Any]) -> None:
    assert served["GET", "/api/v1/statuses/*"].does.token == "viewer"
    assert served["POST", "/api/v1/accounts"].does.token == "require"
    assert served["POST", "/oauth/token"].does.token == ""
    assert served["GET", "/api/v1/admin/reports"].does.scopes == ("admin:read:reports",)


def test_pages_and_their_redirects_are_found(served: dict[tuple[str, str], Any]) -> None:
    page = served["POST", "/oauth/authorize"].does
    assert page.renders
    assert 303 in page.statuses
    assert not served["GET", "/api/v1/timelines/home"].does.renders


def test_credentials_are_limited_by_network(served: dict[tuple[str, str], Any]) -> None:
    """Whatever calls auth without a token, and writes."""
    rules = Rules.parse((files("gateway_service.limits") / "default.toml").read_text())
    routes = [route for route in served.values() if route.method != "GET" and not route.does.token]
    asking = [route for route in routes if any(call.startswith("auth.") for call in route.does.calls)]
    assert len(asking) >= 5
    for route in asking:
        assert rules.classes[rules.name_of(route.method, route.path)].network, route.path


def test_default_limits_name_only_routes_that_there_are(served: dict[tuple[str, str], Any]) -> None:
    rules = Rules.parse((files("gateway_service.limits") / "default.toml").read_text())
    assert rules.unknown({f"{route.method} {route.path}" for route in served.values()}) == []


def test_parameters_are_found_with_their_limits(served: dict[tuple[str, str], Any]) -> None:
    posting = served["POST", "/api/v1/statuses"].does
    assert posting.reads_body
    assert set(posting.parameters["visibility"].arguments[0]) == {"public", "unlisted", "private", "direct"}
    assert posting.parameters["media_ids"].getter == "ids"
    home = served["GET", "/api/v1/timelines/home"].does
    assert not home.reads_body
    assert home.parameters["limit"].arguments == (20, 40)
    assert home.parameters["limit"].place == "query"
