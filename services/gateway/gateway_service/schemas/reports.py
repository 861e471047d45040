"""Reports, as whoever makes them and whoever decides on them see them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from gateway_service.schemas.roles import EVERYONE
from rookery.moderation.v1.decision_pb2 import Decision, DecisionState
from rookery.moderation.v1.moderation_service_pb2 import Report, ReportCategory

CATEGORIES: Mapping[str, ReportCategory.ValueType] = {
    "spam": ReportCategory.REPORT_CATEGORY_SPAM,
    "legal": ReportCategory.REPORT_CATEGORY_LEGAL,
    "violation": ReportCategory.REPORT_CATEGORY_VIOLATION,
    "other": ReportCategory.REPORT_CATEGORY_OTHER,
}
STATES: Mapping[str, DecisionState.ValueType] = {
    "visible": DecisionState.DECISION_STATE_VISIBLE,
    "held": DecisionState.DECISION_STATE_HELD,
    "removed": DecisionState.DECISION_STATE_REMOVED,
}
_CATEGORY_NAMES = {value: name for name, value in CATEGORIES.items()}
_STATE_NAMES = {value: name for name, value in STATES.items()}


def report(message: Report, target_account: bytes) -> bytes:
    """Mastodon's Report entity, around the rendered Account."""
    entity = {
        **_common(message),
        "status_ids": [str(post_id) for post_id in message.post_ids],
        "rule_ids": None,
        "target_account": orjson.Fragment(target_account),
    }
    return orjson.dumps(entity)


def admin_report(message: Report, accounts: Mapping[int, bytes], statuses: Mapping[int, bytes]) -> bytes:
    """Mastodon's Admin::Report entity, of rendered Accounts and Statuses by id; who reports by a rule has the id 0."""
    entity = {
        **_common(message),
        "updated_at": _time(message.update_time),
        "account": _admin_account(accounts.get(message.account_id)),
        "target_account": _admin_account(accounts.get(message.target_account_id)),
        "assigned_account": _admin_account(accounts.get(message.assignee_id) if message.assignee_id else None),
        "action_taken_by_account": _admin_account(accounts.get(message.resolver_id) if message.resolver_id else None),
        "statuses": [orjson.Fragment(statuses[post_id]) for post_id in message.post_ids if post_id in statuses],
        "rules": [],
    }
    return orjson.dumps(entity)


def decision(message: Decision) -> bytes:
    """A decision on a post, as our own routes show it."""
    return orjson.dumps(
        {
            "id": str(message.decision_id),
            "post_id": str(message.post_id),
            "account_id": str(message.account_id),
            "state": _STATE_NAMES.get(message.state, "visible"),
            "rule": message.rule,
            "version": message.version,
            "moderator_id": str(message.moderator_id) if message.moderator_id else None,
            "decided_at": _time(message.decide_time),
        }
    )


def _common(message: Report) -> dict[str, Any]:
    resolved = message.HasField("resolve_time")
    return {
        "id": str(message.report_id),
        "action_taken": resolved,
        "action_taken_at": _time(message.resolve_time) if resolved else None,
        "category": _CATEGORY_NAMES.get(message.category, "other"),
        "comment": message.comment,
        "forwarded": False,
        "created_at": _time(message.create_time),
    }


def _admin_account(account: bytes | None) -> dict[str, Any] | None:
    """Mastodon's Admin::Account entity. Addresses stay with auth, encrypted: deciding on posts needs none."""
    if account is None:
        return None
    entity = orjson.loads(account)
    return {
        "id": entity["id"],
        "username": entity["username"],
        "domain": None,
        "created_at": entity["created_at"],
        "email": "",
        "ip": None,
        "ips": [],
        "locale": None,
        "invite_request": None,
        "role": EVERYONE,
        "confirmed": True,
        "approved": True,
        "disabled": False,
        "silenced": False,
        "suspended": False,
        "account": orjson.Fragment(account),
    }


def _time(moment: Timestamp) -> str:
    seconds = datetime.fromtimestamp(moment.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{seconds}.{moment.nanos // 1_000_000:03}Z"
