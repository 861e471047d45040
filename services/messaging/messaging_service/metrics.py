"""This service's own instruments."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

CONVERSATIONS_CREATED = Counter("rookery_messaging_conversations_created_total", "Conversations that were made.")
MESSAGES_SENT = Counter("rookery_messaging_messages_sent_total", "Messages sent, repeats of a request not counted.")
GROUP_MESSAGES = Histogram(
    "rookery_messaging_group_messages", "Messages that took their sequences together.", buckets=(1, 2, 4, 8, 16, 32)
)
SEQUENCES_LOST = Counter(
    "rookery_messaging_sequences_lost_total", "Attempts to take a sequence that another process took first."
)
COMPLETED_LATER = Counter(
    "rookery_messaging_completed_later_total", "What a crash had left half done and the sweeper completed.", ["kind"]
)
INDEX_REPAIRED = Counter("rookery_messaging_index_repaired_total", "Rows of members' lists found behind and put right.")
