"""What feed counts about itself."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

DELIVERIES = Counter("rookery_feed_deliveries_total", "Entries written into timelines.")
FAN_OUT_SECONDS = Histogram(
    "rookery_feed_fan_out_seconds",
    "From taking a batch of changed posts to the last timeline.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
DELIVERY_AGE_SECONDS = Histogram(
    "rookery_feed_delivery_age_seconds",
    "From a post's making to its being in all timelines.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 120),
)
HOME_READS = Counter("rookery_feed_home_reads_total", "Pages of homes, by what answered.", ["source"])
LIVE_GAPS = Counter("rookery_feed_live_gaps_total", "Gaps that streams were told of.", ["cause"])
LIVE_ACCOUNTS = Gauge("rookery_feed_live_accounts", "Accounts that streams are subscribed to, over all streams.")
LIVE_LOST = Counter("rookery_feed_live_lost_total", "Updates that could not be published; readers see a gap.")
