"""What is stored, told and kept of a message: nothing of its text anywhere."""

from __future__ import annotations

import pytest
from cassandra.cluster import ExecutionProfile

from messaging_service.models import ConversationDraft
from messaging_service.service.conversations import Conversations
from messaging_service.service.message_log import MessageLog
from messaging_service.service.messages import Messages
from rookery_common.auth import Identity
from rookery_common.clients.cassandra import connect_cluster
from rookery_common.clients.redis import RedisClient
from rookery_common.config import CqlSettings
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.testing.events import FakeProducer

TEXT, TITLE = "The crow flies at midnight", "Operation Magpie"
TRACES = (TEXT, TITLE, TEXT.encode().hex(), TITLE.encode().hex(), "midnight", "Magpie")


@pytest.fixture
async def conversation_id(
    conversations: Conversations,
    messages: Messages,
    message_log: MessageLog,
    outbox: CqlOutbox,
    alice: Identity,
    bob: Identity,
) -> int:
    """One in which it was said."""
    view = await conversations.create(alice, ConversationDraft("c", (102,), TITLE))
    for number, sender in enumerate((alice, bob, alice)):
        await messages.send(sender, view.conversation.conversation_id, f"r{number}", TEXT)
    await message_log.stop()
    await outbox.drain()
    return view.conversation.conversation_id


def dumped(settings: CqlSettings) -> dict[str, list[object]]:
    """Every row of every table of the keyspace."""
    cluster = connect_cluster(settings, ExecutionProfile())
    try:
        session = cluster.connect(settings.cql_keyspace)
        found = session.execute(
            "SELECT table_name FROM system_schema.tables WHERE keyspace_name = %s", (settings.cql_keyspace,)
        )
        tables = [row.table_name for row in found]
        return {name: list(session.execute(f"SELECT * FROM {name}")) for name in tables}  # noqa: S608
    finally:
        cluster.shutdown()


def traces(value: object) -> list[str]:
    """What can be recognized in a value, of text as of bytes in it."""
    plain = repr(value) + " ".join(part.decode(errors="replace") for part in _blobs(value))
    return [trace for trace in TRACES if trace.lower() in plain.lower()]


def _blobs(value: object) -> list[bytes]:
    return [field for field in value if isinstance(field, bytes)] if isinstance(value, tuple) else []


async def test_no_row_shows_what_was_said(conversation_id: int, messages: Messages, keyspace: CqlSettings) -> None:
    tables = dumped(keyspace)
    assert len(tables["messages"]) == 3
    assert len(tables["outbox"]) == 4
    assert {name: traces(row) for name, rows in tables.items() for row in rows if traces(row)} == {}
    bodies = {bytes(row.body) for row in tables["messages"]}  # type: ignore[attr-defined] # a row has its columns
    assert len(bodies) == 3
    shown = await messages.page(102, conversation_id, 10, after=0, before=0, oldest_first=True)
    assert [message.text for message in shown] == [TEXT] * 3


async def test_neither_events_nor_redis_nor_logs_have_it(
    conversation_id: int,
    producer: FakeProducer,
    redis: RedisClient,
    redis_state_prefix: str,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert len(producer.sent) == 4
    assert [traces((event.payload, event)) for event in producer.sent if traces((event.payload, event))] == []
    keys = [key async for key in redis.raw.scan_iter(match=f"{redis_state_prefix}*")]
    assert keys
    for key in keys:
        assert traces((await redis.raw.dump(key),)) == []
    logged = "".join(capsys.readouterr()) + caplog.text
    assert traces(logged) == []
