"""/api/v1/admin/measures and /api/rookery/v1/operator/measures: how much happens here, by days and by minutes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import invalid
from gateway_service.params import Params, query_params, read_params
from gateway_service.routing import Routes, json_response
from gateway_service.schemas.measures import admin_measures, operator_measures
from rookery.analytics.v1.analytics_service_pb2 import GetMeasuresRequest, Measure
from rookery_common.auth import Identity
from rookery_common.clock import Clock

SCOPE = "admin:read"
CALL_SECONDS = 5.0
# Mastodon has others, of servers and hashtags, which nobody counts here; what it does not know it leaves out too.
SERVED = (
    "active_users",
    "new_users",
    "interactions",
    "new_posts",
    "favourites",
    "follows",
    "impressions",
)
MAX_KEY_CHARS = 100
MAX_DAYS = 31
MAX_MINUTES, SHOWN_MINUTES = 180, 10
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


class Measures:
    """Shows measures to moderators; analytics knows who may see them."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings, clock: Clock) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        routes = Routes("measures")
        routes.post("/api/v1/admin/measures", self.by_days, "admin_measures", "Measures by days")
        path = "/api/rookery/v1/operator/measures"
        routes.get(path, self.by_minutes, "operator_measures", "Measures of the last minutes")
        self.router = routes.router

    async def by_days(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = await read_params(request, self._settings.max_body_bytes)
        keys = [key for key in params.texts("keys", MAX_KEY_CHARS) if key in SERVED]
        start, end = days(params)
        found = await self._measures(caller.identity, keys, start, end, DAY) if keys else ()
        return json_response(admin_measures(found))

    async def by_minutes(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = query_params(request)
        params.refuse_others("keys", "minutes")
        minutes = params.integer("minutes", 1, MAX_MINUTES) or SHOWN_MINUTES
        end = self._clock.now().replace(second=0, microsecond=0) + MINUTE
        found = await self._measures(caller.identity, chosen_keys(params), end - minutes * MINUTE, end, MINUTE)
        return json_response(operator_measures(found))

    async def _measures(
        self, identity: Identity, keys: Sequence[str], start: datetime, end: datetime, width: timedelta
    ) -> Sequence[Measure]:
        call = GetMeasuresRequest(keys=keys, window_seconds=int(width.total_seconds()))
        call.start_time.FromDatetime(start)
        call.end_time.FromDatetime(end)
        answer = await self._clients.analytics.call(
            "GetMeasures", call, timeout=CALL_SECONDS, idempotent=True, identity=identity
        )
        measures: Sequence[Measure] = answer.measures
        return measures


def days(params: Params) -> tuple[datetime, datetime]:
    """From the first day's beginning to the last day's end: Mastodon takes both days whole."""
    start, end = _day(params, "start_at"), _day(params, "end_at")
    if end < start:
        raise invalid("end_at", "must not be before start_at")
    if end - start >= MAX_DAYS * DAY:
        raise invalid("end_at", f"must be less than {MAX_DAYS} days after start_at")
    return start, end + DAY


def chosen_keys(params: Params) -> Sequence[str]:
    """A list, or one text with commas; all that there are where none is named. Raises InvalidArgument."""
    keys = [key for text in params.texts("keys", MAX_KEY_CHARS * len(SERVED)) for key in text.split(",")]
    for key in keys:
        if key not in SERVED:
            raise invalid("keys", f"must be of {', '.join(SERVED)}", "ERR_INCLUSION")
    return list(dict.fromkeys(keys)) or SERVED


def _day(params: Params, name: str) -> datetime:
    time = params.time(name)
    if time is None:
        raise invalid(name, "can't be blank", "ERR_BLANK")
    if not 2000 <= time.year < 2100:
        raise invalid(name, "is not a day of ours")
    return time.replace(hour=0, minute=0, second=0, microsecond=0)
