"""Mastodon's Role entities. Permissions are its bits, as far as there is something here that they permit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

_MANAGE_REPORTS = 1 << 4
_INVITE_USERS = 1 << 16


def _role(role_id: int, name: str, permissions: int, *, highlighted: bool) -> Mapping[str, Any]:
    return {
        "id": str(role_id),
        "name": name,
        "color": "",
        "permissions": str(permissions),
        "highlighted": highlighted,
    }


# Whoever has no role of their own; the id and the permissions (to invite) are those that Mastodon gives everyone.
EVERYONE = _role(-99, "", _INVITE_USERS, highlighted=False)
_BY_NAME = {
    "admin": _role(2, "Admin", _INVITE_USERS | _MANAGE_REPORTS, highlighted=True),
    "moderator": _role(1, "Moderator", _INVITE_USERS | _MANAGE_REPORTS, highlighted=True),
}


def role_of(names: Collection[str]) -> Mapping[str, Any]:
    """The highest role among those that auth names."""
    return next((role for name, role in _BY_NAME.items() if name in names), EVERYONE)
