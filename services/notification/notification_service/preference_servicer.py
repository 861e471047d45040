"""PreferenceService as its callers see it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from zoneinfo import available_timezones

from notification_service.errors import WrongChanges, WrongQuietHours
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
from notification_service.servicer import READ_SCOPE, WRITE_SCOPE, Context, recipient
from rookery.notification.v1 import preference_service_pb2 as pb
from rookery.notification.v1.notification_service_pb2 import NotificationType
from rookery.notification.v1.preference_service_pb2_grpc import PreferenceServiceServicer


class PreferenceServicer(PreferenceServiceServicer):
    """By which ways the caller is told."""

    def __init__(self, preferences: PreferenceRepository) -> None:
        self._preferences = preferences

    async def GetPreferences(self, request: pb.GetPreferencesRequest, context: Context) -> pb.GetPreferencesResponse:
        return pb.GetPreferencesResponse(preferences=_message(await self._preferences.get(recipient(READ_SCOPE))))

    async def UpdatePreferences(
        self, request: pb.UpdatePreferencesRequest, context: Context
    ) -> pb.UpdatePreferencesResponse:
        recipient_id, changes = recipient(WRITE_SCOPE), _changes(request.changes)
        quiet = _quiet(request.quiet_hours) if request.HasField("quiet_hours") else None
        await self._preferences.change(recipient_id, changes)
        if quiet is not None or request.no_quiet_hours:
            await self._preferences.set_quiet(recipient_id, quiet)
        return pb.UpdatePreferencesResponse(preferences=_message(await self._preferences.get(recipient_id)))


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


def _message(preferences: Preferences) -> pb.NotificationPreferences:
    quiet = preferences.quiet
    return pb.NotificationPreferences(
        not_streamed=_types(preferences.not_streamed),
        not_pushed=_types(preferences.not_pushed),
        quiet_hours=pb.QuietHours(from_minute=quiet.from_minute, to_minute=quiet.to_minute, time_zone=quiet.time_zone)
        if quiet
        else None,
    )


def _types(kinds: Iterable[Kind]) -> list[NotificationType.ValueType]:
    return [NotificationType.ValueType(kind) for kind in sorted(kinds)]
