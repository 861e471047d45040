"""Checks a draft before anything is read or written for it; each failure names its field."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import astuple, replace

from post_service.errors import InvalidField
from post_service.models import (
    MAX_APPLICATION_NAME_CHARS,
    MAX_APPLICATION_WEBSITE_CHARS,
    MAX_MEDIA,
    MAX_MENTIONS,
    MAX_POST_BYTES,
    MAX_POST_CHARS,
    MAX_REQUEST_ID_CHARS,
    MAX_TAGS,
    Draft,
    Visibility,
)
from post_service.quote_models import QuotePolicy
from post_service.reply_models import ReplyPolicy
from post_service.service.poll_drafts import check_kept_poll, check_poll
from post_service.service.text import check_text, count_chars, find_tags, find_usernames

_UNQUOTED = (Visibility.PRIVATE, Visibility.DIRECT)
_LANGUAGE = re.compile(r"([a-z]{2,3})(?:-([a-z]{4}))?(?:-([a-z]{2}|[0-9]{3}))?", re.IGNORECASE)


def check_draft(draft: Draft) -> Draft:
    """The draft as it will be posted: trimmed, its language in canonical case, marked sensitive if it has a warning."""
    for field, value in (
        ("status", draft.text),
        ("spoiler_text", draft.spoiler_text),
        ("language", draft.language),
        ("application_name", draft.application_name),
        ("application_website", draft.application_website),
        ("request_id", draft.request_id),
    ):
        check_text(field, value)
    _check_limit("request_id", draft.request_id, MAX_REQUEST_ID_CHARS)
    _check_limit("application_name", draft.application_name, MAX_APPLICATION_NAME_CHARS)
    _check_limit("application_website", draft.application_website, MAX_APPLICATION_WEBSITE_CHARS)
    text, spoiler_text = _check_texts(draft)
    _check_media_ids(draft.media_ids)
    if draft.in_reply_to_id < 0:
        raise InvalidField("in_reply_to_id", "ERR_INVALID", "is not an id")
    if draft.in_reply_to_id and draft.reply_policy is not ReplyPolicy.EVERYONE:
        raise InvalidField("reply_policy", "ERR_INVALID", "is decided by the first post of a thread")
    _check_quote(draft)
    return replace(
        draft,
        text=text,
        spoiler_text=spoiler_text,
        sensitive=draft.sensitive or bool(draft.spoiler_text.strip()),
        language=_canonical_language(draft.language),
        poll=check_poll(draft),
        quote_policy=QuotePolicy.NOBODY if draft.visibility in _UNQUOTED else draft.quote_policy,
    )


def check_kept(draft: Draft) -> Draft:
    """The draft as it is kept, without what is said anew when it is posted: it may be unfinished, but not anything."""
    for field, value in (("status", draft.text), ("spoiler_text", draft.spoiler_text), ("language", draft.language)):
        check_text(field, value)
        if len(value.encode()) > MAX_POST_BYTES:
            raise InvalidField(field, "ERR_TOO_LONG", f"must be at most {MAX_POST_BYTES} bytes")
    _check_media_ids(draft.media_ids)
    check_kept_poll(draft.poll)
    for field, number in (("in_reply_to_id", draft.in_reply_to_id), ("quoted_status_id", draft.quoted_id)):
        if number < 0:
            raise InvalidField(field, "ERR_INVALID", "is not an id")
    language = _canonical_language(draft.language)
    return replace(draft, language=language, application_name="", application_website="", request_id="")


def check_request_id(request_id: str) -> None:
    """Raises InvalidField for what can be no Idempotency-Key."""
    check_text("request_id", request_id)
    _check_limit("request_id", request_id, MAX_REQUEST_ID_CHARS)


def _check_quote(draft: Draft) -> None:
    if draft.quoted_id < 0:
        raise InvalidField("quoted_status_id", "ERR_INVALID", "is not an id")
    if draft.quoted_id and (draft.media_ids or draft.poll):
        raise InvalidField("quoted_status_id", "ERR_INVALID", "can't be had together with media or a poll")


def _check_texts(draft: Draft) -> tuple[str, str]:
    text, spoiler_text = draft.text.strip(), draft.spoiler_text.strip()
    if not text and draft.media_ids:
        text, spoiler_text = spoiler_text, ""  # A warning before nothing is the text itself.
    if not text and not draft.media_ids and not draft.quoted_id:
        raise InvalidField("status", "ERR_BLANK", "can't be blank")
    too_long = f"must be at most {MAX_POST_CHARS} characters"
    if len(spoiler_text.encode()) > MAX_POST_BYTES or count_chars(spoiler_text) > MAX_POST_CHARS:
        raise InvalidField("spoiler_text", "ERR_TOO_LONG", too_long)
    if len(text.encode()) > MAX_POST_BYTES:
        raise InvalidField("status", "ERR_TOO_LONG", f"must be at most {MAX_POST_BYTES} bytes")
    if count_chars(spoiler_text) + count_chars(text) > MAX_POST_CHARS:
        raise InvalidField("status", "ERR_TOO_LONG", f"{too_long}, its warning included")
    return text, spoiler_text


def _check_limit(field: str, value: str, limit: int) -> None:
    if len(value) > limit:
        raise InvalidField(field, "ERR_TOO_LONG", f"must be at most {limit} characters")


def _check_media_ids(media_ids: tuple[int, ...]) -> None:
    if len(media_ids) > MAX_MEDIA:
        raise InvalidField("media_ids", "ERR_TOO_MANY", f"must be at most {MAX_MEDIA}")
    if len(set(media_ids)) != len(media_ids) or any(media_id <= 0 for media_id in media_ids):
        raise InvalidField("media_ids", "ERR_INVALID", "must be different ids")


def _canonical_language(language: str) -> str:
    """The tag in BCP 47's case: language, then script and region if any; empty stays empty."""
    if not language:
        return ""
    match = _LANGUAGE.fullmatch(language)
    if match is None or not language.isascii():
        raise InvalidField("language", "ERR_INVALID", "is not a BCP 47 language tag")
    base, script, region = match.groups()
    parts = [base.lower(), script.title() if script else "", region.upper() if region else ""]
    return "-".join(part for part in parts if part)


def usernames_in(draft: Draft, local_domain: str) -> list[str]:
    """The accounts that a post names, in its warning and its text."""
    names = find_usernames(f"{draft.spoiler_text} {draft.text}", local_domain)
    if len(names) > MAX_MENTIONS:
        raise InvalidField("status", "ERR_TOO_MANY_MENTIONS", f"must mention at most {MAX_MENTIONS} accounts")
    return names


def tags_in(draft: Draft) -> tuple[str, ...]:
    """The hashtags of a post, in its warning and its text."""
    tags = find_tags(f"{draft.spoiler_text} {draft.text}")
    if len(tags) > MAX_TAGS:
        raise InvalidField("status", "ERR_TOO_MANY_TAGS", f"must have at most {MAX_TAGS} hashtags")
    return tuple(tags)


def body_hash(draft: Draft) -> bytes:
    """A digest of all that makes two requests the same but their key."""
    body: list[object] = [
        draft.text,
        draft.spoiler_text,
        draft.sensitive,
        int(draft.visibility),
        draft.language,
        draft.in_reply_to_id,
        list(draft.media_ids),
    ]
    if draft.poll is not None:  # So that what was asked for before there were polls is still the same.
        body.append(astuple(draft.poll))
    if draft.quoted_id or draft.quote_policy is not QuotePolicy.PUBLIC:  # And before there were quotes.
        body.append([draft.quoted_id, int(draft.quote_policy)])
    if draft.reply_policy is not ReplyPolicy.EVERYONE:
        body.append({"reply_policy": int(draft.reply_policy)})
    return hashlib.sha256(json.dumps(body).encode()).digest()
