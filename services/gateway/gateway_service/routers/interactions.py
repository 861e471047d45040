"""/api/rookery/v1/interactions: what a client says that its reader did with posts. The event names no reader."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import JSON, invalid
from gateway_service.params import Params, read_params
from gateway_service.routers.statuses import idempotency_key
from gateway_service.routing import Routes
from rookery.analytics.v1.events_pb2 import InteractionKind, InteractionRecorded
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event
from rookery_common.kafka.producer import NotPublished
from rookery_common.rpc import within

PATH = "/api/rookery/v1/interactions"
TOPIC = "analytics.interactions.v1"
SCOPE = "read:statuses"
PUBLISH_SECONDS = 3.0
MAX_INTERACTIONS = 100
MAX_AGE = timedelta(days=1)
# For clients whose clocks are a little ahead.
MAX_AHEAD = timedelta(minutes=5)
KINDS: Mapping[str, InteractionKind.ValueType] = {
    "impression": InteractionKind.INTERACTION_KIND_IMPRESSION,
    "open": InteractionKind.INTERACTION_KIND_OPEN,
    "link": InteractionKind.INTERACTION_KIND_LINK,
}
_NAMESPACE = UUID("5b3c1c1e-7a53-4a52-9d1f-0c6f3f1f0f51")
SURFACES = {name: name for name in ("home", "profile", "search", "thread", "other")}


class Interactions:
    """Takes what readers did, and publishes it."""

    def __init__(self, clients: Clients, exchange: TokenExchange, settings: Settings, clock: Clock) -> None:
        self._clients = clients
        self._exchange = exchange
        self._settings = settings
        self._clock = clock
        routes = Routes("interactions")
        routes.post(PATH, self.create, "interactions_create", "Tell what a reader did with posts")
        self.router = routes.router

    async def create(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request, SCOPE)
        params = await read_params(request, self._settings.max_body_bytes)
        params.refuse_others("interactions")
        now = self._clock.now()
        found = [interaction(group, now) for group in params.groups("interactions", MAX_INTERACTIONS)]
        if not found:
            raise invalid("interactions", "can't be blank", "ERR_BLANK")
        events = [
            new_event(TOPIC, str(message.post_id), message, version=1, clock=self._clock, source="gateway")
            for message in found
        ]
        key = idempotency_key(request)
        if key:
            events = repeatable(events, f"{caller.identity.account_id}:{key}")
        await self._publish(events)
        return Response(orjson.dumps({"accepted": len(events)}), 202, None, JSON)

    async def _publish(self, events: list[Event]) -> None:
        """All of them. Raises NotPublished: some may be there, and the same key again adds none twice."""
        try:
            async with asyncio.timeout(within(PUBLISH_SECONDS)):
                await self._clients.producer.send_all(events)
        except TimeoutError:
            raise NotPublished("Interactions can't be taken now") from None


def interaction(params: Params, now: datetime) -> InteractionRecorded:
    """One of the batch. Raises InvalidArgument, naming its place in it."""
    params.refuse_others("post_id", "kind", "surface", "at")
    post_id, kind = params.id("post_id"), params.choice("kind", KINDS)
    if not post_id:
        raise params.invalid("post_id", "can't be blank", "ERR_BLANK")
    if kind is None:
        raise params.invalid("kind", "can't be blank", "ERR_BLANK")
    at = params.time("at") or now
    if not now - MAX_AGE <= at <= now + MAX_AHEAD:
        raise params.invalid("at", "must be a time of the last day")
    message = InteractionRecorded(post_id=post_id, kind=kind, surface=params.choice("surface", SURFACES) or "other")
    message.interact_time.FromDatetime(at)
    return message


def repeatable(events: list[Event], secret: str) -> list[Event]:
    """With ids that come from the request's key, each event's place and post, so that a retry's events are the same."""
    return [
        replace(event, event_id=str(uuid5(_NAMESPACE, f"{secret}:{index}:{event.key}")))
        for index, event in enumerate(events)
    ]
