"""This service's instruments."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ACCOUNTS_CREATED = Counter("rookery_user_accounts_created_total", "Accounts that were confirmed.")
RELATIONSHIP_CHANGES = Counter("rookery_user_relationship_changes_total", "Changes by what is told of them.", ["event"])
PROFILE_CHANGES = Counter("rookery_user_profile_changes_total", "Profiles by what became of them.", ["change"])
LINKS_CHECKED = Counter("rookery_user_links_checked_total", "Links of profiles by what their pages said.", ["result"])
CACHE_READS = Counter("rookery_user_cache_reads_total", "Entries asked of the cache.", ["cache", "result"])
EPOCHS_OWED = Gauge("rookery_user_epochs_owed", "Accounts whose change Redis has not been told of yet.", ["cache"])
POSTS_COUNTED = Counter("rookery_user_post_facts_total", "Posts told of, changed or known.", ["result"])
IMPORTED_ROWS = Counter("rookery_user_imported_rows_total", "Rows of imports, as they ended.", ["kind", "outcome"])
