"""Instruments of events; labels are groups, topics and outcomes, never keys."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter("rookery_kafka_published_total", "Events acknowledged by Kafka, or refused.", ["topic", "outcome"])
PUBLISH_SECONDS = Histogram(
    "rookery_kafka_publish_seconds",
    "From handing an event to the producer to its acknowledgement.",
    ["topic"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10, 30),
)
CONSUMED = Counter("rookery_kafka_consumed_total", "Events by what became of them.", ["group", "topic", "outcome"])
HANDLE_SECONDS = Histogram("rookery_kafka_handle_seconds", "Time of a handler, for one event or one batch.", ["group"])
EVENT_AGE_SECONDS = Histogram(
    "rookery_kafka_event_age_seconds",
    "From when an event happened to when its effect was there.",
    ["group"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120, 600, 3600),
)
PAUSED = Gauge("rookery_kafka_paused", "1 while a group waits for an engine that is down.", ["group"])
DEAD_LETTERS = Counter("rookery_kafka_dead_letters_total", "Events put aside; an alarm.", ["group", "reason"])
OUTBOX_SWEPT = Counter("rookery_outbox_swept_total", "Events that the relay published after a crash.", ["service"])
OUTBOX_LEFT = Counter(
    "rookery_outbox_left_total", "Events whose own process could not publish them; the relay will.", ["service"]
)
