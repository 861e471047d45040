"""Every CQL statement of the service, by name; those of the outbox and of worker leases come from the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.worker_leases import CqlWorkerLease

_POST = (
    "post_id, author_id, version, state, visibility, text, spoiler_text, sensitive, language, in_reply_to_id,"
    " in_reply_to_account_id, thread_id, reblog_of_id, edited_at, media, mentions, tags, application_name,"
    " application_website"
)
_MEDIA = (
    "media_id, account_id, post_id, version, type, original_key, small_key, width, height, small_width,"
    " small_height, blurhash, description, focus_x, focus_y"
)
_AUTHORED = "SELECT post_id, visibility, in_reply_to_account_id, has_media FROM posts_by_author"


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


STATEMENTS: Final[Mapping[str, str]] = {
    **CqlOutbox.statements,
    **CqlWorkerLease.statements,
    "post_get": f"SELECT {_POST} FROM posts WHERE post_id = ?",  # noqa: S608 - constants of this file
    "post_put": f"INSERT INTO posts ({_POST}) VALUES ({_marks(_POST)}) USING TIMESTAMP ?",  # noqa: S608
    "author_put": (
        "INSERT INTO posts_by_author (author_id, bucket, post_id, visibility, in_reply_to_account_id, has_media)"
        " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "author_newest": (
        f"{_AUTHORED} WHERE author_id = ? AND bucket = ? AND post_id > ? AND post_id < ? ORDER BY post_id DESC LIMIT ?"
    ),
    "author_oldest": (
        f"{_AUTHORED} WHERE author_id = ? AND bucket = ? AND post_id > ? AND post_id < ? ORDER BY post_id ASC LIMIT ?"
    ),
    "reply_put": "INSERT INTO replies (post_id, reply_id, author_id) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "reply_newest": "SELECT reply_id, counted_id, counted FROM replies WHERE post_id = ? LIMIT 1",
    "reply_page": "SELECT reply_id FROM replies WHERE post_id = ? AND reply_id > ? ORDER BY reply_id ASC LIMIT ?",
    "reply_settle": "INSERT INTO replies (post_id, counted_id, counted) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "key_get": "SELECT body_hash, post_id FROM idempotency_keys WHERE account_id = ? AND request_id = ?",
    "key_claim": (
        "INSERT INTO idempotency_keys (account_id, request_id, body_hash, post_id) VALUES (?, ?, ?, ?) IF NOT EXISTS"
    ),
    "media_get": f"SELECT {_MEDIA} FROM media WHERE media_id = ?",  # noqa: S608
    "media_put": (
        f"INSERT INTO media ({_MEDIA}) VALUES ({_marks(_MEDIA)}) USING TIMESTAMP ? AND TTL ?"  # noqa: S608
    ),
    "media_describe": (
        "UPDATE media USING TIMESTAMP ? AND TTL ? SET description = ?, focus_x = ?, focus_y = ?, version = ?"
        " WHERE media_id = ?"
    ),
    "upload_put": ("INSERT INTO uploads (day, shard, media_id, original_key, small_key) VALUES (?, ?, ?, ?, ?)"),
    "upload_page": (
        "SELECT media_id, original_key, small_key FROM uploads WHERE day = ? AND shard = ? AND media_id > ? LIMIT ?"
    ),
    "upload_delete": "DELETE FROM uploads WHERE day = ? AND shard = ? AND media_id = ?",
}
