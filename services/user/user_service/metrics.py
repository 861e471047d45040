"""This service's instruments."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

ACCOUNTS_CREATED = Counter("rookery_user_accounts_created_total", "Accounts that were confirmed.")
ACCOUNTS_DELETED = Counter("rookery_user_accounts_deleted_total", "Accounts that their owners have deleted.")
ACCOUNTS_ERASED = Counter("rookery_user_accounts_erased_total", "Deleted accounts of which nothing is left.")
ERASURES = Counter("rookery_user_erasures_total", "Times that services were asked to erase.", ["asked", "outcome"])
RELATIONSHIP_CHANGES = Counter("rookery_user_relationship_changes_total", "Changes by what is told of them.", ["event"])
PROFILE_CHANGES = Counter("rookery_user_profile_changes_total", "Profiles by what became of them.", ["change"])
LINKS_CHECKED = Counter("rookery_user_links_checked_total", "Links of profiles by what their pages said.", ["result"])
CACHE_READS = Counter("rookery_user_cache_reads_total", "Entries asked of the cache.", ["cache", "result"])
EPOCHS_OWED = Gauge("rookery_user_epochs_owed", "Accounts whose change Redis has not been told of yet.", ["cache"])
POSTS_COUNTED = Counter("rookery_user_post_facts_total", "Posts told of, changed or known.", ["result"])
IMPORTED_ROWS = Counter("rookery_user_imported_rows_total", "Rows of imports, as they ended.", ["kind", "outcome"])
