"""Statements of profiles and their owners' settings; all on the primary, so that nobody is shown what was before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rookery_common.clients.postgres import Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox
from user_service.models import Account
from user_service.profiles.models import PostingDefaults, Privacy, Profile, ProfileSettings
from user_service.rows import ACCOUNT_COLUMNS, account_of, fields_json

_PROFILE = f"""
SELECT {ACCOUNT_COLUMNS}, s.privacy, s.sensitive, s.language, s.birthday, s.attribution_domains
FROM accounts a LEFT JOIN account_settings s USING (account_id) WHERE a.account_id = $1
"""  # noqa: S608
_DEFAULTS = "SELECT privacy, sensitive, language FROM account_settings WHERE account_id = $1"
_LOCK_PROFILE = _PROFILE + " FOR UPDATE OF a"
_SAVE_ACCOUNT = """
UPDATE accounts SET display_name = $2, note = $3, locked = $4, bot = $5, discoverable = $6, indexable = $7,
  avatar_url = $8, header_url = $9, fields = $10, version = $11, is_group = $12, hide_collections = $13,
  avatar_media_id = $14, header_media_id = $15, quote_policy = $16, avatar_description = $17, header_description = $18,
  hides_media = $19, hides_media_replies = $20, hides_featured = $21
WHERE account_id = $1
"""
_SAVE_SETTINGS = """
INSERT INTO account_settings (account_id, privacy, sensitive, language, birthday, attribution_domains)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (account_id) DO UPDATE SET privacy = excluded.privacy, sensitive = excluded.sensitive,
  language = excluded.language, birthday = excluded.birthday,
  attribution_domains = excluded.attribution_domains
"""


class ProfileTransaction:
    """One change of a profile and the event that tells of it; all or nothing."""

    def __init__(self, tx: OutboxTransaction) -> None:
        self._tx = tx

    def emit(self, event: Event) -> None:
        """Published if, and only if, the transaction commits."""
        self._tx.emit(event)

    async def lock_profile(self, account_id: int) -> Profile | None:
        """The profile, locked until the transaction ends; None if there is no such account."""
        row = await self._tx.fetchrow("profile_lock", _LOCK_PROFILE, account_id)
        return _profile(row) if row else None

    async def save_account(self, account: Account) -> None:
        """Everything of it that its owner may change."""
        args = (
            account.display_name, account.note, account.locked, account.bot, account.discoverable, account.indexable,
            account.avatar_url, account.header_url, fields_json(account.fields), account.version, account.group,
            account.hide_collections, account.avatar_media_id, account.header_media_id, account.quote_policy.value,
            account.avatar_description, account.header_description, account.hides_media, account.hides_media_replies,
            account.hides_featured,
        )  # fmt: skip
        await self._tx.execute("account_save", _SAVE_ACCOUNT, account.account_id, *args)

    async def save_settings(self, account_id: int, settings: ProfileSettings) -> None:
        domains = list(settings.attribution_domains)
        args = (settings.privacy.value, settings.sensitive, settings.language, settings.birthday, domains)
        await self._tx.execute("settings_save", _SAVE_SETTINGS, account_id, *args)


class ProfileRepository:
    """Profiles as their owners see them."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[ProfileTransaction]:
        """A change on the primary; its events are published after the commit."""
        async with self._outbox.transaction() as tx:
            yield ProfileTransaction(tx)

    async def profile(self, account_id: int) -> Profile | None:
        """None if there is no such account."""
        async with self._pg.read(primary=True) as connection:
            row = await connection.fetchrow("profile", _PROFILE, account_id)
        return _profile(row) if row else None

    async def defaults(self, account_id: int) -> PostingDefaults:
        """Those of the platform, where nothing was ever chosen."""
        async with self._pg.read(primary=True) as connection:
            row = await connection.fetchrow("posting_defaults", _DEFAULTS, account_id)
        return PostingDefaults(Privacy(row["privacy"]), row["sensitive"], row["language"]) if row else PostingDefaults()


def _profile(row: Any) -> Profile:
    if row["privacy"] is None:
        return Profile(account_of(row))
    domains = tuple(row["attribution_domains"])
    settings = ProfileSettings(Privacy(row["privacy"]), row["sensitive"], row["language"], row["birthday"], domains)
    return Profile(account_of(row), settings)
