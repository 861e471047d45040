"""The operator's texts as Mastodon's clients read them."""

from __future__ import annotations

from datetime import date

import orjson

from gateway_service.texts import Edition


def dated_text(edition: Edition | None) -> bytes:
    """Mastodon's ExtendedDescription or PrivacyPolicy entity."""
    if edition is None:
        return orjson.dumps({"updated_at": None, "content": ""})
    return orjson.dumps({"updated_at": f"{edition.since}T00:00:00.000Z", "content": edition.html})


def terms(edition: Edition, successor: Edition | None, today: date) -> bytes:
    """Mastodon's TermsOfService entity."""
    return orjson.dumps(
        {
            "effective_date": edition.since,
            "effective": edition.since <= today,
            "content": edition.html,
            "succeeded_by": successor.since if successor else None,
        }
    )
