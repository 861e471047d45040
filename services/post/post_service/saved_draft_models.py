"""Drafts that are kept, and the limits on them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from post_service.models import Draft

MAX_SAVED_DRAFTS = 100


@dataclass(frozen=True, slots=True)
class SavedDraft:
    """What an account has begun to write. `post_id` is the post's own while it is being published, else 0."""

    draft_id: int
    account_id: int
    version: int
    updated_at: datetime
    draft: Draft
    post_id: int = 0


def holder_of(draft_id: int) -> int:
    """In the place of a post's id: media that a draft keeps, whose description may still change."""
    return -draft_id
