"""What people do, one route of each: what of it is refused, and how soon, while something is away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2

from harness.people import Person, jpeg
from harness.platform import Platform
from harness.waiting import eventually

RECOVERY_SECONDS = 60.0
# A call's own deadline, and what a slow machine adds to it.
AT_ONCE_SECONDS = 10.0
# Without Postgres nobody knows what was revoked: no token is trusted, and strangers still read.
SIGNED_IN = {
    *("sign-in", "account", "follow", "post", "upload", "home", "status"),
    *("search", "notifications", "conversations", "report"),
}


@dataclass
class Probe:
    """One route each of what people do, as alice and bob do it: bob follows alice, and looks at her post."""

    http: httpx2.Client
    alice: Person
    bob: Person
    shown: str
    posted: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def answers(self) -> dict[str, int]:
        """The status of each. AssertionError where an answer takes long, or a refusal names no time to try again."""
        return {name: self._answer(act) for name, act in self._acts().items()}

    def away(self) -> set[str]:
        """What is refused; everything else is answered."""
        answers = self.answers()
        assert set(answers.values()) <= {200, 503}, answers
        return {name for name, status in answers.items() if status == 503}

    def _acts(self) -> dict[str, Callable[[], httpx2.Response]]:
        account = f"/api/v1/accounts/{self.alice.account_id}"
        return {
            "sign-in": lambda: self._get("/api/v1/accounts/verify_credentials"),
            "account": lambda: self._get(account),
            "follow": lambda: self._post(f"{account}/follow"),
            "post": self._talk,
            "upload": lambda: self._post("/api/v2/media", self.alice, files={"file": ("a.jpg", jpeg(64, 48))}),
            "home": lambda: self._get("/api/v1/timelines/home"),
            "status": lambda: self._get(f"/api/v1/statuses/{self.shown}"),
            "search": lambda: self._get(f"/api/v1/accounts/search?q={self.alice.username}"),
            "notifications": lambda: self._get("/api/v1/notifications"),
            "conversations": lambda: self._get("/api/rookery/v1/conversations"),
            "a stranger's account": lambda: self.http.get(account),
            "a stranger's status": lambda: self.http.get(f"/api/v1/statuses/{self.shown}"),
            "report": lambda: self._post("/api/v1/reports", data={"account_id": self.alice.account_id}),
        }

    def _talk(self) -> httpx2.Response:
        answer = self._post("/api/v1/statuses", self.alice, data={"status": f"number {len(self.posted)}"})
        if answer.status_code == 200:
            self.posted.append(answer.json()["id"])
        return answer

    def _answer(self, act: Callable[[], httpx2.Response]) -> int:
        begun = time.monotonic()
        answer = act()
        seconds = time.monotonic() - begun
        self.slowest = max(self.slowest, seconds)
        assert seconds < AT_ONCE_SECONDS, answer.request.url
        assert answer.status_code != 503 or "retry-after" in answer.headers, answer.request.url
        return answer.status_code

    def _get(self, path: str) -> httpx2.Response:
        return self.http.get(path, headers=_headers(self.bob))

    def _post(self, path: str, who: Person | None = None, **body: object) -> httpx2.Response:
        return self.http.post(path, headers=_headers(who or self.bob), **body)  # type: ignore[arg-type]  # as httpx2 has it


def _headers(who: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {who.token}"}


def probe_of(platform: Platform, http: httpx2.Client, alice: Person, bob: Person) -> Probe:
    """Once everything answers, and what can be remembered is."""
    bob.api.account_follow(alice.account_id)
    shown = str(alice.api.status_post("Before")["id"])
    platform.drain()
    probe = Probe(http, alice, bob, shown)
    eventually(probe.away, lambda away: not away, within=RECOVERY_SECONDS, what="what is refused before")
    return probe
