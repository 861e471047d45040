"""The one rule of who may see a post."""

from __future__ import annotations

from collections.abc import Container

from post_service.models import PostState, SealedPost, Visibility

_OPEN = (Visibility.PUBLIC, Visibility.UNLISTED)


def may_see(viewer: int, post: SealedPost, following: Container[int]) -> bool:
    """Whether the account (0 for nobody signed in) may see the post; `following` holds the authors it follows."""
    if post.state != PostState.VISIBLE:
        return post.state == PostState.HELD and viewer == post.author_id and viewer != 0
    if post.visibility in _OPEN:
        return True
    if viewer == 0:
        return False
    if viewer == post.author_id or viewer in post.mentioned:
        return True
    return post.visibility == Visibility.PRIVATE and post.author_id in following


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
