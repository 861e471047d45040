"""Polls as authors ask for them: checked, and what an edit makes of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from post_service.errors import InvalidField
from post_service.models import Draft
from post_service.poll_models import (
    MAX_POLL_OPTION_CHARS,
    MAX_POLL_OPTIONS,
    MAX_POLL_SECONDS,
    MIN_POLL_OPTIONS,
    MIN_POLL_SECONDS,
    Poll,
    PollDraft,
)
from post_service.service.text import check_text, count_graphemes

SAME_END = timedelta(minutes=1)
"""An edit that moves the end by less is taken for one that is repeated, and leaves it."""


def check_poll(draft: Draft) -> PollDraft | None:
    """The poll as it will be posted, its options trimmed. Raises InvalidField."""
    poll = draft.poll
    if poll is None:
        return None
    if draft.media_ids:
        raise InvalidField("poll", "ERR_INVALID", "can't be had together with media")
    options = tuple(option.strip() for option in poll.options)
    if not MIN_POLL_OPTIONS <= len(options) <= MAX_POLL_OPTIONS:
        raise InvalidField("poll.options", "ERR_INVALID", f"must be {MIN_POLL_OPTIONS} to {MAX_POLL_OPTIONS}")
    if len(set(options)) < len(options):
        raise InvalidField("poll.options", "ERR_TAKEN", "must be different")
    for option in options:
        _check_option(option)
    if not MIN_POLL_SECONDS <= poll.expires_in <= MAX_POLL_SECONDS:
        bounds = f"must be from {MIN_POLL_SECONDS} to {MAX_POLL_SECONDS} seconds"
        raise InvalidField("poll.expires_in", "ERR_INVALID", bounds)
    return replace(poll, options=options)


def check_kept_poll(poll: PollDraft | None) -> None:
    """What is asked in a draft may be unfinished. Raises InvalidField."""
    options = poll.options if poll else ()
    if len(options) > MAX_POLL_OPTIONS:
        raise InvalidField("poll.options", "ERR_INVALID", f"must be at most {MAX_POLL_OPTIONS}")
    for option in filter(None, options):
        _check_option(option)


def new_poll(draft: PollDraft, now: datetime, ballot: int) -> Poll:
    """The poll, from now on."""
    ends = now + timedelta(seconds=draft.expires_in, microseconds=-(now.microsecond % 1000))  # as it is stored
    return Poll(draft.options, draft.multiple, draft.hide_totals, ends, ballot)


def edited_poll(before: Poll | None, draft: PollDraft | None, now: datetime, version: int) -> Poll | None:
    """What an edit makes of a post's poll: other options, or another number of them to choose, begin it anew."""
    if draft is None:
        return None
    is_same = before is not None and (before.options, before.multiple) == (draft.options, draft.multiple)
    if before is None or not is_same:
        return new_poll(draft, now, version)
    poll = new_poll(draft, now, before.ballot)
    return replace(poll, expires_at=before.expires_at) if abs(poll.expires_at - before.expires_at) < SAME_END else poll


def _check_option(option: str) -> None:
    check_text("poll.options", option)
    if not option:
        raise InvalidField("poll.options", "ERR_BLANK", "can't be blank")
    if len(option) > MAX_POLL_OPTION_CHARS * 16 or count_graphemes(option) > MAX_POLL_OPTION_CHARS:
        raise InvalidField("poll.options", "ERR_TOO_LONG", f"must be at most {MAX_POLL_OPTION_CHARS} characters")
