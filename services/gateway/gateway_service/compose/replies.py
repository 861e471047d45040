"""Who may reply in a thread, as clients name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rookery.post.v1.post_pb2 import Post, ReplyPolicy

POLICIES: Final[Mapping[str, ReplyPolicy.ValueType]] = {
    "everyone": ReplyPolicy.REPLY_POLICY_EVERYONE,
    "followers": ReplyPolicy.REPLY_POLICY_FOLLOWERS,
    "mentioned": ReplyPolicy.REPLY_POLICY_MENTIONED,
    "nobody": ReplyPolicy.REPLY_POLICY_NOBODY,
}
_NAMES: Final[Mapping[int, str]] = {number: name for name, number in POLICIES.items()}


def reply_policy(post: Post) -> str | None:
    """Of a thread's first post; None of the others, for which that decides."""
    return None if post.in_reply_to_id else _NAMES.get(post.reply_policy, "everyone")


def policy_name(policy: int) -> str:
    """As clients name it."""
    return _NAMES.get(policy, "everyone")
