"""Mastodon's Role entities: the highest of an account's roles, with all that its roles permit, as bits."""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping
from typing import Any

from rookery_common.auth import Identity

# Mastodon's bits; what we have no use for has no name here.
_BITS: Mapping[str, int] = {
    "administrator": 0,
    "view_devops": 1,
    "view_audit_log": 2,
    "view_dashboard": 3,
    "manage_reports": 4,
    "manage_settings": 6,
    "manage_blocks": 7,
    "manage_taxonomies": 8,
    "manage_appeals": 9,
    "manage_users": 10,
    "manage_invites": 11,
    "manage_rules": 12,
    "manage_announcements": 13,
    "invite_users": 16,
    "manage_roles": 17,
    "manage_user_access": 18,
    "delete_user_data": 19,
}
# The id of the role that everyone has is Mastodon's own.
_EVERYONE_ID = "-99"
_BUILT_IN = {"admin": ("2", "Admin"), "moderator": ("1", "Moderator")}
_FIRST_CUSTOM_ID = 100


def role_of(identity: Identity) -> Mapping[str, Any]:
    """What clients show of an account's own roles, and offer it to do."""
    names = [*(name for name in _BUILT_IN if name in identity.roles), *sorted(identity.roles - _BUILT_IN.keys())]
    if not names:
        return _role(_EVERYONE_ID, "", identity.permissions, highlighted=False)
    role_id, title = _BUILT_IN.get(names[0]) or _custom(names[0])
    return _role(role_id, title, identity.permissions, highlighted=True)


def _custom(name: str) -> tuple[str, str]:
    """An id of its own for each name, which is all that tokens carry."""
    return str(_FIRST_CUSTOM_ID + zlib.crc32(name.encode())), name.replace("_", " ").capitalize()


def _role(role_id: str, name: str, permissions: Collection[str], *, highlighted: bool) -> Mapping[str, Any]:
    bits = sum(1 << bit for permission, bit in _BITS.items() if permission in permissions)
    return {"id": role_id, "name": name, "color": "", "permissions": str(bits), "highlighted": highlighted}


# Of other accounts' roles nothing is known here.
EVERYONE = _role(_EVERYONE_ID, "", ("invite_users",), highlighted=False)
