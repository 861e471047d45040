"""/api/v1/instance/extended_description, privacy_policy and terms_of_service: what the operator wrote."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.errors import RecordNotFound
from gateway_service.fixed import Fixed
from gateway_service.routing import Routes
from gateway_service.schemas.texts import dated_text, terms
from gateway_service.texts import Edition, Texts
from rookery_common.clock import Clock

CACHED_SECONDS = 60


class TextRoutes:
    """Shows the editions that hold today; the terms also by the day since when they hold."""

    def __init__(self, texts: Texts, clock: Clock) -> None:
        self._texts = texts
        self._clock = clock
        routes = Routes("instance")
        path = "/api/v1/instance"
        routes.get(f"{path}/extended_description", self.description, "instance_description", "More about this server")
        routes.get(f"{path}/privacy_policy", self.privacy_policy, "instance_privacy_policy", "Its privacy policy")
        routes.get(f"{path}/terms_of_service", self.terms, "instance_terms", "Its terms of service")
        routes.get(f"{path}/terms_of_service/{{date}}", self.terms_of, "instance_terms_of", "An edition of its terms")
        self.router = routes.router

    async def description(self, request: Request) -> Response:
        """Empty where nobody wrote one, as clients expect it."""
        return await _answer(request, dated_text(self._texts.extended_description.on(self._today())))

    async def privacy_policy(self, request: Request) -> Response:
        return await _answer(request, dated_text(_found(self._texts.privacy_policy.on(self._today()))))

    async def terms(self, request: Request) -> Response:
        return await self._terms(request, self._texts.terms_of_service.on(self._today()))

    async def terms_of(self, request: Request) -> Response:
        return await self._terms(request, self._texts.terms_of_service.of(_day(request.path_params["date"])))

    async def _terms(self, request: Request, edition: Edition | None) -> Response:
        edition = _found(edition)
        return await _answer(request, terms(edition, self._texts.terms_of_service.after(edition), self._today()))

    def _today(self) -> date:
        return self._clock.now().date()


async def _answer(request: Request, body: bytes) -> Response:
    return await _fixed(body)(request)


@lru_cache(maxsize=32)
def _fixed(body: bytes) -> Fixed:
    return Fixed(body, seconds=CACHED_SECONDS)


def _found(edition: Edition | None) -> Edition:
    if edition is None:
        raise RecordNotFound
    return edition


def _day(value: str) -> date:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise RecordNotFound from None
