"""People who use the platform through Mastodon.py, unmodified."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx2
from mastodon import Mastodon
from PIL import Image, ImageDraw

SCOPES = ("read", "write", "follow", "push")
PASSWORD = "correct horse battery staple"  # made up


@dataclass(frozen=True)
class Person:
    """Someone signed up, with a client of their own."""

    username: str
    account_id: str
    token: str
    api: Mastodon

    def home_ids(self, limit: int = 40) -> list[str]:
        """Ids of the newest posts of this person's home, newest first."""
        return [str(status["id"]) for status in self.api.timeline_home(limit=limit)]


class Town:
    """Makes people, on one registered app."""

    def __init__(self, url: str, scopes: Sequence[str] = SCOPES) -> None:
        self.url = url
        self.scopes = list(scopes)
        app = Mastodon.create_app("integration tests", api_base_url=url, scopes=self.scopes)
        self.client_id, self.client_secret = app

    def newcomer(self, name: str) -> Person:
        """A new account, whose username begins with the name."""
        username = f"{name}_{secrets.token_hex(4)}"
        api = Mastodon(client_id=self.client_id, client_secret=self.client_secret, api_base_url=self.url)
        token = api.create_account(username, PASSWORD, f"{username}@example.org", agreement=True, scopes=self.scopes)
        account = api.account_verify_credentials()
        return Person(username, str(account["id"]), str(token), api)

    def app_token(self) -> str:
        """A client-credentials token, as a client needs it to sign somebody up."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "scope": " ".join(self.scopes),
        }
        answer = httpx2.post(f"{self.url}/oauth/token", data=form, timeout=15)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return str(body["access_token"])


def jpeg(width: int = 640, height: int = 480) -> bytes:
    """A real picture, drawn here."""
    picture = Image.new("RGB", (width, height), "#1b4965")
    draw = ImageDraw.Draw(picture)
    for step in range(0, width, 40):
        draw.line([(step, 0), (width - step, height)], fill="#ffb703", width=5)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
