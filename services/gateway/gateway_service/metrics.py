"""The gateway's instruments; every label is bounded."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

HTTP_SECONDS = Histogram(
    "rookery_gateway_http_request_seconds",
    "How long requests took, by route template, method and status.",
    ("route", "method", "status"),
    buckets=(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
HTTP_IN_FLIGHT = Gauge("rookery_gateway_http_requests_in_flight", "Requests that are being served.")
HTTP_CRASHES = Counter("rookery_gateway_http_crashes_total", "Requests that ended in a defect of ours.", ("route",))
TOKEN_LOOKUPS = Counter(
    "rookery_gateway_token_lookups_total", "Uses of tokens, by whether the exchange was remembered.", ("result",)
)
OWN_POST_FAILURES = Counter(
    "rookery_gateway_own_post_failures_total",
    "Fresh posts that were not put into their author's home at once; the event does it a moment later.",
)
FRAGMENTS = Gauge("rookery_gateway_fragments", "Rendered posts and accounts that are kept.", ("kind",))
LEFT_OUT = Counter(
    "rookery_gateway_statuses_left_out_total", "Posts that a service named and that were not shown, by why.", ("why",)
)
ECHOES = Counter("rookery_gateway_reblogs_dropped_total", "Reblogs of what a home shows a little further down.")
LIMIT_REFUSALS = Counter(
    "rookery_gateway_limit_refusals_total",
    "Requests that were refused by a rate limit, by the class of routes.",
    ("limit",),
)
LIMITS_LOCAL = Counter(
    "rookery_gateway_limits_local_total", "Requests that were counted by this replica alone, as Redis was away."
)
LIMITS_FILE_VALID = Gauge(
    "rookery_gateway_limits_file_valid", "0 while the file of rate limits can't be read and the last good one holds."
)
TEXTS_FILE_VALID = Gauge(
    "rookery_gateway_texts_file_valid", "0 while the operator's texts can't be read and the last good ones hold."
)
LIVE_CONNECTIONS = Gauge("rookery_gateway_live_connections", "Open streams of clients.")
LIVE_CLOSED = Counter("rookery_gateway_live_closed_total", "Streams of clients that the gateway ended.", ("why",))
LIVE_LEFT = Counter(
    "rookery_gateway_live_left_total",
    "WebSockets that clients closed, that broke, or left pings unanswered.",
    ("how",),
)
LIVE_FRAMES = Counter("rookery_gateway_live_frames_total", "Frames sent to streams of clients.", ("event",))
LIVE_SECONDS = Histogram(
    "rookery_gateway_live_delivery_seconds",
    "From when something happened to its frame, for what carries an id; more where it was kept, or missed at first.",
    ("event",),
    buckets=(0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
LIVE_COMPOSITIONS = Counter(
    "rookery_gateway_live_compositions_total", "Turns in which events were composed for all streams of an account."
)
LIVE_POSTPONED = Counter(
    "rookery_gateway_live_postponed_total",
    "Times that a stream's events could not be composed and were kept for later.",
)
