"""What auth publishes is what the golden examples show, and nothing that tells who a person is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from auth_service.events import TOPIC, Events
from auth_service.models import Credentials, Session
from rookery_common.kafka.events import Event
from rookery_common.testing import FakeClock
from rookery_common.testing.golden import golden, golden_names

ACCOUNT, SESSION = 815916279398400001, 815916283592704001
CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REVOKED = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


def same(made: Event, example: Event) -> bool:
    """But for the event's own id and trace."""
    return replace(made, event_id=example.event_id, traceparent=example.traceparent) == example


def test_credentials_created_is_its_example() -> None:
    request_id = "6f1c2d2e-4a5b-4c3d-8e9f-0a1b2c3d4e5f"
    credentials = Credentials(ACCOUNT, "alice", "$hash", b"key", b"sealed", b"digest", request_id, 1, CREATED)
    event = Events(FakeClock(CREATED)).credentials_created(credentials)
    assert same(event, golden(TOPIC, "CredentialsCreated"))


def test_session_revoked_is_its_example() -> None:
    session = Session(SESSION, b"hash", 1, ACCOUNT, ("read",), CREATED, REVOKED)
    event = Events(FakeClock(REVOKED)).session_revoked(session, REVOKED)
    assert same(event, golden(TOPIC, "SessionRevoked"))


def test_signed_in_is_its_example() -> None:
    session = Session(SESSION, b"hash", 1, ACCOUNT, ("security",), REVOKED, REVOKED)
    assert same(Events(FakeClock(REVOKED)).signed_in(session), golden(TOPIC, "SignedIn"))


def test_password_changed_is_its_example() -> None:
    event = Events(FakeClock(REVOKED)).password_changed(ACCOUNT, REVOKED)
    assert same(event, golden(TOPIC, "PasswordChanged"))


def test_every_example_of_the_topic_is_made_here() -> None:
    assert golden_names(TOPIC) == ["CredentialsCreated", "PasswordChanged", "SessionRevoked", "SignedIn"]


async def test_events_carry_no_contact_data_and_no_secrets(world: Any) -> None:
    await world.sign_up()
    (event,) = world.repository.events
    for secret in (b"alice", b"example.org", b"horse", b"argon2"):
        assert secret not in event.payload
        assert all(secret not in value for _, value in event.to_headers())
