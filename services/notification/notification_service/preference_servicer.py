"""PreferenceService as its callers see it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from zoneinfo import available_timezones

from notification_service.digest_models import Frequency
from notification_service.errors import WrongChanges, WrongFrequency, WrongQuietHours
from notification_service.models import SECURITY, Kind
from notification_service.preference_models import (
    DAY_MINUTES,
    MAX_CHANGES,
    MAX_ZONE_CHARS,
    Changes,
    Channel,
    Preferences,
    QuietHours,
)
from notification_service.repository.preferences import PreferenceRepository
from notification_service.service.digest_schedule import DigestSchedule
from notification_service.servicer import READ_SCOPE, WRITE_SCOPE, Context, recipient
from rookery.notification.v1 import preference_service_pb2 as pb
from rookery.notification.v1.notification_service_pb2 import NotificationType
from rookery.notification.v1.preference_service_pb2_grpc import PreferenceServiceServicer


class PreferenceServicer(PreferenceServiceServicer):
    """By which ways the caller is told, and how often by mail."""

    def __init__(self, preferences: PreferenceRepository, digests: DigestSchedule) -> None:
        self._preferences = preferences
        self._digests = digests

    async def GetPreferences(self, request: pb.GetPreferencesRequest, context: Context) -> pb.GetPreferencesResponse:
        return pb.GetPreferencesResponse(preferences=await self._message(recipient(READ_SCOPE)))

    async def UpdatePreferences(
        self, request: pb.UpdatePreferencesRequest, context: Context
    ) -> pb.UpdatePreferencesResponse:
        recipient_id, changes = recipient(WRITE_SCOPE), _changes(request.changes)
        quiet = _quiet(request.quiet_hours) if request.HasField("quiet_hours") else None
        frequency = _frequency(request.digest)
        await self._preferences.change(recipient_id, changes)
        if quiet is not None or request.no_quiet_hours:
            await self._preferences.set_quiet(recipient_id, quiet)
        if frequency is not None:
            await self._digests.choose(recipient_id, frequency)
        return pb.UpdatePreferencesResponse(preferences=await self._message(recipient_id))

    async def UnsubscribeDigest(
        self, request: pb.UnsubscribeDigestRequest, context: Context
    ) -> pb.UnsubscribeDigestResponse:
        await self._digests.unsubscribe(request.token)
        return pb.UnsubscribeDigestResponse()

    async def _message(self, recipient_id: int) -> pb.NotificationPreferences:
        held, frequency = await asyncio.gather(
            self._preferences.get(recipient_id), self._digests.frequency(recipient_id)
        )
        return _message(held, frequency)


def _changes(asked: Iterable[pb.ChannelChange]) -> Changes:
    found: dict[tuple[Kind, Channel], bool] = {}
    for each in asked:
        try:
            key = Kind(each.type), Channel(each.channel)
        except ValueError:
            raise WrongChanges("names a type or a channel that there is not") from None
        if key in found or key[0] in SECURITY:
            raise WrongChanges("names one twice, or what is told in any case")
        found[key] = each.wanted
    if len(found) > MAX_CHANGES:
        raise WrongChanges(f"must be at most {MAX_CHANGES}")
    return found


def _frequency(number: int) -> Frequency | None:
    """None where it is not named."""
    try:
        return Frequency(number) if number else None
    except ValueError:
        raise WrongFrequency from None


def _quiet(asked: pb.QuietHours) -> QuietHours:
    for field, minute in (("quiet_hours.from", asked.from_minute), ("quiet_hours.to", asked.to_minute)):
        if not 0 <= minute < DAY_MINUTES:
            raise WrongQuietHours(field, "must be a time of the day")
    if asked.from_minute == asked.to_minute:
        raise WrongQuietHours("quiet_hours.to", "must be another time than they begin")
    if len(asked.time_zone) > MAX_ZONE_CHARS or asked.time_zone not in _zones():
        raise WrongQuietHours("quiet_hours.time_zone", "must be a time zone, as Europe/Berlin")
    return QuietHours(asked.from_minute, asked.to_minute, asked.time_zone)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _message(preferences: Preferences, frequency: Frequency) -> pb.NotificationPreferences:
    quiet = preferences.quiet
    return pb.NotificationPreferences(
        not_streamed=_types(preferences.not_streamed),
        not_pushed=_types(preferences.not_pushed),
        quiet_hours=pb.QuietHours(from_minute=quiet.from_minute, to_minute=quiet.to_minute, time_zone=quiet.time_zone)
        if quiet
        else None,
        not_mailed=_types(preferences.not_mailed),
        digest=pb.DigestFrequency.ValueType(frequency),
    )


def _types(kinds: Iterable[Kind]) -> list[NotificationType.ValueType]:
    return [NotificationType.ValueType(kind) for kind in sorted(kinds)]
