"""Instruments of live news."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

LIVE_ACCOUNTS = Gauge("rookery_live_accounts", "Accounts that streams are subscribed to, over all streams.")
LIVE_GAPS = Counter("rookery_live_gaps_total", "Gaps that streams were told of.", ["cause"])
LIVE_LOST = Counter("rookery_live_lost_total", "News that could not be announced; streams see a gap.")
