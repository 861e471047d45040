"""An account as a row of Postgres."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from user_service.models import Account, ProfileField, QuotePolicy

# By name, of `accounts a`: a later release's columns must not change what a statement answers, for it is prepared once.
ACCOUNT_COLUMNS = (
    "a.account_id, a.username, a.created_at, a.display_name, a.note, a.locked, a.bot, a.discoverable, a.indexable,"
    " a.avatar_url, a.header_url, a.fields, a.version, a.is_group, a.hide_collections, a.avatar_media_id,"
    " a.header_media_id, a.quote_policy, a.avatar_description, a.header_description, a.hides_media,"
    " a.hides_media_replies, a.hides_featured"
)


def account_of(row: Any) -> Account:
    """The account of a row of `accounts`."""
    return Account(
        account_id=row["account_id"],
        username=row["username"],
        created_at=row["created_at"],
        display_name=row["display_name"],
        note=row["note"],
        locked=row["locked"],
        bot=row["bot"],
        discoverable=row["discoverable"],
        indexable=row["indexable"],
        avatar_url=row["avatar_url"],
        header_url=row["header_url"],
        fields=tuple(
            ProfileField(name, value, datetime.fromisoformat(verified) if verified else None)
            for name, value, verified in json.loads(row["fields"])
        ),
        version=row["version"],
        group=row["is_group"],
        hide_collections=row["hide_collections"],
        avatar_media_id=row["avatar_media_id"],
        header_media_id=row["header_media_id"],
        quote_policy=QuotePolicy(row["quote_policy"]),
        avatar_description=row["avatar_description"],
        header_description=row["header_description"],
        hides_media=row["hides_media"],
        hides_media_replies=row["hides_media_replies"],
        hides_featured=row["hides_featured"],
    )


def fields_json(fields: Sequence[ProfileField]) -> str:
    """Lists of name, value, and when the value was verified or null."""
    return json.dumps([[f.name, f.value, f.verified_at.isoformat() if f.verified_at else None] for f in fields])
