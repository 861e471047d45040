"""What an app may ask for, and what it is given."""

from __future__ import annotations

from collections.abc import Sequence

from auth_service.models import ADMIN_SCOPE, DEFAULT_SCOPES, MAX_SCOPES, ORDINARY_PERMISSIONS, SCOPES
from rookery_common.auth import scope_covers


def unknown_scopes(scopes: Sequence[str]) -> list[str]:
    """Those that do not exist; too many count as unknown, too."""
    return [scope for scope in scopes if scope not in SCOPES] + list(scopes[MAX_SCOPES:])


def distinct(scopes: Sequence[str]) -> tuple[str, ...]:
    """Each once, in their order."""
    return tuple(dict.fromkeys(scopes))


def effective(scopes: Sequence[str], permissions: Sequence[str]) -> tuple[str, ...]:
    """What a token's scopes let its account do now: those of administration need more than everyone is permitted."""
    is_staff = not ORDINARY_PERMISSIONS.issuperset(permissions)
    return tuple(scope for scope in scopes if is_staff or not scope.startswith(ADMIN_SCOPE))


def grantable(requested: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...] | None:
    """The scopes to grant to an app that was registered with `allowed`; None if it asks for more.

    Who asks for none gets read, or all that the app may have where that is not among it.
    """
    granted = frozenset(allowed)
    if not requested:
        covered = all(scope_covers(granted, scope) for scope in DEFAULT_SCOPES)
        return DEFAULT_SCOPES if covered else tuple(allowed)
    if unknown_scopes(requested) or not all(scope_covers(granted, scope) for scope in requested):
        return None
    return distinct(requested)
