"""Every CQL statement of the service, by name; those of the outbox and of worker leases come from the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from messaging_service.repository import direct_threads
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.worker_leases import CqlWorkerLease

_CONVERSATION = "conversation_id, creator_id, member_ids, created_us, data_key, title, event_id"
_MESSAGES = (
    "SELECT sequence, message_id, sender_id, sent_us, body FROM messages WHERE conversation_id = ? AND bucket = ?"
)

STATEMENTS: Final[Mapping[str, str]] = {
    **CqlOutbox.statements,
    **CqlWorkerLease.statements,
    **direct_threads.STATEMENTS,
    "conversation_get": (
        f"SELECT {_CONVERSATION}, head_bucket FROM conversations WHERE conversation_id = ?"  # noqa: S608 - a constant
    ),
    "conversation_create": (
        f"INSERT INTO conversations ({_CONVERSATION}) VALUES (?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS"  # noqa: S608
    ),
    "conversation_hint": "UPDATE conversations USING TIMESTAMP ? SET head_bucket = ? WHERE conversation_id = ?",
    "direct_get": "SELECT conversation_id FROM direct_conversations WHERE low_id = ? AND high_id = ?",
    "direct_claim": (
        "INSERT INTO direct_conversations (low_id, high_id, conversation_id) VALUES (?, ?, ?) IF NOT EXISTS"
    ),
    "key_get": "SELECT body_hash, conversation_id FROM conversation_keys WHERE account_id = ? AND request_id = ?",
    "key_claim": (
        "INSERT INTO conversation_keys (account_id, request_id, body_hash, conversation_id) VALUES (?, ?, ?, ?)"
        " IF NOT EXISTS"
    ),
    "member_put": (
        "INSERT INTO conversations_by_member (member_id, hour, conversation_id) VALUES (?, ?, ?) USING TIMESTAMP ?"
    ),
    "member_remove": (
        "DELETE FROM conversations_by_member USING TIMESTAMP ? WHERE member_id = ? AND hour = ? AND conversation_id = ?"
    ),
    "member_page": (
        "SELECT hour, conversation_id FROM conversations_by_member"
        " WHERE member_id = ? AND (hour, conversation_id) < (?, ?) LIMIT ?"
    ),
    "read_get": "SELECT sequence FROM read_positions WHERE conversation_id = ? AND member_id = ?",
    "read_put": (
        "INSERT INTO read_positions (conversation_id, member_id, sequence) VALUES (?, ?, ?) USING TIMESTAMP ?"
    ),
    "head_get": (
        "SELECT last_sequence, last_activity_us FROM messages WHERE conversation_id = ? AND bucket = ? LIMIT 1"
    ),
    "head_move": (
        "UPDATE messages SET last_sequence = ?, last_activity_us = ? WHERE conversation_id = ? AND bucket = ?"
        " IF last_sequence = ?"
    ),
    "message_put": (
        "INSERT INTO messages (conversation_id, bucket, sequence, message_id, sender_id, sent_us, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
    ),
    "message_get": f"{_MESSAGES} AND sequence = ?",
    "message_newest": f"{_MESSAGES} AND sequence > ? AND sequence < ? ORDER BY sequence DESC LIMIT ?",
    "message_oldest": f"{_MESSAGES} AND sequence > ? AND sequence < ? ORDER BY sequence ASC LIMIT ?",
    "message_senders": "SELECT sequence, sender_id FROM messages WHERE conversation_id = ? AND bucket = ? LIMIT ?",
    # Outside of LWT: what has written the body is over, and nothing writes it again.
    "message_erase": "UPDATE messages SET body = ? WHERE conversation_id = ? AND bucket = ? AND sequence = ?",
    "conversation_leave": "UPDATE conversations SET member_ids = ? WHERE conversation_id = ? IF member_ids = ?",
    "member_forget": "DELETE FROM conversations_by_member WHERE member_id = ? AND hour = ? AND conversation_id = ?",
    "read_forget": "DELETE FROM read_positions WHERE conversation_id = ? AND member_id = ?",
    "erasure_get": "SELECT bucket FROM erasures WHERE account_id = ? AND conversation_id = ?",
    "erasure_put": "INSERT INTO erasures (account_id, conversation_id, bucket) VALUES (?, ?, ?)",
    "attempt_put": (
        "INSERT INTO send_attempts (conversation_id, sender_id, request_id, sequence, message_id, body_hash)"
        " VALUES (?, ?, ?, ?, ?, ?)"
    ),
    "attempt_list": (
        "SELECT sequence, message_id, body_hash FROM send_attempts"
        " WHERE conversation_id = ? AND sender_id = ? AND request_id = ? LIMIT ?"
    ),
}
