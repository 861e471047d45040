"""The table of permissions: every RPC is in it with what its code asks for, and none that asks for nothing slips in."""

from __future__ import annotations

import importlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def permissions() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "scripts"))
        return importlib.import_module("permissions")


@pytest.fixture(scope="module")
def methods(permissions: Any) -> dict[str, Any]:
    return {method.name: method for method in permissions.methods()}


def test_every_rpc_of_the_contracts_is_in_the_table(methods: dict[str, Any]) -> None:
    contracts = [
        path
        for path in (ROOT / "protos/rookery").glob("*/v1/*_service.proto")
        if path.parts[-3] not in ("gateway", "common")
    ]
    rpcs = [rpc for path in contracts for rpc in re.findall(r"^  rpc (\w+)", path.read_text(), re.MULTILINE)]
    found = [name for name in methods if "ErasureService" not in name]
    assert sorted(name.rpartition(".")[2] for name in found) == sorted(rpcs)


def test_what_several_services_serve_is_in_the_table_for_each(methods: dict[str, Any]) -> None:
    assert methods["post.ErasureService.EraseAccount"].callers == {"user"}


def test_scopes_are_found_in_helpers_batches_and_the_service_behind(methods: dict[str, Any]) -> None:
    assert methods["post.PostService.CreatePost"].scopes == ("write:statuses",)
    assert methods["feed.FeedService.BatchGetHome"].scopes == ("read:statuses",)
    assert methods["moderation.ModerationService.ListReports"].permission == "manage_reports"
    assert methods["analytics.AnalyticsService.GetMeasures"].permission == "view_dashboard"


def test_callers_are_those_that_the_server_lets_in(methods: dict[str, Any]) -> None:
    assert methods["user.UserService.ReserveAccount"].callers == {"auth"}
    assert methods["auth.AuthService.ExchangeToken"].callers == {"gateway"}


def test_what_is_served_now_has_no_problem(permissions: Any, methods: dict[str, Any]) -> None:
    assert list(permissions.problems(methods.values())) == []


def test_an_rpc_that_asks_for_nothing_or_for_what_no_role_gives_is_a_problem(
    permissions: Any, methods: dict[str, Any]
) -> None:
    posted = methods["post.PostService.CreatePost"]
    for changed, told in [
        (replace(posted, token=""), "asks for no token"),
        (replace(posted, permission="fly"), "no role can have the permission fly"),
        (replace(methods["auth.AuthService.CreateApp"], token="identify"), "asks for a token"),
    ]:
        found = {**methods, changed.name: changed}
        (problem,) = permissions.problems(found.values())
        assert told in problem
