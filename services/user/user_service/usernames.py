"""The rules of usernames: Mastodon's letters, digits and underscores, and names that would mislead."""

from __future__ import annotations

import re
from functools import lru_cache

from user_service.errors import UsernameInvalid
from user_service.models import MAX_USERNAME_CHARS

_ALLOWED = re.compile(r"[a-z0-9_]+", re.IGNORECASE | re.ASCII)
# Names that speak for the place itself, or are parts of its addresses.
_RESERVED = frozenset({
    "abuse", "account", "accounts", "admin", "administration", "administrator", "admins", "announcement",
    "announcements", "api", "auth", "billing", "bot", "contact", "everyone", "help", "here", "hostmaster", "info",
    "instance", "legal", "mail", "maintenance", "mod", "moderation", "moderator", "moderators", "mods", "news",
    "no_reply", "nobody", "noreply", "notifications", "null", "oauth", "official", "operator", "owner", "postmaster",
    "privacy", "rookery", "root", "security", "settings", "signin", "signup", "staff", "status", "support", "sysadmin",
    "system", "team", "terms", "trust", "undefined", "webmaster",
})  # fmt: skip

# What is taken for a letter at a glance. Letters beyond ASCII, most of those that mislead, are in no username.
_LOOKALIKES = str.maketrans({"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "_": ""})
# In shorter names l and i are told apart: "mall" is not meant to be "mail".
_LONG = 5


def is_username(name: str) -> bool:
    """Whether anyone could have this name."""
    return len(name) <= MAX_USERNAME_CHARS and _ALLOWED.fullmatch(name) is not None


def check_username(username: str, reserved: frozenset[str] = frozenset()) -> None:
    """Raises UsernameInvalid with the rule that is broken; `reserved` are further names in lower case."""
    if not username.strip():
        raise UsernameInvalid("ERR_BLANK", "must not be blank")
    if len(username) > MAX_USERNAME_CHARS:
        raise UsernameInvalid("ERR_TOO_LONG", f"must have at most {MAX_USERNAME_CHARS} characters")
    if not _ALLOWED.fullmatch(username):
        raise UsernameInvalid("ERR_INVALID", "must have letters, digits and underscores only")
    if _shape(username) in _shapes(_RESERVED | reserved):
        raise UsernameInvalid("ERR_RESERVED", "is reserved, or looks like a name that is")


def _shape(name: str) -> str:
    """The same of names that look alike."""
    shape = name.lower().translate(_LOOKALIKES).replace("rn", "m").replace("vv", "w")
    return shape.replace("l", "i") if len(shape) >= _LONG else shape


@lru_cache(maxsize=16)
def _shapes(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(_shape, names))
