"""Who is shown whose posts: decided anew for each page, by what the viewer is to their authors now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway_service.cache import PostFragment
from gateway_service.columns import Relation
from rookery.feed.v1.feed_service_pb2 import Reason
from rookery.user.v1.list_service_pb2 import RepliesPolicy

# Looked up once: an enum's attribute costs more than all else here.
_FOLLOWED_AUTHOR = Reason.REASON_FOLLOWED_AUTHOR
_FOLLOWED_TAG = Reason.REASON_FOLLOWED_TAG
_TO_FOLLOWED, _TO_MEMBERS = RepliesPolicy.REPLIES_POLICY_FOLLOWED, RepliesPolicy.REPLIES_POLICY_LIST
Relations = Mapping[int, Relation]
Rule = Callable[[int, PostFragment, int, Relations], "Why | None"]


class Why(StrEnum):
    """Why a post is not shown."""

    NOT_VISIBLE = "not_visible"
    AUTHOR_UNKNOWN = "author_unknown"
    RELATIONSHIP_UNKNOWN = "relationship_unknown"
    BLOCKED = "blocked"
    MUTED = "muted"
    FILTERED = "filtered"
    NOT_FOLLOWED = "not_followed"
    REPLY_TO_STRANGER = "reply_to_stranger"
    LANGUAGE = "language"
    POLICY = "policy"
    ON_EXCLUSIVE_LIST = "on_exclusive_list"
    REPLY_OFF_LIST = "reply_off_list"
    NOT_WANTED = "not_wanted"
    NOT_PERMITTED = "not_permitted"


def why_not_listed(viewer_id: int, author_id: int, relations: Relations) -> Why | None:
    """For a post that the viewer asks for: blocks count both ways; of whom nothing is known, nothing is shown."""
    if viewer_id in (0, author_id):
        return None  # a stranger sees what anyone may see
    relation = relations.get(author_id)
    if relation is None:
        return Why.RELATIONSHIP_UNKNOWN
    if relation.blocking or relation.blocked_by:
        return Why.BLOCKED
    return None


def why_not_public(viewer_id: int, post: PostFragment, _reason: int, relations: Relations) -> Why | None:
    """For a post that everybody is shown: as for one that is asked for, but not of those who are muted."""
    why = why_not_listed(viewer_id, post.author_id, relations)
    relation = relations.get(post.author_id)
    if why is None and relation is not None and relation.muting:
        return Why.MUTED
    return why


def why_not_told(viewer_id: int, account_id: int, relations: Relations) -> Why | None:
    """For what somebody did: like a post that is asked for, but not of those whose notifications are muted."""
    why = why_not_listed(viewer_id, account_id, relations)
    relation = relations.get(account_id)
    if why is None and relation is not None and relation.muting_notifications:
        return Why.MUTED
    return why


def why_not_home(viewer_id: int, post: PostFragment, reason: int, relations: Relations) -> Why | None:
    """For a post in the home: as for one of somebody followed, or for a public one where a hashtag brings it.

    Nothing of those on an exclusive list.
    """
    relation = relations.get(post.author_id)
    if relation is not None and relation.usual and post.reply_to_account_id in (0, post.author_id):
        return None
    if relation is not None and relation.exclusively_listed:
        return Why.ON_EXCLUSIVE_LIST
    if reason == _FOLLOWED_TAG:
        return why_not_public(viewer_id, post, reason, relations)
    return _why_not_followed(viewer_id, post, reason, relations)


@dataclass(frozen=True, slots=True)
class ListRule:
    """For a post in the timeline of a list: as for one of somebody followed, and its replies as the list has them."""

    members: frozenset[int]
    replies: int

    def __call__(self, viewer_id: int, post: PostFragment, reason: int, relations: Relations) -> Why | None:
        why = _why_not_followed(viewer_id, post, reason, relations)
        answered_id = post.reply_to_account_id
        if why is not None or answered_id in (0, viewer_id, post.author_id) or self.replies == _TO_FOLLOWED:
            return why
        is_wanted = self.replies == _TO_MEMBERS and answered_id in self.members
        return None if is_wanted else Why.REPLY_OFF_LIST


def _why_not_followed(viewer_id: int, post: PostFragment, reason: int, relations: Relations) -> Why | None:
    """Mutes count too, an unfollowing holds at once, so do the reblogs and languages that are wanted of whom one
    follows; and a reply is shown only where the viewer follows, or is, the account replied to.
    """
    author_id = post.author_id
    if author_id == viewer_id:
        return None
    why = why_not_listed(viewer_id, author_id, relations)
    if why is not None:
        return why
    relation = relations[author_id]
    if relation.muting:
        return Why.MUTED
    if reason == _FOLLOWED_AUTHOR and not relation.following:
        return Why.NOT_FOLLOWED
    if post.reblog_of_id and not relation.showing_reblogs:
        return Why.NOT_FOLLOWED
    if post.language and relation.languages and post.language not in relation.languages:
        return Why.LANGUAGE
    return _why_not_reply(viewer_id, post, relations)


def _why_not_reply(viewer_id: int, post: PostFragment, relations: Relations) -> Why | None:
    answered_id = post.reply_to_account_id
    if answered_id in (0, viewer_id, post.author_id):
        return None
    relation = relations.get(answered_id)
    if relation is None:
        return Why.RELATIONSHIP_UNKNOWN
    if relation.blocking or relation.blocked_by:
        return Why.BLOCKED
    return None if relation.following else Why.REPLY_TO_STRANGER
