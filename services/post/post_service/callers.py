"""Who calls, as the servicers need to know it."""

from __future__ import annotations

from post_service.errors import UserRequired
from rookery_common.auth import Identity, require_identity


def require_user(scope: str) -> Identity:
    """The account that calls, with this scope. Raises Unauthenticated, ScopeMissing, UserRequired."""
    identity = require_identity(scope)
    if identity.account_id == 0:
        raise UserRequired("this needs a user: the token is an application's own")
    return identity
