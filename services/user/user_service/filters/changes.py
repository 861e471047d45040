"""A filter as a change leaves it. Everything wrong is refused with its field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from user_service.errors import FieldInvalid, FilterNotFound
from user_service.filters.models import (
    MAX_EXPIRE_SECONDS,
    MAX_KEYWORD_CHARS,
    MAX_TITLE_CHARS,
    Filter,
    FilterChange,
    Keyword,
    KeywordChange,
)


def changed(before: Filter, change: FilterChange, now: datetime, mint: Callable[[], int]) -> Filter:
    """Raises FieldInvalid, FilterNotFound for a keyword of another filter."""
    values: dict[str, Any] = {}
    if change.title is not None:
        values["title"] = _text("title", change.title, MAX_TITLE_CHARS)
    if change.contexts is not None:
        values["contexts"] = tuple(sorted(set(change.contexts)))
        if not change.contexts:
            raise FieldInvalid("context", "can't be blank", "ERR_BLANK")
    if change.action is not None:
        values["action"] = change.action
    if change.expire_seconds is not None:
        values["expires_at"] = _expiry(change.expire_seconds, now)
    values["keywords"] = _keywords(before.keywords, change.keywords, mint)
    after: Filter = replace(before, **values)
    return after


def _expiry(seconds: int, now: datetime) -> datetime | None:
    if not 0 <= seconds <= MAX_EXPIRE_SECONDS:
        raise FieldInvalid("expires_in", f"must be a number of seconds up to {MAX_EXPIRE_SECONDS}")
    return now + timedelta(seconds=seconds) if seconds else None


def _keywords(
    before: Sequence[Keyword], changes: Sequence[KeywordChange], mint: Callable[[], int]
) -> tuple[Keyword, ...]:
    after = {keyword.keyword_id: keyword for keyword in before}
    for change in changes:
        known = after.pop(change.keyword_id, None)
        if known is None and change.keyword_id:
            raise FilterNotFound("there is no such keyword in this filter")
        if change.remove:
            continue
        text = change.keyword if change.keyword is not None else known.keyword if known else ""
        whole_word = change.whole_word if change.whole_word is not None else known.whole_word if known else True
        keyword_id = change.keyword_id or mint()
        after[keyword_id] = Keyword(keyword_id, _text("keyword", text, MAX_KEYWORD_CHARS), whole_word)
    return tuple(after[keyword_id] for keyword_id in sorted(after))


def _text(field: str, value: str, limit: int) -> str:
    value = value.strip()
    if not value:
        raise FieldInvalid(field, "can't be blank", "ERR_BLANK")
    if len(value) > limit:
        raise FieldInvalid(field, f"must have at most {limit} characters", "ERR_TOO_LONG")
    if not value.isprintable():
        raise FieldInvalid(field, "must be printable")
    return value
