"""A moderator removes what was reported, and reads what happened in the last minutes."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
from mastodon import MastodonError, MastodonNotFoundError
from stage import MODERATION, SCOPES, URL, App, DemoError, Person, Steps, wait_for

ROOT = Path(__file__).parents[2]
REMOVAL_SECONDS = 5.0
COMMAND_SECONDS = 60.0


def operator_environment() -> dict[str, str] | None:
    """What an operator of this machine's platform has; None where the demo talks to another platform."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "deploy/local")}
    command = [sys.executable, "-m", "rookery_local", "env"]
    asked = subprocess.run(  # noqa: S603  # our own words
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=COMMAND_SECONDS
    )
    if asked.returncode != 0:
        return None
    pairs = (shlex.split(line)[1].split("=", 1) for line in asked.stdout.splitlines() if line.startswith("export "))
    own = {name: value for name, value in pairs if name == "ROOKERY_URL" or name.startswith("AUTH_")}
    return {**os.environ, **own} if own.get("ROOKERY_URL") == URL else None


def appoint(steps: Steps, app: App, operator: dict[str, str]) -> Person:
    """A moderator: someone who signs up, and whom the operator gives the role."""
    with steps.step("erin signs up"):
        erin = app.sign_up("erin", [*SCOPES, *MODERATION])
    with steps.step("the operator makes erin a moderator"):
        command = [sys.executable, "-m", "auth_service", "grant-role", erin.username, "moderator"]
        granted = subprocess.run(  # noqa: S603  # our own words
            command, env=operator, capture_output=True, text=True, timeout=COMMAND_SECONDS
        )
        if granted.returncode != 0:
            raise DemoError(f"grant-role: {granted.stderr.strip()}")
        wait_for(lambda: erin.api.account_verify_credentials()["role"]["name"] == "Moderator", "erin's role")
    return erin


def remove(steps: Steps, moderator: Person, author: Person, reporter: Person) -> list[str]:
    """A post is reported and removed; the places that it is gone from."""
    word = f"jackdaw{secrets.token_hex(4)}"
    with steps.step(f"{author.name} posts what should not stay"):
        status_id = str(author.api.status_post(f"Cheap {word} eggs, all colours! #eggs")["id"])
    places = _places(author, reporter, word, status_id)
    with steps.step(f"it is in {', '.join(places)}"):
        wait_for(lambda: all(shows() for shows in places.values()), "the post, in every place")
    with steps.step(f"{reporter.name} reports it, and the moderator sees the report"):
        report = reporter.api.report(author.account_id, [status_id], comment="Not a bird", category="spam")
        wait_for(lambda: _is_open(moderator, author, report["id"]), "the report")
    with steps.step("the moderator removes it, and it is gone from every place"):
        moderator.call("POST", "/api/rookery/v1/desk/decisions", json={"post_id": status_id, "state": "removed"})
        wait_for(lambda: not any(shows() for shows in places.values()), "the removal", REMOVAL_SECONDS)
    moderator.api.admin_report_resolve(report["id"])
    return list(places)


def _places(author: Person, reader: Person, word: str, status_id: str) -> dict[str, Callable[[], bool]]:
    def direct() -> bool:
        try:
            reader.api.status(status_id)
        except MastodonNotFoundError:
            return False
        return True

    def among(statuses: Any) -> bool:
        return status_id in {str(status["id"]) for status in statuses}

    return {
        f"{reader.name}'s home": lambda: among(reader.api.timeline_home()),
        f"{author.name}'s profile": lambda: among(reader.api.account_statuses(author.account_id)),
        "the search": lambda: among(reader.api.search_v2(word, result_type="statuses")["statuses"]),
        "its own page": direct,
    }


def _is_open(moderator: Person, author: Person, report_id: Any) -> bool:
    reports = moderator.api.admin_reports(target_account_id=author.account_id)
    return str(report_id) in {str(report["id"]) for report in reports}


def last_minutes(steps: Steps, moderator: Person, people: int, posts: int) -> list[dict[str, Any]]:
    """Measures by minutes, as soon as they have this demo's people and posts in them."""
    found: list[dict[str, Any]] = []

    def counted() -> bool:
        found[:] = moderator.call("GET", "/api/rookery/v1/operator/measures?minutes=10")["measures"]
        totals = {measure["key"]: sum(window["value"] for window in measure["windows"]) for measure in found}
        return bool(totals["new_users"] >= people and totals["new_posts"] >= posts)

    with steps.step("the last minutes' counts have all of it"):
        try:
            wait_for(counted, "the counts")
        except (MastodonError, httpx2.HTTPError) as error:
            raise DemoError(f"the counts: {error}") from error
    return found
