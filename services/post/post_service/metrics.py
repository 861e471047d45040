"""This service's own instruments."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

POSTS_CREATED = Counter("rookery_post_posts_created_total", "Posts created, repeats of a request not counted.")
CACHE_HITS = Counter("rookery_post_cache_hits_total", "Posts that were found in the cache.")
CACHE_MISSES = Counter("rookery_post_cache_misses_total", "Posts that were not.")
CACHE_FAILURES = Counter("rookery_post_cache_failures_total", "Calls to the cache that failed.", ["operation"])
HIDDEN_UNCHECKED = Counter(
    "rookery_post_authors_unchecked_total", "Authors whose posts were left out because user was not there to be asked."
)
UPLOADS = Counter("rookery_post_uploads_total", "Uploads by what became of them.", ["result"])
UPLOADS_EXPIRED = Counter("rookery_post_uploads_expired_total", "Uploads deleted because no post took them.")
PICTURES_LOST = Counter(
    "rookery_post_profile_pictures_lost_total", "Pictures that profiles show and that expired before post was told."
)
CARDS = Counter("rookery_post_link_cards_total", "Links that were looked at, by what came of it.", ["result"])
IMAGE_SECONDS = Histogram(
    "rookery_post_image_seconds",
    "Time to decode and re-encode an upload.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0),
)
MEDIA_QUEUED = Counter("rookery_post_media_queued_total", "Uploads accepted to be processed later.", ["kind"])
MEDIA_SECONDS = Histogram(
    "rookery_post_media_seconds",
    "Time from the acceptance of an upload until it is done or has failed.",
    ["kind"],
    buckets=(0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0),
)
MEDIA_FAILED = Counter(
    "rookery_post_media_failed_total", "Accepted uploads of which nothing could be made, by why.", ["reason"]
)
ENGAGEMENTS = Counter("rookery_post_engagements_total", "Favourites, bookmarks and reblogs made and undone.", ["act"])
UNMARKED = Counter("rookery_post_sheets_unread_total", "Sheets of marks that posts were shown without.")
DECISIONS = Counter(
    "rookery_post_decisions_total", "Decisions of moderation by what they made of the post.", ["result"]
)
VOTES = Counter("rookery_post_votes_total", "Votes in polls.")
POLLS_UNREAD = Counter("rookery_post_polls_unread_total", "Polls whose votes could not be read when they were shown.")
POLLS_ENDED = Counter("rookery_post_polls_ended_total", "Ends of polls that were told of.")
JOBS = Counter("rookery_post_scheduled_jobs_total", "What was due, by what became of it.", ["kind", "result"])
SCHEDULED_REFUSED = Counter(
    "rookery_post_scheduled_refused_total", "Scheduled posts that could not be published at their time.", ["reason"]
)
POSTS_EDITED = Counter("rookery_post_posts_edited_total", "Edits of posts that changed something.")
POSTS_DELETED = Counter("rookery_post_posts_deleted_total", "Posts and reblogs deleted by their authors.")
