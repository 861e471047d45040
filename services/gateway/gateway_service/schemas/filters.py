"""Filters as clients know them, of both generations of the API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rookery.user.v1.filter_service_pb2 import Filter, FilterAction, FilterContext, FilterKeyword, FilterStatus

CONTEXTS = {
    "home": FilterContext.FILTER_CONTEXT_HOME,
    "notifications": FilterContext.FILTER_CONTEXT_NOTIFICATIONS,
    "public": FilterContext.FILTER_CONTEXT_PUBLIC,
    "thread": FilterContext.FILTER_CONTEXT_THREAD,
    "account": FilterContext.FILTER_CONTEXT_ACCOUNT,
}
ACTIONS = {
    "warn": FilterAction.FILTER_ACTION_WARN,
    "hide": FilterAction.FILTER_ACTION_HIDE,
    "blur": FilterAction.FILTER_ACTION_BLUR,
}
_CONTEXT_NAMES = {code: name for name, code in CONTEXTS.items()}
_ACTION_NAMES = {code: name for name, code in ACTIONS.items()}


def filter_fields(message: Filter) -> dict[str, Any]:
    """A Filter without what it looks for, as it stands in a FilterResult."""
    return {
        "id": str(message.filter_id),
        "title": message.title,
        "context": _contexts(message.contexts),
        "expires_at": _expiry(message),
        "filter_action": _ACTION_NAMES[message.action],
    }


def filter_entity(message: Filter) -> dict[str, Any]:
    """A Filter."""
    return {
        **filter_fields(message),
        "keywords": [keyword_entity(keyword) for keyword in message.keywords],
        "statuses": [status_entity(status) for status in message.statuses],
    }


def keyword_entity(keyword: FilterKeyword) -> dict[str, Any]:
    """A FilterKeyword."""
    return {"id": str(keyword.keyword_id), "keyword": keyword.keyword, "whole_word": keyword.whole_word}


def status_entity(status: FilterStatus) -> dict[str, Any]:
    """A FilterStatus."""
    return {"id": str(status.filter_status_id), "status_id": str(status.status_id)}


def v1_entity(message: Filter, keyword: FilterKeyword) -> dict[str, Any]:
    """What the first generation calls a filter: one of its keywords."""
    return {
        "id": str(keyword.keyword_id),
        "phrase": keyword.keyword,
        "context": _contexts(message.contexts),
        "expires_at": _expiry(message),
        "irreversible": message.action == FilterAction.FILTER_ACTION_HIDE,
        "whole_word": keyword.whole_word,
    }


def _contexts(codes: Iterable[FilterContext.ValueType]) -> list[str]:
    return [_CONTEXT_NAMES[code] for code in codes]


def _expiry(message: Filter) -> str | None:
    return message.expire_time.ToJsonString() if message.HasField("expire_time") else None
