"""Every CQL statement of the service, by name; those of the outbox and of worker leases come from the library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from post_service.models import MAX_PINS
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.worker_leases import CqlWorkerLease

_POST = (
    "post_id, author_id, version, state, visibility, text, spoiler_text, sensitive, language, in_reply_to_id,"
    " in_reply_to_account_id, thread_id, reblog_of_id, edited_at, media, mentions, tags, application_name,"
    " application_website, poll, quoted_id, quoted_author_id, quote_state, quote_policy,"
    " reply_policy"
)
_MEDIA = (
    "media_id, account_id, post_id, version, type, original_key, small_key, width, height, small_width,"
    " small_height, blurhash, description, focus_x, focus_y, playback"
)
_BUCKET = "post_id = ? AND kind = ? AND bucket = ?"
_COUNT = "post_id, kind, bucket, changed, counted, amount, revision, large, told"
_COUNTED = "account_id, held, version, counted, amount, revision"
_BALLOT_BUCKET = "post_id = ? AND ballot = ? AND bucket = ?"
_SCHEDULED = "scheduled_id, due_at, draft, post_id, failure"
_DRAFT = "draft_id, revision, updated_at, draft, post_id"
_PART_UPLOAD = "upload_id, store_id, folder, size, expires_at, filename, content_type, description, focus_x, focus_y"
_DRAFT_KEY = "account_id = ? AND draft_id = ?"
_SCHEDULED_KEY = "account_id = ? AND scheduled_id = ?"
_MARKS = "post_id, favourited, reblogged, bookmarked, muted"
_MARKED = "SELECT mark_id, post_id FROM marked_posts WHERE account_id = ? AND kind = ? AND bucket = ?"
_QUOTES = "SELECT quote_id, author_id FROM quotes WHERE post_id = ? AND bucket = ?"
_AUTHORED = "SELECT post_id, visibility, in_reply_to_account_id, has_media FROM posts_by_author"


def _marks(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(","))


STATEMENTS: Final[Mapping[str, str]] = {
    **CqlOutbox.statements,
    **CqlWorkerLease.statements,
    "post_get": f"SELECT {_POST}, deleted, decision_version, card FROM posts WHERE post_id = ?",  # noqa: S608 - constants
    "post_put": f"INSERT INTO posts ({_POST}) VALUES ({_marks(_POST)}) USING TIMESTAMP ?",  # noqa: S608
    "post_decide": (
        "UPDATE posts USING TIMESTAMP ? SET state = ?, decision_version = ?, version = ? WHERE post_id = ?"
    ),
    "post_bury": (
        "UPDATE posts USING TIMESTAMP ? SET deleted = true, text = '', spoiler_text = '', sensitive = false,"
        " language = '', media = [], mentions = ?, tags = [], application_name = '', application_website = '',"
        " poll = null, card = null, version = ? WHERE post_id = ?"
    ),
    "post_edit": (
        "UPDATE posts USING TIMESTAMP ? SET text = ?, spoiler_text = ?, sensitive = ?, language = ?, edited_at = ?,"
        " media = ?, mentions = ?, tags = ?, poll = ?, quote_policy = ?, version = ? WHERE post_id = ?"
    ),
    "post_revoke": "UPDATE posts USING TIMESTAMP ? SET quote_state = ?, version = ? WHERE post_id = ?",
    "post_set_policy": "UPDATE posts USING TIMESTAMP ? SET quote_policy = ?, version = ? WHERE post_id = ?",
    "post_set_replies": "UPDATE posts USING TIMESTAMP ? SET reply_policy = ?, version = ? WHERE post_id = ?",
    "post_detach": (
        "UPDATE posts USING TIMESTAMP ? SET in_reply_to_id = null, in_reply_to_account_id = null, thread_id = ?,"
        " version = ? WHERE post_id = ?"
    ),
    "post_set_card": "UPDATE posts USING TIMESTAMP ? SET card = ?, version = ? WHERE post_id = ?",
    "card_get": "SELECT card FROM link_cards WHERE link = ?",
    "card_put": "INSERT INTO link_cards (link, card) VALUES (?, ?) USING TTL ?",
    "card_picture_put": "INSERT INTO card_pictures (picture_id, post_id) VALUES (?, ?) USING TIMESTAMP ?",
    "card_picture_remove": "DELETE FROM card_pictures USING TIMESTAMP ? WHERE picture_id = ? AND post_id = ?",
    "card_picture_shown": "SELECT picture_id FROM card_pictures WHERE picture_id = ? LIMIT 1",
    "quote_put": "INSERT INTO quotes (post_id, bucket, quote_id, author_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
    "quote_remove": "DELETE FROM quotes USING TIMESTAMP ? WHERE post_id = ? AND bucket = ? AND quote_id = ?",
    "quote_newest": f"{_QUOTES} AND quote_id > ? AND quote_id < ? ORDER BY quote_id DESC LIMIT ?",
    "quote_oldest": f"{_QUOTES} AND quote_id > ? AND quote_id < ? ORDER BY quote_id ASC LIMIT ?",
    "post_hold": "UPDATE posts USING TIMESTAMP ? SET state = ? WHERE post_id = ?",
    "post_restate": "UPDATE posts USING TIMESTAMP ? SET version = ? WHERE post_id = ?",
    "revision_put": (
        "INSERT INTO post_revisions"
        " (post_id, version, created_at, text, spoiler_text, sensitive, media, mentions, tags, poll_options)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "revision_versions": "SELECT version FROM post_revisions WHERE post_id = ? LIMIT ?",
    "revision_page": (
        "SELECT post_id, created_at, text, spoiler_text, sensitive, media, mentions, tags, poll_options"
        " FROM post_revisions WHERE post_id = ? LIMIT ?"
    ),
    "revisions_remove": "DELETE FROM post_revisions USING TIMESTAMP ? WHERE post_id = ?",
    "author_put": (
        "INSERT INTO posts_by_author (author_id, bucket, post_id, visibility, in_reply_to_account_id, has_media)"
        " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "author_remove": (
        "DELETE FROM posts_by_author USING TIMESTAMP ? WHERE author_id = ? AND bucket = ? AND post_id = ?"
    ),
    "author_newest": (
        f"{_AUTHORED} WHERE author_id = ? AND bucket = ? AND post_id > ? AND post_id < ? ORDER BY post_id DESC LIMIT ?"
    ),
    "author_oldest": (
        f"{_AUTHORED} WHERE author_id = ? AND bucket = ? AND post_id > ? AND post_id < ? ORDER BY post_id ASC LIMIT ?"
    ),
    "authors_newest": (
        "SELECT author_id, post_id FROM posts_by_author"
        " WHERE author_id IN ? AND bucket = ? AND post_id > ? AND post_id < ? PER PARTITION LIMIT ?"
    ),
    "authors_oldest": (
        "SELECT author_id, post_id FROM posts_by_author"
        " WHERE author_id IN ? AND bucket = ? AND post_id > ? AND post_id < ?"
        " ORDER BY post_id ASC PER PARTITION LIMIT ?"
    ),
    "reply_put": "INSERT INTO replies (post_id, reply_id, author_id) VALUES (?, ?, ?) USING TIMESTAMP ?",
    "reply_remove": "DELETE FROM replies USING TIMESTAMP ? WHERE post_id = ? AND reply_id = ?",
    "reply_newest": "SELECT reply_id, counted_id, counted FROM replies WHERE post_id = ? LIMIT 1",
    "reply_page": "SELECT reply_id FROM replies WHERE post_id = ? AND reply_id > ? ORDER BY reply_id ASC LIMIT ?",
    # Only these two write the static columns, so that a number from before a late change never replaces it.
    "reply_settle": "UPDATE replies SET counted_id = ?, counted = ? WHERE post_id = ? IF counted_id = ?",
    "reply_unsettle": "UPDATE replies SET counted_id = null, counted = null WHERE post_id = ? IF counted_id >= ?",
    "fact_get": f"SELECT held, version, since, mark_id FROM engagements WHERE {_BUCKET} AND account_id = ?",  # noqa: S608
    "fact_page": (
        f"SELECT account_id, held, since FROM engagements WHERE {_BUCKET} AND account_id > ? AND account_id < ?"  # noqa: S608
        " LIMIT ?"
    ),
    "fact_page_back": (
        f"SELECT account_id, held, since FROM engagements WHERE {_BUCKET} AND account_id > ? AND account_id < ?"  # noqa: S608
        " ORDER BY account_id DESC LIMIT ?"
    ),
    "fact_put": (
        "INSERT INTO engagements (post_id, kind, bucket, account_id, held, version, since, mark_id)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "fact_sum": f"SELECT SUM(held) AS amount FROM engagements WHERE {_BUCKET}",  # noqa: S608
    # Whether a fact is in its bucket's amount, and that amount, which only these change, together.
    "facts_of": f"SELECT {_COUNTED} FROM engagements WHERE {_BUCKET} AND account_id IN ?",  # noqa: S608
    "facts_from": f"SELECT {_COUNTED} FROM engagements WHERE {_BUCKET} AND account_id > ? LIMIT ?",  # noqa: S608
    "fact_count": f"UPDATE engagements SET counted = ? WHERE {_BUCKET} AND account_id = ? IF version = ?",  # noqa: S608
    "bucket_count": f"UPDATE engagements SET amount = ?, revision = ? WHERE {_BUCKET} IF revision = ?",  # noqa: S608
    "count_touch": "INSERT INTO post_counts (post_id, kind, bucket, changed) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
    "count_all": f"SELECT {_COUNT} FROM post_counts WHERE post_id = ?",  # noqa: S608
    "count_get": f"SELECT {_COUNT} FROM post_counts WHERE {_BUCKET}",  # noqa: S608
    "count_set": (
        f"UPDATE post_counts SET amount = ?, counted = ?, large = ?, revision = ? WHERE {_BUCKET} IF revision = ?"  # noqa: S608
    ),
    "count_tell": f"UPDATE post_counts USING TIMESTAMP ? SET told = ? WHERE {_BUCKET}",  # noqa: S608
    "mark_favourite": (
        "INSERT INTO marks (account_id, bucket, post_id, favourited, favourite_id)"
        " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "mark_reblog": "INSERT INTO marks (account_id, bucket, post_id, reblogged) VALUES (?, ?, ?, ?) USING TIMESTAMP ?",
    "mark_bookmark": (
        "INSERT INTO marks (account_id, bucket, post_id, bookmarked, bookmark_version, bookmark_id)"
        " VALUES (?, ?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "mark_mute": (
        "INSERT INTO marks (account_id, bucket, post_id, muted, mute_version) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "mute_get": "SELECT muted, mute_version FROM marks WHERE account_id = ? AND bucket = ? AND post_id = ?",
    "marks_page": f"SELECT {_MARKS} FROM marks WHERE account_id = ? AND bucket = ? LIMIT ?",  # noqa: S608
    "marks_kept": f"SELECT bucket, {_MARKS} FROM marks WHERE account_id = ? AND bucket IN ? LIMIT ?",  # noqa: S608
    "marks_forget": "DELETE FROM marks USING TIMESTAMP ? WHERE account_id = ? AND bucket = ? AND post_id >= ?",
    "marks_of": f"SELECT {_MARKS} FROM marks WHERE account_id = ? AND bucket = ? AND post_id IN ?",  # noqa: S608
    "bookmark_get": (
        "SELECT bookmarked, bookmark_version, bookmark_id FROM marks"
        " WHERE account_id = ? AND bucket = ? AND post_id = ?"
    ),
    "mark_ids_of": (
        "SELECT post_id, favourited, favourite_id, bookmarked, bookmark_id FROM marks"
        " WHERE account_id = ? AND bucket = ? AND post_id IN ?"
    ),
    "marked_put": (
        "INSERT INTO marked_posts (account_id, kind, bucket, mark_id, post_id) VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "marked_remove": (
        "DELETE FROM marked_posts USING TIMESTAMP ? WHERE account_id = ? AND kind = ? AND bucket = ? AND mark_id = ?"
    ),
    "marked_forget": "DELETE FROM marked_posts USING TIMESTAMP ? WHERE account_id = ? AND kind = ? AND bucket = ?",
    "marked_newest": f"{_MARKED} AND mark_id > ? AND mark_id < ? ORDER BY mark_id DESC LIMIT ?",
    "marked_oldest": f"{_MARKED} AND mark_id > ? AND mark_id < ? ORDER BY mark_id ASC LIMIT ?",
    "reblog_claim_get": "SELECT reblog_id FROM reblog_claims WHERE account_id = ? AND post_id = ?",
    "reblog_claim": "INSERT INTO reblog_claims (account_id, post_id, reblog_id) VALUES (?, ?, ?) IF NOT EXISTS",
    "reblog_reclaim": ("UPDATE reblog_claims SET reblog_id = ? WHERE account_id = ? AND post_id = ? IF reblog_id = ?"),
    "poll_sums": f"SELECT votes, voters, revision FROM poll_votes WHERE {_BALLOT_BUCKET} LIMIT 1",  # noqa: S608
    "poll_tally": (
        "SELECT DISTINCT post_id, ballot, bucket, votes, voters FROM poll_votes"
        " WHERE post_id = ? AND ballot = ? AND bucket IN ?"
    ),
    "poll_count": (
        f"UPDATE poll_votes SET votes = ?, voters = ?, revision = ? WHERE {_BALLOT_BUCKET} IF revision = ?"  # noqa: S608
    ),
    "poll_vote_put": (
        "INSERT INTO poll_votes (post_id, ballot, bucket, account_id, choices, request_id, event_id, voted_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    ),
    "poll_vote_get": (
        f"SELECT choices, request_id, event_id, voted_at FROM poll_votes WHERE {_BALLOT_BUCKET} AND account_id = ?"  # noqa: S608
    ),
    "poll_voters": f"SELECT account_id FROM poll_votes WHERE {_BALLOT_BUCKET} AND account_id > ? LIMIT ?",  # noqa: S608
    "poll_end_get": "SELECT expires_at FROM poll_ends WHERE post_id = ? AND ballot = ? AND expires_at = ?",
    "poll_end_put": "INSERT INTO poll_ends (post_id, ballot, expires_at) VALUES (?, ?, ?)",
    "pins_of": f"SELECT post_id, pinned_at, revision FROM pins WHERE account_id = ? LIMIT {MAX_PINS}",  # noqa: S608
    "pins_move": "UPDATE pins SET revision = ? WHERE account_id = ? IF revision = ?",
    "pin_put": "INSERT INTO pins (account_id, post_id, pinned_at) VALUES (?, ?, ?)",
    "pin_remove": "DELETE FROM pins WHERE account_id = ? AND post_id = ?",
    "scheduled_of": f"SELECT {_SCHEDULED} FROM scheduled_posts WHERE account_id = ? LIMIT ?",  # noqa: S608
    "scheduled_get": f"SELECT {_SCHEDULED} FROM scheduled_posts WHERE {_SCHEDULED_KEY}",  # noqa: S608
    "scheduled_create": (
        "INSERT INTO scheduled_posts (account_id, scheduled_id, due_at, draft) VALUES (?, ?, ?, ?) IF NOT EXISTS"
    ),
    "scheduled_move": (
        f"UPDATE scheduled_posts SET due_at = ?, failure = null WHERE {_SCHEDULED_KEY}"  # noqa: S608
        " IF due_at = ? AND post_id = null"
    ),
    "scheduled_delete": f"DELETE FROM scheduled_posts WHERE {_SCHEDULED_KEY} IF post_id = null",  # noqa: S608
    "scheduled_claim": (
        f"UPDATE scheduled_posts SET post_id = ? WHERE {_SCHEDULED_KEY} IF due_at = ? AND post_id = null"  # noqa: S608
    ),
    "scheduled_fail": (
        f"UPDATE scheduled_posts SET failure = ?, post_id = null WHERE {_SCHEDULED_KEY} IF post_id = ?"  # noqa: S608
    ),
    "scheduled_finish": f"DELETE FROM scheduled_posts WHERE {_SCHEDULED_KEY} IF post_id = ?",  # noqa: S608
    "drafts_of": f"SELECT {_DRAFT} FROM drafts WHERE account_id = ? LIMIT ?",  # noqa: S608
    "draft_get": f"SELECT {_DRAFT} FROM drafts WHERE {_DRAFT_KEY}",  # noqa: S608
    "draft_create": (
        "INSERT INTO drafts (account_id, draft_id, revision, updated_at, draft) VALUES (?, ?, ?, ?, ?) IF NOT EXISTS"
    ),
    "draft_replace": (
        f"UPDATE drafts SET revision = ?, updated_at = ?, draft = ?, post_id = null WHERE {_DRAFT_KEY} IF revision = ?"  # noqa: S608
    ),
    "draft_claim": f"UPDATE drafts SET post_id = ? WHERE {_DRAFT_KEY} IF revision = ? AND post_id = ?",  # noqa: S608
    "draft_release": f"UPDATE drafts SET post_id = null WHERE {_DRAFT_KEY} IF post_id = ?",  # noqa: S608
    "draft_delete": f"DELETE FROM drafts WHERE {_DRAFT_KEY} IF revision = ?",  # noqa: S608
    "schedule_put": (
        "INSERT INTO schedule (shard, hour, due_at, kind, subject_id, account_id) VALUES (?, ?, ?, ?, ?, ?)"
    ),
    "schedule_hours": "SELECT DISTINCT shard, hour FROM schedule WHERE shard = ? AND hour IN ?",
    "schedule_page": (
        "SELECT due_at, kind, subject_id, account_id FROM schedule WHERE shard = ? AND hour = ?"
        " AND (due_at, kind, subject_id) > (?, ?, ?) AND (due_at) <= (?) LIMIT ?"
    ),
    "schedule_forget": "DELETE FROM schedule WHERE shard = ? AND hour = ?",
    "schedule_reached": "SELECT due_at, kind, subject_id FROM schedule_shards WHERE shard = ?",
    "schedule_reach": "UPDATE schedule_shards SET due_at = ?, kind = ?, subject_id = ? WHERE shard = ?",
    "schedule_claim": "UPDATE schedule_shards USING TTL ? SET holder = ? WHERE shard = ? IF holder = null",
    "schedule_renew": "UPDATE schedule_shards USING TTL ? SET holder = ? WHERE shard = ? IF holder = ?",
    "schedule_release": "UPDATE schedule_shards SET holder = null WHERE shard = ? IF holder = ?",
    "key_get": "SELECT body_hash, post_id FROM idempotency_keys WHERE account_id = ? AND request_id = ?",
    "key_claim": (
        "INSERT INTO idempotency_keys (account_id, request_id, body_hash, post_id) VALUES (?, ?, ?, ?) IF NOT EXISTS"
    ),
    "upload_key_get": "SELECT body_hash, media_id, folder FROM upload_keys WHERE account_id = ? AND request_id = ?",
    "upload_key_claim": (
        "INSERT INTO upload_keys (account_id, request_id, body_hash, media_id, folder) VALUES (?, ?, ?, ?, ?)"
        " IF NOT EXISTS"
    ),
    "media_get": f"SELECT {_MEDIA}, failure FROM media WHERE media_id = ?",  # noqa: S608
    "media_put": (
        f"INSERT INTO media ({_MEDIA}) VALUES ({_marks(_MEDIA)}) USING TIMESTAMP ? AND TTL ?"  # noqa: S608
    ),
    "media_describe": (
        "UPDATE media USING TIMESTAMP ? AND TTL ? SET description = ?, focus_x = ?, focus_y = ?, version = ?"
        " WHERE media_id = ?"
    ),
    # Without what its owner says of it, and may say anew meanwhile.
    "media_finish": (
        "UPDATE media USING TIMESTAMP ? AND TTL ? SET post_id = ?, original_key = ?, small_key = ?, width = ?,"
        " height = ?, small_width = ?, small_height = ?, blurhash = ?, playback = ?, version = ? WHERE media_id = ?"
    ),
    "media_fail": "UPDATE media USING TIMESTAMP ? AND TTL ? SET failure = ? WHERE media_id = ?",
    "unfinished_of": "SELECT media_id FROM unfinished_media WHERE account_id = ? LIMIT ?",
    "unfinished_get": "SELECT media_id FROM unfinished_media WHERE account_id = ? AND media_id = ?",
    "unfinished_put": "INSERT INTO unfinished_media (account_id, media_id) VALUES (?, ?) USING TIMESTAMP ? AND TTL ?",
    "unfinished_remove": "DELETE FROM unfinished_media USING TIMESTAMP ? WHERE account_id = ? AND media_id = ?",
    "media_remove": "DELETE FROM media USING TIMESTAMP ? WHERE media_id = ?",
    "picture_all": "SELECT purpose, media_id, version FROM profile_pictures WHERE account_id = ?",
    "picture_put": (
        "INSERT INTO profile_pictures (account_id, purpose, media_id, version) VALUES (?, ?, ?, ?) USING TIMESTAMP ?"
    ),
    "erasure_get": "SELECT post_id FROM erasures WHERE account_id = ?",
    "erasure_put": "INSERT INTO erasures (account_id, post_id) VALUES (?, ?)",
    "part_uploads_of": f"SELECT {_PART_UPLOAD} FROM part_uploads WHERE account_id = ? LIMIT ?",  # noqa: S608
    "part_upload_get": f"SELECT {_PART_UPLOAD} FROM part_uploads WHERE account_id = ? AND upload_id = ?",  # noqa: S608
    "part_upload_put": (
        f"INSERT INTO part_uploads (account_id, {_PART_UPLOAD}) VALUES (?, {_marks(_PART_UPLOAD)}) USING TTL ?"  # noqa: S608
    ),
    "part_upload_delete": "DELETE FROM part_uploads WHERE account_id = ? AND upload_id = ?",
    "upload_put": ("INSERT INTO uploads (day, shard, media_id, original_key, small_key) VALUES (?, ?, ?, ?, ?)"),
    "upload_page": (
        "SELECT media_id, original_key, small_key FROM uploads WHERE day = ? AND shard = ? AND media_id > ? LIMIT ?"
    ),
    "upload_delete": "DELETE FROM uploads WHERE day = ? AND shard = ? AND media_id = ?",
}
