"""The mail of what somebody has missed: asked for, read, and ended by one click of a mail program."""

from __future__ import annotations

import os
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import cast

import httpx2
import pytest
from harness.people import Person
from harness.platform import Platform
from harness.waiting import eventually

pytestmark = pytest.mark.local

PREFERENCES = "/api/rookery/v1/notifications/preferences"
MAIL_SECONDS = 60.0


def test_what_was_missed_is_mailed_and_one_click_ends_it(
    platform: Platform, http: httpx2.Client, alice: Person, bob: Person
) -> None:
    alice.api.account_follow(bob.account_id)
    alice.api.status_post(f"@{bob.username} see you")
    platform.drain()
    headers = {"authorization": f"Bearer {bob.token}"}
    asked = http.patch(PREFERENCES, json={"digest": "daily"}, headers=headers)
    assert asked.json()["digest"] == "daily"
    mail = digest_to(f"{bob.username}@example.org")
    for kind in ("plain", "html"):
        body = cast(EmailMessage, mail.get_body((kind,))).get_content()
        assert f"{alice.username} mentioned you" in body
        assert f"{alice.username} follows you" in body
        assert "see you" not in body
    url = mail["List-Unsubscribe"].strip("<>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<form" in http.get(url).text
    http.post(url, data={"List-Unsubscribe": "One-Click"}).raise_for_status()
    assert http.get(PREFERENCES, headers=headers).json()["digest"] == "off"


def digest_to(address: str) -> EmailMessage:
    """The digest, once it is in the platform's folder."""
    folder = Path(os.environ["ROOKERY_INSTANCE"]) / "mails"

    def found() -> EmailMessage | None:
        mails = (message_from_bytes(file.read_bytes(), policy=default) for file in folder.glob("*.eml"))
        return next((mail for mail in mails if mail["To"] == address and "missed" in mail["Subject"]), None)

    mail = eventually(found, lambda mail: mail is not None, within=MAIL_SECONDS, what="the digest is there")
    assert mail is not None
    return mail
