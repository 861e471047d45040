"""What auth tells the others: events of `auth.events.v1`, keyed by account, never with contact data."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from auth_service.models import Credentials, Session
from rookery.auth.v1.events_pb2 import CredentialsCreated, PasswordChanged, SessionRevoked, SignedIn
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event

TOPIC = "auth.events.v1"
SOURCE = "auth"
FIRST_VERSION = 1


class Events:
    """Makes events of what happened, at the clock's time and in the current trace."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def credentials_created(self, credentials: Credentials) -> Event:
        """The account may be confirmed: this heals a sign-up that was cut short."""
        message = CredentialsCreated(
            account_id=credentials.account_id,
            request_id=credentials.reservation_id,
            create_time=_timestamp(credentials.created_at),
        )
        return self._event(credentials.account_id, message, FIRST_VERSION)

    def signed_in(self, session: Session) -> Event:
        """Somebody has signed in by a browser that is new to the account. Its version is the time in milliseconds."""
        message = SignedIn(
            account_id=session.account_id,
            session_id=session.session_id,
            sign_in_time=_timestamp(session.created_at),
        )
        return self._event(session.account_id, message, int(session.created_at.timestamp() * 1000))

    def password_changed(self, account_id: int, changed_at: datetime) -> Event:
        """Its version is the time in milliseconds."""
        message = PasswordChanged(account_id=account_id, change_time=_timestamp(changed_at))
        return self._event(account_id, message, int(changed_at.timestamp() * 1000))

    def session_revoked(self, session: Session, revoked_at: datetime) -> Event:
        """One of the account's sessions ended before its time."""
        return self.session_ended(session.account_id, session.session_id, revoked_at)

    def session_ended(self, account_id: int, session_id: int, revoked_at: datetime) -> Event:
        """The same by their ids. Its version is the time in milliseconds."""
        message = SessionRevoked(account_id=account_id, session_id=session_id, revoke_time=_timestamp(revoked_at))
        return self._event(account_id, message, int(revoked_at.timestamp() * 1000))

    def _event(self, account_id: int, message: Message, version: int) -> Event:
        return new_event(TOPIC, str(account_id), message, version=version, clock=self._clock, source=SOURCE)


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
