"""Push subscriptions, what was pushed, and the key by which push services know the platform, in CQL; secrets sealed."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from notification_service.models import Kind
from notification_service.push_models import Endpoint, PushPolicy, Subscription
from rookery_common.clients.cassandra import Cql, Row
from rookery_common.crypto import FieldCipher, WrappedKey

# More sessions of an account than anybody has.
MAX_SUBSCRIPTIONS: Final = 100
KEY_NAME: Final = "vapid"
STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "push_put": (
            "INSERT INTO push_subscriptions"
            " (account_id, session_id, subscription_id, alerts, policy, data_key, sealed) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ),
        "push_get": (
            "SELECT account_id, session_id, subscription_id, alerts, policy, data_key, sealed FROM push_subscriptions"
            " WHERE account_id = ? AND session_id = ?"
        ),
        "push_list": (
            "SELECT account_id, session_id, subscription_id, alerts, policy, data_key, sealed FROM push_subscriptions"
            " WHERE account_id = ? LIMIT ?"
        ),
        "push_any": "SELECT session_id FROM push_subscriptions WHERE account_id = ? LIMIT 1",
        "push_delete": "DELETE FROM push_subscriptions WHERE account_id = ? AND session_id = ?",
        "push_claim": "INSERT INTO sent_pushes (subscription_id, notification_id) VALUES (?, ?) IF NOT EXISTS",
        "push_key_get": "SELECT data_key, sealed FROM push_keys WHERE name = ?",
        "push_key_make": "INSERT INTO push_keys (name, data_key, sealed) VALUES (?, ?, ?) IF NOT EXISTS",
    }
)


class PushRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql, cipher: FieldCipher) -> None:
        self._cql = cql
        self._cipher = cipher

    async def put(self, subscription: Subscription) -> None:
        """In the place of what the session had."""
        key = self._cipher.new_data_key()
        sealed = self._cipher.encrypt(key, _text(subscription.endpoint), _context(subscription.account_id))
        row = (
            subscription.account_id,
            subscription.session_id,
            subscription.subscription_id,
            {int(kind) for kind in subscription.alerts},
            int(subscription.policy),
            key,
            sealed,
        )
        await self._cql.execute("push_put", row)

    async def get(self, account_id: int, session_id: int) -> Subscription | None:
        """Of one session."""
        rows = await self._cql.execute("push_get", (account_id, session_id))
        return self._subscription(rows[0]) if rows else None

    async def of_account(self, account_id: int) -> list[Subscription]:
        """Of all sessions."""
        rows = await self._cql.execute("push_list", (account_id, MAX_SUBSCRIPTIONS))
        return [self._subscription(row) for row in rows]

    async def has_any(self, account_id: int) -> bool:
        """Whether anything is to be pushed to the account."""
        return bool(await self._cql.execute("push_any", (account_id,)))

    async def delete(self, account_id: int, session_id: int) -> None:
        """Repeating it is harmless."""
        await self._cql.execute("push_delete", (account_id, session_id))

    async def claim(self, subscription_id: int, notification_id: int) -> bool:
        """Whether it was not yet claimed: what follows is done at most once."""
        applied, _ = await self._cql.execute_conditional("push_claim", (subscription_id, notification_id))
        return applied

    async def key(self, new: str) -> str:
        """The platform's key: the new one, if there was none."""
        rows = await self._cql.execute("push_key_get", (KEY_NAME,), serial=True)
        if not rows:
            data_key = self._cipher.new_data_key()
            sealed = self._cipher.encrypt(data_key, new, KEY_NAME)
            await self._cql.execute_conditional("push_key_make", (KEY_NAME, data_key, sealed))
            rows = await self._cql.execute("push_key_get", (KEY_NAME,), serial=True)
        return self._cipher.decrypt(WrappedKey(rows[0].data_key), rows[0].sealed, KEY_NAME)

    def _subscription(self, row: Row) -> Subscription:
        text = self._cipher.decrypt(WrappedKey(row.data_key), row.sealed, _context(row.account_id))
        return Subscription(
            subscription_id=row.subscription_id,
            account_id=row.account_id,
            session_id=row.session_id,
            alerts=frozenset(Kind(number) for number in row.alerts or ()),
            policy=PushPolicy(row.policy),
            endpoint=_endpoint(text),
        )


def _context(account_id: int) -> str:
    return f"push_subscriptions.sealed:{account_id}"


def _text(endpoint: Endpoint) -> str:
    keys = [b64encode(endpoint.public_key).decode(), b64encode(endpoint.auth).decode()]
    return json.dumps([endpoint.url, *keys, endpoint.token])


def _endpoint(text: str) -> Endpoint:
    url, public_key, auth, token = json.loads(text)
    return Endpoint(url, b64decode(public_key), b64decode(auth), token)
