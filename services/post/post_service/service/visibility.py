"""The one rule of who may see a post."""

from __future__ import annotations

from collections.abc import Container

from post_service.models import PostState, SealedPost, Visibility
from rookery_common.auth import Identity

REVIEWER_ROLES = frozenset({"moderator", "admin"})
REVIEW_SCOPE = "admin:read"
_OPEN = (Visibility.PUBLIC, Visibility.UNLISTED)
_VISIBLE = PostState.VISIBLE


def may_see(viewer: int, post: SealedPost, following: Container[int], *, reviews: bool = False) -> bool:
    """Whether the account (0 for nobody signed in) may see the post; `following` holds the authors it follows.

    `reviews`: whether it may read what waits for a decision, so that it can decide.
    """
    if post.state != PostState.VISIBLE:
        return post.state == PostState.HELD and viewer != 0 and (viewer == post.author_id or reviews)
    if post.visibility in _OPEN:
        return True
    if viewer == 0:
        return False
    if viewer == post.author_id or viewer in post.mentioned:
        return True
    return post.visibility == Visibility.PRIVATE and post.author_id in following


def is_everybodys(post: SealedPost) -> bool:
    """Whether each may see it, and it shows nothing that another may not."""
    is_plain = not (post.reblog_of_id or post.quoted_id)
    return is_plain and post.state == _VISIBLE and post.visibility in _OPEN


def may_review(identity: Identity | None) -> bool:
    """Whether the caller moderates, with a token for that: their other apps show them what anybody sees."""
    if identity is None or identity.account_id == 0:
        return False
    return identity.has_scope(REVIEW_SCOPE) and not identity.roles.isdisjoint(REVIEWER_ROLES)


def depends_on_follow(viewer: int, post: SealedPost) -> bool:
    """Whether nothing but following its author would let the account see the post."""
    return (
        viewer != 0
        and post.visibility == Visibility.PRIVATE
        and post.state == PostState.VISIBLE
        and viewer != post.author_id
        and viewer not in post.mentioned
    )


def is_listed_for_feed(post: SealedPost) -> bool:
    """What feed may put into followers' timelines when it fills them from an author's past."""
    return post.state == PostState.VISIBLE and post.visibility != Visibility.DIRECT


def is_in_home(reader: int, post: SealedPost) -> bool:
    """Whether the post is in the home of an account that follows its author, as feed would have delivered it."""
    if post.author_id == reader:
        return post.state in (PostState.VISIBLE, PostState.HELD)
    return is_listed_for_feed(post) or (post.state == PostState.VISIBLE and reader in post.mentioned)
