"""In-memory stand-ins; the tests that tests/engine links to run over them and over the engines."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import pytest

from messaging_service.direct_models import (
    POSTS_NAMED,
    DirectChange,
    DirectNotice,
    DirectPost,
    IndexedThread,
    Marks,
    hour_of_post,
)
from messaging_service.models import (
    Attempt,
    Conversation,
    Head,
    IndexedConversation,
    KeyClaim,
    MessageDraft,
    Notice,
    SealedMessage,
    hour_of,
)
from messaging_service.repository.conversations import ConversationRepository
from messaging_service.repository.direct_threads import DIRECT_NOTICES, DirectThreadRepository
from messaging_service.repository.live import NOTICES
from messaging_service.repository.messages import MessageRepository
from messaging_service.service.confirm import Confirmer
from messaging_service.service.notices import Notices
from rookery_common.clients.cassandra import CqlUnavailable
from rookery_common.clients.redis import RedisUnavailable
from rookery_common.kafka.events import Event
from rookery_common.live.announcer import Announcer
from rookery_common.live.streams import LiveStreams
from rookery_common.testing.live import MemoryStreams

Told = Callable[[], Awaitable[list[Event]]]
Row = tuple[int, int, int]  # member, hour, conversation


@dataclass
class Store:
    """What the engines hold, and which of them are away (cql, redis)."""

    conversations: dict[int, Conversation] = field(default_factory=dict)
    direct: dict[tuple[int, int], int] = field(default_factory=dict)
    claims: dict[tuple[int, str], KeyClaim] = field(default_factory=dict)
    index: dict[Row, tuple[int, bool]] = field(default_factory=dict)  # the write's time, and whether the row is there
    read: dict[tuple[int, int], int] = field(default_factory=dict)
    messages: dict[int, list[SealedMessage]] = field(default_factory=dict)
    attempts: dict[tuple[int, int, str], list[Attempt]] = field(default_factory=dict)
    pending: dict[str, Event] = field(default_factory=dict)
    published: list[Event] = field(default_factory=list)
    away: set[str] = field(default_factory=set)

    async def ask(self, engine: str) -> None:
        await asyncio.sleep(0)  # As calls do: others come in between.
        if engine in self.away:
            raise (RedisUnavailable if engine == "redis" else CqlUnavailable)(f"{engine} is away")

    def index_row(self, row: Row, written: int, there: bool) -> None:
        if self.index.get(row, (-1, False))[0] <= written:
            self.index[row] = (written, there)


class MemoryConversations(ConversationRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, conversation_id: int, *, serial: bool = False) -> Conversation | None:
        await self._store.ask("cql")
        return self._store.conversations.get(conversation_id)

    async def get_many(self, conversation_ids: Iterable[int]) -> dict[int, Conversation]:
        await self._store.ask("cql")
        known = self._store.conversations
        return {number: known[number] for number in conversation_ids if number in known}

    async def create(self, conversation: Conversation) -> bool:
        await self._store.ask("cql")
        return self._store.conversations.setdefault(conversation.conversation_id, conversation) is conversation

    async def hint(self, conversation_id: int, bucket: int) -> None:
        await self._store.ask("cql")
        found = self._store.conversations[conversation_id]
        self._store.conversations[conversation_id] = replace(found, bucket_hint=max(bucket, found.bucket_hint))

    async def find_claim(self, account_id: int, request_id: str) -> KeyClaim | None:
        await self._store.ask("cql")
        return self._store.claims.get((account_id, request_id))

    async def claim(self, account_id: int, request_id: str, claim: KeyClaim) -> KeyClaim:
        await self._store.ask("cql")
        return self._store.claims.setdefault((account_id, request_id), claim)

    async def claim_direct(self, low_id: int, high_id: int, conversation_id: int) -> int:
        await self._store.ask("cql")
        return self._store.direct.setdefault((low_id, high_id), conversation_id)

    async def index(self, conversation: Conversation, before: Head | None, after: Head) -> None:
        await self._store.ask("cql")
        for member in conversation.member_ids:
            row = (member, hour_of(after.activity_us), conversation.conversation_id)
            self._store.index_row(row, after.activity_us, True)
            if before is not None and hour_of(before.activity_us) != hour_of(after.activity_us):
                await self.reindex(member, conversation.conversation_id, hour_of(before.activity_us), after)

    async def reindex(self, member_id: int, conversation_id: int, old_hour: int, head: Head) -> None:
        await self._store.ask("cql")
        self._store.index_row((member_id, hour_of(head.activity_us), conversation_id), head.activity_us, True)
        self._store.index_row((member_id, old_hour, conversation_id), head.activity_us, False)

    async def indexed(self, member_id: int, below: IndexedConversation, limit: int) -> list[IndexedConversation]:
        await self._store.ask("cql")
        rows = sorted(
            (row[1:] for row, (_, there) in self._store.index.items() if there and row[0] == member_id), reverse=True
        )
        found = [row for row in rows if row < (below.hour, below.conversation_id)]
        return [IndexedConversation(*row) for row in found[:limit]]

    async def read_sequences(self, member_id: int, conversation_ids: Sequence[int]) -> list[int]:
        await self._store.ask("cql")
        return [self._store.read.get((number, member_id), 0) for number in conversation_ids]

    async def mark_read(self, conversation_id: int, member_id: int, sequence: int) -> None:
        await self._store.ask("cql")
        key = (conversation_id, member_id)
        self._store.read[key] = max(sequence, self._store.read.get(key, 0))


class MemoryMessages(MessageRepository):
    def __init__(self, store: Store) -> None:
        self._store = store

    def _of(self, conversation_id: int) -> list[SealedMessage]:
        return self._store.messages.setdefault(conversation_id, [])

    async def head(self, conversation: Conversation, *, serial: bool = False) -> Head:
        await self._store.ask("cql")
        messages = self._of(conversation.conversation_id)
        return Head(len(messages), messages[-1].sent_us) if messages else Head(0, conversation.created_us)

    async def heads(self, conversations: Iterable[Conversation]) -> dict[int, Head]:
        return {each.conversation_id: await self.head(each) for each in conversations}

    async def get(self, conversation_id: int, sequence: int, *, serial: bool = False) -> SealedMessage | None:
        await self._store.ask("cql")
        messages = self._of(conversation_id)
        return messages[sequence - 1] if 0 < sequence <= len(messages) else None

    async def get_many(self, keys: Iterable[tuple[int, int]]) -> list[SealedMessage]:
        found = [await self.get(*key) for key in keys]
        return [message for message in found if message is not None]

    async def newest(self, conversation_id: int, above: int, below: int, limit: int) -> list[SealedMessage]:
        await self._store.ask("cql")
        return self._of(conversation_id)[above : below - 1][::-1][:limit]

    async def oldest(self, conversation_id: int, above: int, below: int, limit: int) -> list[SealedMessage]:
        await self._store.ask("cql")
        return self._of(conversation_id)[above : below - 1][:limit]

    async def attempts(self, conversation_id: int, draft: MessageDraft) -> list[Attempt]:
        await self._store.ask("cql")
        return list(self._store.attempts.get((conversation_id, draft.sender_id, draft.request_id), ()))

    async def note_attempt(self, conversation_id: int, draft: MessageDraft, attempt: Attempt) -> None:
        await self._store.ask("cql")
        self._store.attempts.setdefault((conversation_id, draft.sender_id, draft.request_id), []).append(attempt)

    async def append(self, head: Head, messages: Sequence[SealedMessage]) -> bool:
        await self._store.ask("cql")
        stored = self._of(messages[0].conversation_id)
        if len(stored) != head.sequence:
            return False
        stored.extend(messages)
        return True

    async def add_pending(self, events: Sequence[Event]) -> None:
        await self._store.ask("cql")
        self._store.pending |= {event.event_id: event for event in events}

    async def publish(self, events: Sequence[Event]) -> None:
        await self._store.ask("cql")
        for event in events:
            del self._store.pending[event.event_id]
        self._store.published += events


class MemoryDirectThreads(DirectThreadRepository):
    def __init__(self, store: Store) -> None:
        self._store = store
        self._posts: dict[tuple[int, int, int], DirectChange] = {}  # owner, thread, post
        self._index: set[Row] = set()
        self._marks: dict[tuple[int, int], Marks] = {}

    async def put(self, changes: Iterable[DirectChange]) -> None:
        await self._store.ask("cql")
        for change in changes:
            post = change.post
            for owner_id in post.account_ids:
                key = (owner_id, post.thread_id, post.post_id)
                held = self._posts.get(key)
                if held is None or held.version <= change.version:
                    self._posts[key] = change
                if change.is_shown:
                    self._index.add((owner_id, hour_of_post(post.post_id), post.thread_id))

    async def older(self, owner_id: int, below: IndexedThread, limit: int) -> list[IndexedThread]:
        rows = [row for row in reversed(await self._rows(owner_id)) if row < (below.hour, below.thread_id)]
        return [IndexedThread(*row) for row in rows[:limit]]

    async def newer(self, owner_id: int, above: IndexedThread, limit: int) -> list[IndexedThread]:
        rows = [row for row in await self._rows(owner_id) if row > (above.hour, above.thread_id)]
        return [IndexedThread(*row) for row in rows[:limit]]

    async def _rows(self, owner_id: int) -> list[tuple[int, int]]:
        await self._store.ask("cql")
        return sorted(row[1:] for row in self._index if row[0] == owner_id)

    async def posts(self, owner_id: int, thread_ids: Sequence[int]) -> dict[int, list[DirectPost]]:
        await self._store.ask("cql")
        found: dict[int, list[DirectPost]] = {}
        for key in sorted(self._posts, reverse=True):
            if key[0] == owner_id and key[1] in thread_ids and self._posts[key].is_shown:
                found.setdefault(key[1], []).append(self._posts[key].post)
        return {thread_id: posts[:POSTS_NAMED] for thread_id, posts in found.items()}

    async def marks(self, owner_id: int, thread_ids: Sequence[int]) -> list[Marks]:
        await self._store.ask("cql")
        return [self._marks.get((owner_id, thread_id), Marks()) for thread_id in thread_ids]

    async def see(self, owner_id: int, thread_id: int, seen_id: int, *, unread: bool) -> None:
        (held,) = await self.marks(owner_id, [thread_id])
        self._marks[owner_id, thread_id] = replace(held, seen_id=seen_id, is_unread=unread)

    async def remove(self, owner_id: int, thread_id: int, removed_id: int) -> None:
        (held,) = await self.marks(owner_id, [thread_id])
        self._marks[owner_id, thread_id] = replace(held, removed_id=removed_id)

    async def erase(self, owner_id: int) -> int:
        rows = await self._rows(owner_id)
        self._index = {row for row in self._index if row[0] != owner_id}
        self._posts = {key: change for key, change in self._posts.items() if key[0] != owner_id}
        self._marks = {key: marks for key, marks in self._marks.items() if key[0] != owner_id}
        return len(rows)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def conversation_rows(store: Store) -> ConversationRepository:
    return MemoryConversations(store)


@pytest.fixture
def message_rows(store: Store) -> MessageRepository:
    return MemoryMessages(store)


@pytest.fixture
def streams(store: Store) -> LiveStreams[Notice]:
    async def ask() -> None:
        await store.ask("redis")

    return MemoryStreams(NOTICES, ask)


@pytest.fixture
def direct_rows(store: Store) -> DirectThreadRepository:
    return MemoryDirectThreads(store)


@pytest.fixture
def direct_streams(store: Store) -> LiveStreams[DirectNotice]:
    async def ask() -> None:
        await store.ask("redis")

    return MemoryStreams(DIRECT_NOTICES, ask)


@pytest.fixture
def notices(streams: LiveStreams[Notice]) -> Notices:
    return Notices(Announcer(streams))


async def settle() -> None:
    """Lets whatever waits for nothing but its turn come to its end."""
    for _ in range(100):
        await asyncio.sleep(0)


@pytest.fixture
def told(store: Store) -> Told:
    """What the topic was told."""

    async def events() -> list[Event]:
        await settle()  # Answers come before the publishing.
        return store.published

    return events


@pytest.fixture
def sweep(store: Store, confirmer: Confirmer) -> Told:
    """What the topic was told, once the sweeper has gone through what is pending."""

    async def events() -> list[Event]:
        await settle()
        for event in list(store.pending.values()):
            if await confirmer(event):
                store.published.append(event)
        return store.published

    return events


@pytest.fixture
def patience() -> float:
    """How long a caller waits for an answer that may never come, in seconds."""
    return 0.05


@pytest.fixture
def stride() -> int:
    """Tests that die at every line do so at each."""
    return 1
