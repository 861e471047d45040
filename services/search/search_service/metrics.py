"""What search counts about itself."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

DOCUMENTS = Counter("rookery_search_documents_total", "Documents sent to the engine, by outcome.", ["kind", "outcome"])
SEARCH_SECONDS = Histogram(
    "rookery_search_search_seconds",
    "A search of one kind, in the engine and on the way to it.",
    ["sought"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2),
)
