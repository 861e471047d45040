"""/api/rookery/v1/notifications/preferences: by which ways the caller is told of what, and when not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.compose.told import TYPES
from gateway_service.config import Settings
from gateway_service.params import Params, query_params, read_params
from gateway_service.routers.notifications import CALL_SECONDS, READ, WRITE
from gateway_service.routing import Routes, json_response
from rookery.notification.v1.preference_service_pb2 import (
    Channel,
    ChannelChange,
    DigestFrequency,
    GetPreferencesRequest,
    NotificationPreferences,
    QuietHours,
    UpdatePreferencesRequest,
)
from rookery_common.auth import Identity

PATH = "/api/rookery/v1/notifications/preferences"
CHANNELS = {"stream": Channel.CHANNEL_STREAM, "push": Channel.CHANNEL_PUSH, "email": Channel.CHANNEL_MAIL}
DIGESTS = {
    "off": DigestFrequency.DIGEST_FREQUENCY_OFF,
    "daily": DigestFrequency.DIGEST_FREQUENCY_DAILY,
    "weekly": DigestFrequency.DIGEST_FREQUENCY_WEEKLY,
}
_DIGEST_NAMES = {number: name for name, number in DIGESTS.items()}
# What was done with one's own account is told in any case.
KINDS = {name: number for name, number in TYPES.items() if not name.startswith("security.")}
MAX_ZONE_CHARS = 64
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)


class PreferenceRoutes:
    """Reads preferences, and changes those that are named."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        routes = Routes("notifications")
        routes.get(PATH, self.get, "notification_preferences_get", "By which ways the caller is told of what")
        routes.patch(PATH, self.update, "notification_preferences_update", "Change by which ways the caller is told")
        self.router = routes.router

    async def get(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, READ)
        query_params(request).refuse_others()
        return await self._shown(caller.identity, "GetPreferences", GetPreferencesRequest())

    async def update(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, WRITE)
        params = await read_params(request, self._settings.max_body_bytes)
        params.refuse_others("kinds", "quiet_hours", "digest")
        call = UpdatePreferencesRequest(changes=_changes(params.group("kinds")))
        call.digest = params.choice("digest", DIGESTS) or DigestFrequency.DIGEST_FREQUENCY_UNSPECIFIED
        if "quiet_hours" in params:
            _quiet(params.group("quiet_hours"), call)
        return await self._shown(caller.identity, "UpdatePreferences", call)

    async def _shown(self, who: Identity, method: str, call: Any) -> Response:
        answer = await self._clients.notification.call(
            method, call, timeout=CALL_SECONDS, idempotent=True, identity=who
        )
        return json_response(orjson.dumps(_body(answer.preferences)))


def _changes(kinds: Params) -> list[ChannelChange]:
    kinds.refuse_others(*KINDS)
    found = []
    for name, number in KINDS.items():
        ways = kinds.group(name)
        ways.refuse_others(*CHANNELS)
        wanted = {channel: ways.flag(way) for way, channel in CHANNELS.items()}
        found += [
            ChannelChange(type=number, channel=channel, wanted=flag)
            for channel, flag in wanted.items()
            if flag is not None
        ]
    return found


def _quiet(asked: Params, call: UpdatePreferencesRequest) -> None:
    asked.refuse_others("enabled", "from", "to", "time_zone")
    if asked.flag("enabled") is False:
        call.no_quiet_hours = True
        return
    call.quiet_hours.CopyFrom(
        QuietHours(
            from_minute=_minute(asked, "from"),
            to_minute=_minute(asked, "to"),
            time_zone=asked.required_text("time_zone", MAX_ZONE_CHARS),
        )
    )


def _minute(asked: Params, name: str) -> int:
    match = _TIME.fullmatch(asked.required_text(name, 8))
    if match is None:
        raise asked.invalid(name, "must be a time of the day, as 22:30")
    return int(match[1]) * 60 + int(match[2])


def _body(preferences: NotificationPreferences) -> Mapping[str, Any]:
    unwanted = {
        "stream": set(preferences.not_streamed),
        "push": set(preferences.not_pushed),
        "email": set(preferences.not_mailed),
    }
    quiet = preferences.quiet_hours
    return {
        "kinds": {name: {way: number not in unwanted[way] for way in CHANNELS} for name, number in KINDS.items()},
        "digest": _DIGEST_NAMES.get(preferences.digest, "off"),
        "quiet_hours": {
            "enabled": True,
            "from": _time_text(quiet.from_minute),
            "to": _time_text(quiet.to_minute),
            "time_zone": quiet.time_zone,
        }
        if preferences.HasField("quiet_hours")
        else {"enabled": False, "from": None, "to": None, "time_zone": None},
    }


def _time_text(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
