"""What notification counts about itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

TOLD = Counter("rookery_notification_told_total", "Notifications written, again or for the first time.", ["type"])
PUT_AWAY = Counter("rookery_notification_put_away_total", "Notifications put away.", ["why"])
TELL_SECONDS = Histogram(
    "rookery_notification_tell_seconds",
    "From taking a batch of acts to the last recipient's list.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
PUSHES = Counter("rookery_notification_pushes_total", "Web pushes, by what became of them.", ["outcome"])
DIGESTS = Counter("rookery_notification_digests_total", "Digests that were due, by what became of them.", ["outcome"])
READS = Counter("rookery_notification_reads_total", "Pages of notifications, by what answered.", ["source"])
