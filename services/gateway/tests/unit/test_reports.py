"""Reports over HTTP: what moderation is asked for, and what people and moderators are shown of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import httpx2
import orjson
import pytest

from rookery.moderation.v1 import moderation_service_pb2 as pb
from rookery.moderation.v1.decision_pb2 import Decision, DecisionState
from rookery.post.v1.post_pb2 import Post
from rookery_common.auth import Identity
from rookery_common.errors import AppError, FieldViolation, InvalidArgument, NotFound, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from gateway_fakes.world import World

REPORTS, ADMIN, DESK = "/api/v1/reports", "/api/v1/admin/reports", "/api/rookery/v1/desk/decisions"
ADMINISTRATION = ("read", "write", "admin:read", "admin:write")


class FakeModeration:
    """Keeps reports; `failure` is raised instead, once it is set."""

    def __init__(self) -> None:
        self.reports: dict[int, pb.Report] = {}
        self.failure: AppError | None = None
        self.calls: list[tuple[str, Any, int]] = []

    async def call(self, method: str, request: Any, *, identity: Identity | None, **_options: Any) -> Any:
        who = identity.account_id if identity else 0
        self.calls.append((method, request, who))
        if self.failure is not None:
            raise self.failure
        return getattr(self, method)(request, who)

    def add(self, **fields: Any) -> pb.Report:
        report = pb.Report(report_id=len(self.reports) + 1, category=pb.REPORT_CATEGORY_SPAM, **fields)
        report.create_time.FromMilliseconds(1_700_000_000_123)
        report.update_time.CopyFrom(report.create_time)
        self.reports[report.report_id] = report
        return report

    def CreateReport(self, request: pb.CreateReportRequest, who: int) -> Any:
        report = self.add(
            account_id=who,
            target_account_id=request.target_account_id,
            post_ids=request.post_ids,
            comment=request.comment,
        )
        report.category = request.category
        return pb.CreateReportResponse(report=report)

    def ListReports(self, request: pb.ListReportsRequest, _who: int) -> Any:
        return pb.ListReportsResponse(reports=[*self.reports.values()][::-1][: request.limit])

    def GetReport(self, request: Any, _who: int) -> Any:
        return pb.GetReportResponse(report=self._found(request))

    def ResolveReport(self, request: Any, who: int) -> Any:
        report = self._found(request)
        report.resolve_time.FromMilliseconds(1_700_000_001_000)
        report.resolver_id = who
        return pb.ResolveReportResponse(report=report)

    def ReopenReport(self, request: Any, _who: int) -> Any:
        report = self._found(request)
        report.ClearField("resolve_time")
        report.resolver_id = 0
        return pb.ReopenReportResponse(report=report)

    def AssignReport(self, request: Any, who: int) -> Any:
        report = self._found(request)
        report.assignee_id = who if request.assigned else 0
        return pb.AssignReportResponse(report=report)

    def DecidePost(self, request: pb.DecidePostRequest, who: int) -> Any:
        decision = Decision(
            decision_id=5, post_id=request.post_id, account_id=9, state=request.state, rule="moderator", version=3
        )
        decision.moderator_id = who
        decision.decide_time.FromMilliseconds(1_700_000_000_123)
        return pb.DecidePostResponse(decision=decision)

    def _found(self, request: Any) -> pb.Report:
        if request.report_id not in self.reports:
            raise NotFound("no such report")
        return self.reports[request.report_id]


@pytest.fixture(autouse=True)
def moderation(world: World) -> FakeModeration:
    cast(Any, world).moderation = FakeModeration()
    return cast(FakeModeration, cast(Any, world).moderation)


async def test_a_report_by_form_is_shown_as_mastodon_documents_it(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration
) -> None:
    bob, headers = world.newcomer("bob")
    alice, _ = world.newcomer("alice")
    form = {"account_id": str(alice), "status_ids[]": ["7", "8"], "comment": "Rude", "category": "spam"}
    answer = await http.post(REPORTS, data=form, headers={**headers, "idempotency-key": "k"})
    body = answer.json()
    target = body.pop("target_account")
    assert body == {
        "id": "1",
        "action_taken": False,
        "action_taken_at": None,
        "category": "spam",
        "comment": "Rude",
        "forwarded": False,
        "created_at": "2023-11-14T22:13:20.123Z",
        "status_ids": ["7", "8"],
        "rule_ids": None,
    }
    assert (target["id"], target["username"]) == (str(alice), "alice")
    [(method, request, who)] = moderation.calls
    assert (method, who, request.request_id, list(request.post_ids)) == ("CreateReport", bob, "k", [7, 8])


@pytest.mark.parametrize(
    ("body", "category"),
    [
        ({}, pb.REPORT_CATEGORY_OTHER),
        ({"category": "legal"}, pb.REPORT_CATEGORY_LEGAL),
        ({"category": "other", "rule_ids": [1]}, pb.REPORT_CATEGORY_VIOLATION),
    ],
)
async def test_a_report_by_json_has_the_category_that_is_meant(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration, body: dict[str, Any], category: int
) -> None:
    alice, headers = world.newcomer("alice")
    answer = await http.post(REPORTS, json={"account_id": str(alice), **body}, headers=headers)
    assert answer.status_code == 200
    assert moderation.calls[0][1].category == category


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"account_id": "x"}, "account_id"),
        ({"category": "boring"}, "category"),
        ({"status_ids": ["x"]}, "status_ids"),
        ({"status_ids": [str(n) for n in range(1, 200)]}, "status_ids"),
        ({"comment": 5}, "comment"),
    ],
)
async def test_what_is_wrong_with_a_report_is_named(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration, body: dict[str, Any], field: str
) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(REPORTS, json=body, headers=headers)
    assert answer.status_code == 422
    assert list(answer.json()["details"]) == [field]
    assert moderation.calls == []


async def test_what_moderation_refuses_is_told_in_mastodon_s_form(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration
) -> None:
    alice, headers = world.newcomer("alice")
    body = {"account_id": str(alice)}
    violation = FieldViolation("comment", "ERR_TOO_LONG", "is too long (maximum is 1000 characters)")
    moderation.failure = InvalidArgument("comment", fields=[violation])
    answer = await http.post(REPORTS, json=body, headers=headers)
    assert answer.status_code == 422
    assert answer.json()["error"] == "Validation failed: comment is too long (maximum is 1000 characters)"
    moderation.failure = NotFound("there is no such account")
    answer = await http.post(REPORTS, json=body, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (404, "Record not found")


async def test_a_report_names_whom_it_is_about(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration
) -> None:
    _, headers = world.newcomer("alice")
    answer = await http.post(REPORTS, json={"comment": "Rude"}, headers=headers)
    assert (answer.status_code, list(answer.json()["details"])) == (422, ["account_id"])
    assert (await http.post(REPORTS, json={"account_id": "1"}, headers=headers)).status_code == 404
    assert moderation.calls == []


async def test_a_moderator_sees_reports_with_accounts_and_posts(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration
) -> None:
    alice, _ = world.newcomer("alice")
    bob, _ = world.newcomer("bob")
    _, headers = world.newcomer("mod", *ADMINISTRATION)
    world.post.posts[7] = Post(post_id=7, author_id=alice, text="Rude", version=1)
    moderation.add(account_id=bob, target_account_id=alice, post_ids=[7, 8], comment="Look")
    moderation.add(target_account_id=alice, rule="drill")
    answer = await http.get(ADMIN, params={"limit": "500", "account_id": str(bob)}, headers=headers)
    by_rule, by_bob = answer.json()
    request = moderation.calls[0][1]
    assert (request.limit, request.account_id, request.resolved) == (200, bob, False)
    assert (by_rule["account"]["id"], by_rule["account"]["username"]) == ("-99", "rookery.test")
    assert [status["id"] for status in by_bob["statuses"]] == ["7"]
    assert by_bob["account"]["username"] == by_bob["account"]["account"]["acct"] == "bob"
    assert by_bob["target_account"]["account"]["id"] == str(alice)
    assert (by_bob["assigned_account"], by_bob["action_taken_by_account"], by_bob["rules"]) == (None, None, [])
    assert set(by_bob["account"]) == {
        "id", "username", "domain", "created_at", "email", "ip", "ips", "locale", "invite_request", "role", "confirmed",
        "approved", "disabled", "silenced", "suspended", "account",
    }  # fmt: skip
    assert "max_id=1" in answer.headers["link"]
    assert "min_id=2" in answer.headers["link"]


async def test_reports_are_taken_on_resolved_and_reopened(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration
) -> None:
    alice, _ = world.newcomer("alice")
    moderator, headers = world.newcomer("mod", *ADMINISTRATION)
    moderation.add(account_id=alice, target_account_id=alice)

    async def post(verb: str) -> Any:
        return (await http.post(f"{ADMIN}/1/{verb}", headers=headers)).json()

    assert (await http.get(f"{ADMIN}/1", headers=headers)).json()["action_taken"] is False
    assert (await post("assign_to_self"))["assigned_account"]["id"] == str(moderator)
    assert (await post("unassign"))["assigned_account"] is None
    resolved = await post("resolve")
    assert (resolved["action_taken"], resolved["action_taken_at"]) == (True, "2023-11-14T22:13:21.000Z")
    assert resolved["action_taken_by_account"]["id"] == str(moderator)
    assert (await post("reopen"))["action_taken"] is False
    assert (await http.get(f"{ADMIN}/2", headers=headers)).status_code == 404


async def test_the_desk_decides_on_a_post(http: httpx2.AsyncClient, world: World, moderation: FakeModeration) -> None:
    moderator, headers = world.newcomer("mod", *ADMINISTRATION)
    answer = await http.post(DESK, json={"post_id": "7", "state": "removed"}, headers=headers)
    assert answer.json() == {
        "id": "5",
        "post_id": "7",
        "account_id": "9",
        "state": "removed",
        "rule": "moderator",
        "version": 3,
        "moderator_id": str(moderator),
        "decided_at": "2023-11-14T22:13:20.123Z",
    }
    [(_, request, who)] = moderation.calls
    assert (request.post_id, request.state, who) == (7, DecisionState.DECISION_STATE_REMOVED, moderator)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"state": "removed"}, "#/post_id"),
        ({"post_id": "x", "state": "removed"}, "#/post_id"),
        ({"post_id": "7"}, "#/state"),
        ({"post_id": "7", "state": "gone"}, "#/state"),
        ({"post_id": "7", "state": "held", "why": "so"}, "#/why"),
    ],
)
async def test_what_is_wrong_with_a_decision_is_named(
    http: httpx2.AsyncClient, world: World, body: dict[str, Any], pointer: str
) -> None:
    _, headers = world.newcomer("mod", *ADMINISTRATION)
    answer = await http.post(DESK, json=body, headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ADMIN),
        ("GET", f"{ADMIN}/1"),
        ("POST", f"{ADMIN}/1/resolve"),
        ("POST", f"{ADMIN}/1/reopen"),
        ("POST", f"{ADMIN}/1/assign_to_self"),
        ("POST", f"{ADMIN}/1/unassign"),
        ("POST", DESK),
    ],
)
async def test_moderators_routes_need_their_scope_and_moderation_s_consent(
    http: httpx2.AsyncClient, world: World, moderation: FakeModeration, method: str, path: str
) -> None:
    _, plain = world.newcomer("bob")
    _, pretender = world.newcomer("eve", *ADMINISTRATION)
    moderation.failure = PermissionDenied("this needs a moderator's role")
    body = {"post_id": "7", "state": "held"} if path == DESK else None

    async def status(headers: dict[str, str]) -> int:
        content = orjson.dumps(body) if body else None
        kind = {"content-type": "application/json"} if body else {}
        answer = await http.request(method, path, content=content, headers={**headers, **kind})
        return int(answer.status_code)

    assert await status({}) == 401
    assert await status(plain) == 403
    assert moderation.calls == []
    assert await status(pretender) == 403
    moderation.failure = Unavailable("away")
    assert await status(pretender) == 503


async def test_the_own_account_shows_its_role(http: httpx2.AsyncClient, world: World) -> None:
    _, headers = world.newcomer("mod")
    token = headers["authorization"].removeprefix("Bearer ")
    verify = "/api/v1/accounts/verify_credentials"
    assert (await http.get(verify, headers=world.newcomer("bob")[1])).json()["role"]["id"] == "-99"
    session = world.auth.tokens[token]
    session.roles, session.permissions = ["gardener", "moderator"], ["invite_users", "manage_reports"]
    role = (await http.get(verify, headers=headers)).json()["role"]
    assert (role["id"], role["name"], role["permissions"]) == ("1", "Moderator", "65552")
    _, others = world.newcomer("gardener")
    session = world.auth.tokens[others["authorization"].removeprefix("Bearer ")]
    session.roles, session.permissions = ["rose_gardener"], ["invite_users", "manage_rules"]
    role = (await http.get(verify, headers=others)).json()["role"]
    assert (role["name"], role["permissions"], role["highlighted"]) == ("Rose gardener", str(2**12 + 2**16), True)
