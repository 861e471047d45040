"""What a recipient wants to hear nothing of: filters, as the gateway applies them to lists."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from notification_service.models import SECURITY, Kind
from rookery_common.words import Word

# What is told of no post that the recipient could be shown.
POSTLESS = SECURITY | {
    Kind.FOLLOW,
    Kind.FOLLOW_REQUEST,
    Kind.MESSAGE,
    Kind.MODERATION_WARNING,
    Kind.ADMIN_SIGN_UP,
    Kind.ADMIN_REPORT,
}


@dataclass(frozen=True, slots=True)
class ShownPost:
    """A post as one account is shown it; `text` is all that words are looked for in, without case."""

    post_id: int
    author_id: int
    answered_id: int
    text: str
    is_direct: bool
    is_muted: bool


@dataclass(frozen=True, slots=True)
class Avoidance:
    """One filter that hides notifications, until `ends_at_ms` (0: for good)."""

    words: Collection[Word]
    post_ids: Collection[int]
    ends_at_ms: int

    def meets(self, post: ShownPost, now_ms: int) -> bool:
        """Whether the post is to be avoided now."""
        if 0 < self.ends_at_ms <= now_ms:
            return False
        return post.post_id in self.post_ids or any(word.is_in(post.text) for word in self.words)


def hides(avoidances: Iterable[Avoidance], post: ShownPost, now_ms: int) -> bool:
    """Whether any of them does."""
    return any(each.meets(post, now_ms) for each in avoidances)
