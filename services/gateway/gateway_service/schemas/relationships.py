"""What one account is to another."""

from __future__ import annotations

import orjson

from gateway_service.schemas.conversations import moment
from rookery.user.v1.account_pb2 import Relationship
from rookery.user.v1.relationship_service_pb2 import MutedAccount


def relationship(message: Relationship) -> bytes:
    """Mastodon's Relationship entity. Domains are never blocked: every account is local."""
    return orjson.dumps(
        {
            "id": str(message.account_id),
            "following": message.following,
            "showing_reblogs": message.showing_reblogs,
            "notifying": message.notifying,
            "languages": list(message.languages) or None,
            "followed_by": message.followed_by,
            "blocking": message.blocking,
            "blocked_by": message.blocked_by,
            "muting": message.muting,
            "muting_notifications": message.muting_notifications,
            "requested": message.requested,
            "requested_by": message.requested_by,
            "domain_blocking": False,
            "endorsed": message.endorsed,
            "note": message.note,
        }
    )


def muted_account(account: bytes, muted: MutedAccount) -> bytes:
    """Mastodon's MutedAccount entity: the account, and when the mute ends."""
    until = moment(muted.expire_time) if muted.HasField("expire_time") else None
    return b'%b,"mute_expires_at":%b}' % (account[:-1], orjson.dumps(until))
