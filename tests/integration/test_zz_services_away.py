"""One service after another goes away: what needs it is refused, as docs/degradation.md has it, and the rest goes on.

Named to run after the other flows.
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable

import httpx2
import pytest
from harness.people import Person, jpeg
from harness.platform import Platform
from harness.waiting import eventually

pytestmark = pytest.mark.local

AWAY_SECONDS = 40.0
RECOVERY_SECONDS = 90.0
# Longer than the gateway shows names without asking.
STEP_SECONDS = 1.0
DEGRADED = "x-rookery-degraded"
OWN, NAMES, DEFAULTS = {"own-post"}, {"names"}, {"posting-defaults"}
# In this order, each with what is refused from then on, and with what goes on without a part and says so. Starting them
# again takes long enough: those that nothing else needs go together.
STAGES: list[tuple[tuple[str, ...], set[str], dict[str, set[str]]]] = [
    (("analytics", "search"), {"activity", "search"}, {}),
    (("moderation", "notification", "messaging"), {"report", "notifications", "conversations"}, {}),
    (("feed",), {"home"}, {"post": OWN}),
    (
        ("user",),
        {"verify", "account", "follow", "status", "directory"},
        {"post": OWN | NAMES | DEFAULTS, "a stranger's status": NAMES},
    ),
    (("post",), {"post", "upload", "a stranger's status"}, {}),
    (("auth",), {"app"}, {}),
]
# Filters are remembered for a while, and may be missed by then.
MAY_BE_MISSED = {"filters"}
Answers = tuple[set[str], dict[str, set[str]]]
Act = Callable[[], httpx2.Response]


@pytest.fixture
def acts(platform: Platform, http: httpx2.Client, alice: Person, bob: Person) -> dict[str, Act]:
    """One route each of what people do, as bob and alice do it; bob follows alice."""
    bob.api.account_follow(alice.account_id)
    shown = str(alice.api.status_post("Before")["id"])
    platform.drain()
    token, author = ({"authorization": f"Bearer {person.token}"} for person in (bob, alice))
    account, status = f"/api/v1/accounts/{alice.account_id}", f"/api/v1/statuses/{shown}"
    report, once = {"account_id": alice.account_id}, {"idempotency-key": "services-away"}
    app = {"client_name": "Rook", "redirect_uris": "https://a.example/b"}
    return {
        "activity": lambda: http.get("/api/v1/instance/activity"),
        "search": lambda: http.get("/api/v1/accounts/search", params={"q": alice.username}, headers=token),
        "report": lambda: http.post("/api/v1/reports", data=report, headers=token | once),
        "notifications": lambda: http.get("/api/v1/notifications", headers=token),
        "conversations": lambda: http.get("/api/rookery/v1/conversations", headers=token),
        "home": lambda: http.get("/api/v1/timelines/home", headers=token),
        "verify": lambda: http.get("/api/v1/accounts/verify_credentials", headers=token),
        "account": lambda: http.get(account),
        "directory": lambda: http.get("/api/v1/directory"),
        "follow": lambda: http.post(f"{account}/follow", headers=token),
        "status": lambda: http.get(status, headers=token),
        "a stranger's status": lambda: http.get(status),
        "post": lambda: http.post("/api/v1/statuses", data={"status": "Meanwhile"}, headers=author | once),
        "upload": lambda: http.post("/api/v2/media", files={"file": ("a.jpg", jpeg(64, 48))}, headers=author | once),
        "app": lambda: http.post("/api/v1/apps", data=app),
        "rules": lambda: http.get("/api/v1/instance/rules"),
    }


def told(acts: dict[str, Act]) -> Answers:
    """What is refused, with a time to try again; and which parts what is not refused goes without."""
    answers = {name: act() for name, act in acts.items()}
    assert {answer.status_code for answer in answers.values()} <= {200, 503}, answers
    refused = {name for name, answer in answers.items() if answer.status_code == 503}
    assert all("retry-after" in answers[name].headers for name in refused), refused
    parts = {name: set(answer.headers.get(DEGRADED, "").split(", ")) for name, answer in answers.items()}
    missing = {name: found - MAY_BE_MISSED - {""} for name, found in parts.items() if name not in refused}
    return refused, {name: found for name, found in missing.items() if found}


@pytest.mark.timeout(400)
def test_each_service_takes_with_it_what_needs_it_and_nothing_else(platform: Platform, acts: dict[str, Act]) -> None:
    def expect(expected: Answers, within: float, what: str) -> None:
        eventually(lambda: told(acts), expected.__eq__, within=within, what=what, step=STEP_SECONDS)

    expect((set(), {}), RECOVERY_SECONDS, "what is refused before")
    refused: set[str] = set()
    everyone = [service for services, _, _ in STAGES for service in services]
    with concurrent.futures.ThreadPoolExecutor(len(everyone)) as pool:
        try:
            for services, needing, parts in STAGES:
                list(pool.map(platform.kill, services))
                refused |= needing
                expect((refused, parts), AWAY_SECONDS, f"what is refused without {', '.join(services)}")
        finally:
            list(pool.map(platform.start, everyone))
    expect((set(), {}), RECOVERY_SECONDS, "what is refused afterwards")
