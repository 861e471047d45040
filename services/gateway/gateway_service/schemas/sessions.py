"""Sessions of an account as its owner's apps are shown them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from rookery.auth.v1.account_service_pb2 import AccountSession


def sessions(found: Iterable[AccountSession]) -> bytes:
    """Each with what it is known by; `app` is null for a browser."""
    return orjson.dumps({"sessions": [_session(session) for session in found]})


def ended(count: int) -> bytes:
    """How many were ended."""
    return orjson.dumps({"ended": count})


def _session(session: AccountSession) -> dict[str, Any]:
    app = {"name": session.app_name, "website": session.app_website or None} if session.app_name else None
    return {
        "id": str(session.session_id),
        "app": app,
        "device": session.device or None,
        "network": session.network or None,
        "created_at": _time(session.create_time),
        "used_at": _time(session.use_time),
        "current": session.current,
    }


def _time(value: Timestamp) -> str:
    return f"{value.ToDatetime(UTC):%Y-%m-%dT%H:%M:%SZ}"
