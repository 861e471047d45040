"""What the service deals with, and the limits on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NewType

from rookery_common.ids import MAX_ID

MAX_OTHERS: Final = 49
MAX_TITLE_CHARS: Final = 100
MAX_TEXT_CHARS: Final = 5_000
MAX_REQUEST_ID_CHARS: Final = 200
MAX_CONVERSATIONS_PAGE: Final = 40
DEFAULT_CONVERSATIONS_PAGE: Final = 20
MAX_MESSAGES_PAGE: Final = 100
DEFAULT_MESSAGES_PAGE: Final = 40
# Rows of one partition of messages; a number that must never change for stored data.
BUCKET_MESSAGES: Final = 1_000
HOUR_US: Final = 3_600_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

ERASED: Final = b""
"""In the place of a body that is gone; a sealed one is never empty."""

DataKey = NewType("DataKey", bytes)


def moment(unix_us: int) -> datetime:
    """Microseconds since 1970 as a time, exactly."""
    return _EPOCH + timedelta(microseconds=unix_us)


def bucket_of(sequence: int) -> int:
    """The partition that a message is in."""
    return (sequence - 1) // BUCKET_MESSAGES


def hour_of(unix_us: int) -> int:
    """The hour, since 1970, by which a member's conversations are indexed."""
    return unix_us // HOUR_US


@dataclass(frozen=True, slots=True)
class Conversation:
    """Who talks to whom. The title is encrypted under the data key, as every body is; members are in order of id."""

    conversation_id: int
    creator_id: int
    member_ids: tuple[int, ...]
    created_us: int
    data_key: DataKey
    sealed_title: bytes
    # Of the event that told of it, by which its own making is told from another's.
    event_id: str
    # Where to begin to look for the head: a bucket that has been begun.
    bucket_hint: int = 0

    @property
    def is_direct(self) -> bool:
        """Whether it is between two members."""
        return len(self.member_ids) == 2


@dataclass(frozen=True, slots=True)
class Head:
    """Where a conversation is: its last message, and when that (or, without any, the conversation) was made."""

    sequence: int
    activity_us: int


@dataclass(frozen=True, slots=True)
class ConversationView:
    """A conversation as one of its members sees it."""

    conversation: Conversation
    title: str
    head: Head
    read_sequence: int


@dataclass(frozen=True, slots=True)
class ConversationDraft:
    """What somebody asks for: the others, and a title (empty for none)."""

    request_id: str
    others: tuple[int, ...]
    title: str


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """What somebody says."""

    sender_id: int
    request_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SealedMessage:
    """A message as it is stored."""

    conversation_id: int
    sequence: int
    message_id: int
    sender_id: int
    sent_us: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """A message as members see it."""

    conversation_id: int
    sequence: int
    message_id: int
    sender_id: int
    sent_us: int
    text: str
    # The text went with its sender's account.
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """That a request was about to take a sequence for its message; whether it did, only the messages tell."""

    sequence: int
    message_id: int
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class KeyClaim:
    """A request_id in use: the digest of the request, and the conversation that it has made or will."""

    body_hash: bytes
    conversation_id: int


@dataclass(frozen=True, slots=True)
class IndexedConversation:
    """A row of a member's index: in that hour the conversation was active last, as far as the index knows."""

    hour: int
    conversation_id: int


TOP: Final = IndexedConversation(2**31 - 1, MAX_ID)
"""Above all rows of an index."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a member's list, which is ordered by latest activity."""

    activity_us: int
    conversation_id: int


@dataclass(frozen=True, slots=True)
class Notice:
    """That there is a message: what travels through Redis, so nothing of the text."""

    conversation_id: int
    sequence: int
