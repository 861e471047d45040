"""The scopes of the public API, and what they let an app do, in words."""

from __future__ import annotations

from collections.abc import Iterable

_NOUNS_READ = (
    "accounts", "blocks", "bookmarks", "favourites", "filters", "follows", "lists", "mutes", "notifications",
    "search", "statuses",
)  # fmt: skip
_NOUNS_WRITE = (
    "accounts", "blocks", "bookmarks", "conversations", "favourites", "filters", "follows", "lists", "media",
    "mutes", "notifications", "reports", "statuses",
)  # fmt: skip
SCOPES = (
    "profile",
    "read",
    *(f"read:{noun}" for noun in _NOUNS_READ),
    "write",
    *(f"write:{noun}" for noun in _NOUNS_WRITE),
    "follow",
    "push",
    "sessions",
    "admin:read",
    "admin:read:reports",
    "admin:write",
    "admin:write:reports",
)
_WORDS = {
    "profile": "see your profile",
    "read": "read everything that you can read",
    "write": "post, follow and change everything that you can change",
    "follow": "see and change whom you follow, block and mute",
    "push": "send you notifications",
    "sessions": "see where you are signed in, and sign you out there",
    "admin:read": "see what moderators see, if you are one",
    "admin:read:reports": "see reports, if you are a moderator",
    "admin:write": "do what moderators do, if you are one",
    "admin:write:reports": "decide on reports and posts, if you are a moderator",
}


def permissions(scopes: Iterable[str]) -> list[str]:
    """A sentence's end for each scope, in the order asked for."""
    return [_WORDS.get(scope) or _words(scope) for scope in scopes]


def _words(scope: str) -> str:
    verb, _, noun = scope.partition(":")
    does = {"read": "see", "write": "change"}.get(verb, verb)
    return f"{does} your {noun}" if noun else scope
