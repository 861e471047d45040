"""What feed counts about itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

DELIVERIES = Counter("rookery_feed_deliveries_total", "Entries written into timelines.")
SLEEPERS_PASSED = Counter(
    "rookery_feed_sleepers_passed_total", "Followers who were away for so long that a post was not delivered to them."
)
RETURNS = Counter("rookery_feed_returns_total", "Homes that were built anew for readers who came back.")
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
MODE_CHANGES = Counter(
    "rookery_feed_author_mode_changes_total",
    "Authors whose posts are merged from now on, or delivered to each follower again.",
    ["mode"],
)
TAIL_READS = Counter(
    "rookery_feed_author_tail_reads_total",
    "Reads of merged authors' posts that memory did not answer, by what.",
    ["part"],
)
OLDER_READS = Counter(
    "rookery_feed_older_reads_total",
    "Parts of pages from before what is stored: merged of authors' own timelines, or kept of a merge.",
    ["source"],
)
HOME_READS = Counter("rookery_feed_home_reads_total", "Pages of homes, by what answered.", ["source"])
