"""Lists as clients know them."""

from __future__ import annotations

from typing import Any

from rookery.user.v1.list_service_pb2 import AccountList, RepliesPolicy

POLICIES = {
    "followed": RepliesPolicy.REPLIES_POLICY_FOLLOWED,
    "list": RepliesPolicy.REPLIES_POLICY_LIST,
    "none": RepliesPolicy.REPLIES_POLICY_NONE,
}
_POLICY_NAMES = {code: name for name, code in POLICIES.items()}


def list_entity(message: AccountList) -> dict[str, Any]:
    """A List."""
    return {
        "id": str(message.list_id),
        "title": message.title,
        "replies_policy": _POLICY_NAMES[message.replies_policy],
        "exclusive": message.exclusive,
    }
