"""The rules of changing one's profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from user_service.errors import AccountNotFound, FieldInvalid
from user_service.events import Events
from user_service.metrics import PROFILE_CHANGES
from user_service.models import Account, ProfileField
from user_service.profiles import texts
from user_service.profiles.models import (
    MAX_URL_CHARS,
    Picture,
    PostingDefaults,
    Profile,
    ProfileChange,
    ProfileSettings,
)
from user_service.profiles.repository import ProfileRepository
from user_service.service import Caches

_PLAIN = (
    "locked", "bot", "group", "discoverable", "indexable", "hide_collections", "quote_policy", "hides_media",
    "hides_media_replies", "hides_featured",
)  # fmt: skip


class Profiles:
    """What an account's owner sees and changes of it."""

    def __init__(
        self, repository: ProfileRepository, caches: Caches, events: Events, clock: Clock, ids: IdSource
    ) -> None:
        self._repository = repository
        self._caches = caches
        self._events = events
        self._clock = clock
        self._ids = ids

    async def get(self, account_id: int) -> Profile:
        """As of the last change. Raises AccountNotFound."""
        profile = await self._repository.profile(account_id)
        if profile is None:
            raise AccountNotFound("there is no such account")
        return profile

    async def defaults(self, account_id: int) -> PostingDefaults:
        """Of the account's new posts, as of the last change."""
        return await self._repository.defaults(account_id)

    async def update(self, account_id: int, change: ProfileChange) -> Profile:
        """Changes what is named, all of it or nothing. Raises FieldInvalid, AccountNotFound."""
        account_values, settings_values = self._checked(change)
        async with self._repository.transaction() as tx:
            before = await tx.lock_profile(account_id)
            if before is None:
                raise AccountNotFound("there is no such account")
            account = _changed_account(before.account, account_values, change.fields)
            settings: ProfileSettings = replace(before.settings, **settings_values)
            if account != before.account:
                account = replace(account, version=account.version + 1)
                await tx.save_account(account)
                tx.emit(self._events.account_updated(account))
            if settings != before.settings:
                await tx.save_settings(account_id, settings)
            if settings.defaults != before.settings.defaults:
                tx.emit(self._events.posting_defaults_changed(account_id, self._ids.mint()))
        # Also when nothing changed: an earlier try may have died between its commit and this.
        await self._caches.changed([account_id])
        PROFILE_CHANGES.labels("none" if account == before.account else "updated").inc()
        return Profile(account, settings)

    def _checked(self, change: ProfileChange) -> tuple[dict[str, Any], dict[str, Any]]:
        """The new values of the account and of the settings, by name."""
        account: dict[str, Any] = {name: getattr(change, name) for name in _PLAIN}
        account["display_name"] = None if change.display_name is None else texts.display_name(change.display_name)
        account["note"] = None if change.note is None else texts.note(change.note)
        for name, picture in (("avatar", change.avatar), ("header", change.header)):
            described = f"{name}_description"
            if picture is not None:
                _check_picture(name, picture)
                account |= {f"{name}_url": picture.url, f"{name}_media_id": picture.media_id, described: ""}
            if (text := getattr(change, described)) is not None:
                account[described] = texts.description(described, text)
        settings: dict[str, Any] = {"privacy": change.privacy, "sensitive": change.sensitive}
        settings["language"] = None if change.language is None else texts.language(change.language)
        if change.attribution_domains is not None:
            settings["attribution_domains"] = texts.domains(change.attribution_domains)
        settings = _named(settings)
        if change.birthday is not None:
            settings["birthday"] = texts.birthday(change.birthday, self._clock.now().date())
        return _named(account), settings


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _check_picture(name: str, picture: Picture) -> None:
    if bool(picture.url) != bool(picture.media_id) or picture.media_id < 0 or len(picture.url) > MAX_URL_CHARS:
        raise FieldInvalid(name, "is not a stored picture")


def _changed_account(before: Account, values: Mapping[str, Any], pairs: tuple[tuple[str, str], ...] | None) -> Account:
    after: Account = replace(before, **values)
    if pairs is None:
        return after
    # What is verified stays so while it is the same link.
    verified = {line.value: line.verified_at for line in before.fields}
    lines = tuple(ProfileField(name, value, verified.get(value)) for name, value in texts.fields(pairs))
    return replace(after, fields=lines)
