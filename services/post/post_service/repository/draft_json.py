"""What is to be posted, as a value of a row: for posts that wait for their time, and for drafts."""

from __future__ import annotations

import json
from dataclasses import asdict

from post_service.models import Draft, Visibility
from post_service.poll_models import PollDraft
from post_service.quote_models import QuotePolicy
from post_service.reply_models import ReplyPolicy


def encode_draft(draft: Draft) -> str:
    return json.dumps(asdict(draft))


def decode_draft(text: str) -> Draft:
    values = json.loads(text)
    values["visibility"] = Visibility(values["visibility"])
    values["media_ids"] = tuple(values["media_ids"])
    if values["poll"] is not None:
        values["poll"] = PollDraft(**(values["poll"] | {"options": tuple(values["poll"]["options"])}))
    if "quote_policy" in values:  # Not so in what was scheduled before there were quotes.
        values["quote_policy"] = QuotePolicy(values["quote_policy"])
    if "reply_policy" in values:
        values["reply_policy"] = ReplyPolicy(values["reply_policy"])
    return Draft(**values)
