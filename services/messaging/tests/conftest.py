from __future__ import annotations

from collections.abc import Sequence

import pytest

from messaging_service.clients import UserClient
from messaging_service.direct_models import DirectNotice
from messaging_service.events import MessagingEvents
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.direct_threads import DirectThreadRepository
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.confirm import Confirmer
from messaging_service.service.conversations import Conversations
from messaging_service.service.direct_threads import DirectThreads, DirectThreadWriter
from messaging_service.service.inbox import Inbox
from messaging_service.service.message_log import MessageLog
from messaging_service.service.messages import Messages
from messaging_service.service.notices import Notices
from messaging_service.service.seals import Seals
from rookery_common.auth import Identity
from rookery_common.crypto import BlindIndex, FieldCipher, LocalKeyProvider
from rookery_common.errors import Unavailable
from rookery_common.live.announcer import Announcer
from rookery_common.live.streams import LiveStreams
from rookery_common.paging import CursorCodec
from rookery_common.testing import FakeClock, FakeIds
from rookery_common.testing.process import random_master_key

REQUIRED = {
    "MESSAGING_CQL_KEYSPACE": "rookery_messaging",
    "MESSAGING_REDIS_CACHE_URL": "redis://127.0.0.1:6379/0",
    "MESSAGING_REDIS_STATE_URL": "redis://127.0.0.1:6380/0",
}
SCOPES = frozenset({"read", "write"})


class People(UserClient):
    """Accounts 1 to 999, and who of them blocks whom; `away` makes it fail."""

    def __init__(self) -> None:
        self.blocks: set[tuple[int, int]] = set()
        self.away = False

    async def existing(self, caller: Identity, account_ids: Sequence[int]) -> frozenset[int]:
        self._require()
        return frozenset(account_id for account_id in account_ids if account_id < 1000)

    async def unblocked(self, caller: Identity, account_ids: Sequence[int]) -> frozenset[int]:
        self._require()
        me = caller.account_id
        return frozenset(each for each in account_ids if not {(me, each), (each, me)} & self.blocks)

    def _require(self) -> None:
        if self.away:
            raise Unavailable("user is away")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What messaging must be told, and nothing else."""
    for name, value in {**REQUIRED, "MESSAGING_MASTER_KEY": random_master_key()}.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def alice() -> Identity:
    return Identity(account_id=101, session_id=1, app_id=1, scopes=SCOPES, token="alice")


@pytest.fixture
def bob() -> Identity:
    return Identity(account_id=102, session_id=2, app_id=1, scopes=SCOPES, token="bob")


@pytest.fixture
def carol() -> Identity:
    return Identity(account_id=103, session_id=3, app_id=1, scopes=SCOPES, token="carol")


@pytest.fixture
def people() -> People:
    return People()


@pytest.fixture
def seals() -> Seals:
    return Seals(FieldCipher(LocalKeyProvider(bytes(32))), BlindIndex(bytes(32)))


@pytest.fixture
def events(clock: FakeClock) -> MessagingEvents:
    return MessagingEvents(clock)


@pytest.fixture
def conversations(
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    people: People,
    seals: Seals,
    events: MessagingEvents,
    ids: FakeIds,
    clock: FakeClock,
) -> Conversations:
    return Conversations(conversation_rows, message_rows, people, seals, events, ids, clock)


@pytest.fixture
def message_log(
    conversation_rows: ConversationRepository,
    message_rows: MessageRepository,
    notices: Notices,
    seals: Seals,
    events: MessagingEvents,
    ids: FakeIds,
    clock: FakeClock,
) -> MessageLog:
    return MessageLog(conversation_rows, message_rows, notices, seals, events, ids, clock)


@pytest.fixture
def messages(
    conversations: Conversations, message_rows: MessageRepository, message_log: MessageLog, seals: Seals
) -> Messages:
    return Messages(conversations, message_rows, message_log, seals)


@pytest.fixture
def inbox(conversation_rows: ConversationRepository, message_rows: MessageRepository, seals: Seals) -> Inbox:
    return Inbox(conversation_rows, message_rows, seals, CursorCodec(bytes(32)))


@pytest.fixture
def confirmer(
    conversation_rows: ConversationRepository, message_rows: MessageRepository, notices: Notices
) -> Confirmer:
    return Confirmer(conversation_rows, message_rows, notices)


@pytest.fixture
def direct_writer(
    direct_rows: DirectThreadRepository, direct_streams: LiveStreams[DirectNotice], clock: FakeClock
) -> DirectThreadWriter:
    return DirectThreadWriter(direct_rows, Announcer(direct_streams), clock)


@pytest.fixture
def direct_threads(direct_rows: DirectThreadRepository) -> DirectThreads:
    return DirectThreads(direct_rows)
