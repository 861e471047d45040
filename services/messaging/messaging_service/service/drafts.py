"""What is asked for, checked before anything is read or written."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from typing import Final

from messaging_service.errors import InvalidField
from messaging_service.models import (
    MAX_OTHERS,
    MAX_REQUEST_ID_CHARS,
    MAX_TEXT_CHARS,
    MAX_TITLE_CHARS,
    ConversationDraft,
    MessageDraft,
)
from rookery_common.ids import MAX_ID

# Control characters and breaks of lines and paragraphs; joiners, of which pictures are made, are fine.
_NO_TITLE: Final = frozenset({"Cc", "Zl", "Zp"})


def check_conversation(caller_id: int, draft: ConversationDraft) -> ConversationDraft:
    """The draft with its title trimmed, and each of the others once; the caller is a member in any case."""
    _check_request_id(draft.request_id)
    if any(not 0 < account_id <= MAX_ID for account_id in draft.others):
        raise InvalidField("member_ids", "ERR_INVALID", "has what is not an id")
    others = tuple(sorted(set(draft.others) - {caller_id}))
    if not others:
        raise InvalidField("member_ids", "ERR_BLANK", "must name at least one other account")
    if len(others) > MAX_OTHERS:
        raise InvalidField("member_ids", "ERR_TOO_MANY", f"must name at most {MAX_OTHERS} other accounts")
    title = draft.title.strip()
    if len(title) > MAX_TITLE_CHARS:
        raise InvalidField("title", "ERR_TOO_LONG", f"must be at most {MAX_TITLE_CHARS} characters")
    if any(unicodedata.category(character) in _NO_TITLE for character in title):
        raise InvalidField("title", "ERR_INVALID", "must be one line of text")
    return replace(draft, others=others, title=title)


def check_message(draft: MessageDraft) -> MessageDraft:
    """The draft as it is: what people say is not trimmed."""
    _check_request_id(draft.request_id)
    if not draft.text.strip():
        raise InvalidField("text", "ERR_BLANK", "can't be blank")
    if len(draft.text) > MAX_TEXT_CHARS:
        raise InvalidField("text", "ERR_TOO_LONG", f"must be at most {MAX_TEXT_CHARS} characters")
    return draft


def _check_request_id(request_id: str) -> None:
    if not request_id:
        raise InvalidField("request_id", "ERR_BLANK", "is required: by it a repeated request is known")
    if len(request_id) > MAX_REQUEST_ID_CHARS:
        raise InvalidField("request_id", "ERR_TOO_LONG", f"must be at most {MAX_REQUEST_ID_CHARS} characters")
