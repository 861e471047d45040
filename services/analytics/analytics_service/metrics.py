"""What analytics counts about itself."""

from __future__ import annotations

from prometheus_client import Counter

COUNTED = Counter("rookery_analytics_counted_events_total", "Events that were counted in windows.")
REPEATED = Counter("rookery_analytics_repeated_events_total", "Events that were published twice, and counted once.")
ARCHIVED = Counter("rookery_analytics_archived_events_total", "Events in files of the archive.")
ARCHIVED_BYTES = Counter("rookery_analytics_archived_bytes_total", "Bytes of these files.")
