"""Policies, and answers to those who are filtered, in CQL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Final

from notification_service.policy_models import MAX_ANSWERS, Answer, Outcome, Policy
from rookery_common.clients.cassandra import Cql

FIELDS: Final = tuple(each.name for each in fields(Policy))
STATEMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "policy_get": (
            "SELECT not_following, not_followers, new_accounts, private_mentions, limited_accounts"
            " FROM notification_policies WHERE recipient_id = ?"
        ),
        # One a column, so that two clients that change two of them at once both have their way.
        "policy_put_not_following": "INSERT INTO notification_policies (recipient_id, not_following) VALUES (?, ?)",
        "policy_put_not_followers": "INSERT INTO notification_policies (recipient_id, not_followers) VALUES (?, ?)",
        "policy_put_new_accounts": "INSERT INTO notification_policies (recipient_id, new_accounts) VALUES (?, ?)",
        "policy_put_private_mentions": (
            "INSERT INTO notification_policies (recipient_id, private_mentions) VALUES (?, ?)"
        ),
        "policy_put_limited_accounts": (
            "INSERT INTO notification_policies (recipient_id, limited_accounts) VALUES (?, ?)"
        ),
        "answer_list": (
            "SELECT account_id, is_accepted, dismissed_up_to FROM request_answers WHERE recipient_id = ? LIMIT ?"
        ),
        "answer_accept": "INSERT INTO request_answers (recipient_id, account_id, is_accepted) VALUES (?, ?, true)",
        "answer_dismiss": "INSERT INTO request_answers (recipient_id, account_id, dismissed_up_to) VALUES (?, ?, ?)",
    }
)


class PolicyRepository:
    """Raises Unavailable while CQL is away."""

    def __init__(self, cql: Cql) -> None:
        self._cql = cql

    async def get(self, recipient_id: int) -> Policy:
        """The usual one in what the recipient has not chosen."""
        rows = await self._cql.execute("policy_get", (recipient_id,))
        chosen = {name: number for name in FIELDS if rows and (number := getattr(rows[0], name)) is not None}
        return Policy(**{name: Outcome(number) for name, number in chosen.items()})

    async def put(self, recipient_id: int, changes: Mapping[str, Outcome]) -> None:
        """Of the fields of a policy, those that are named."""
        rows = [(f"policy_put_{name}", (recipient_id, int(outcome))) for name, outcome in changes.items()]
        if rows:
            await self._cql.batch(rows, logged=False)

    async def answers(self, recipient_id: int) -> list[Answer]:
        """What the recipient has given; of more than a thousand accounts the older ones'."""
        rows = await self._cql.execute("answer_list", (recipient_id, MAX_ANSWERS))
        return [Answer(row.account_id, bool(row.is_accepted), row.dismissed_up_to or 0) for row in rows]

    async def accept(self, recipient_id: int, account_ids: Iterable[int]) -> None:
        """For good; repeating it is harmless."""
        await self._cql.many("answer_accept", [(recipient_id, account_id) for account_id in account_ids])

    async def dismiss(self, recipient_id: int, account_ids: Iterable[int], up_to_id: int) -> None:
        """Up to a notification; repeating it is harmless."""
        rows = [(recipient_id, account_id, up_to_id) for account_id in account_ids]
        await self._cql.many("answer_dismiss", rows)
