"""/auth/sessions: where one is signed in, and signing out there."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_datetime
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.routers.page_forms import PageForms, redirect
from gateway_service.routing import Routes
from rookery.auth.v1.account_service_pb2 import (
    ListSessionsRequest,
    RevokeOtherSessionsRequest,
    RevokeSessionRequest,
)

PAGE = "/auth/sessions"


class SessionPages:
    """Lists the sessions of whoever is signed in with this browser, and ends them."""

    def __init__(self, forms: PageForms) -> None:
        self._forms = forms
        routes, guarded = Routes("security"), forms.guarded
        routes.get(PAGE, guarded(self.show), "sessions", "Where one is signed in")
        routes.post(PAGE, guarded(self.end), "sessions_end", "Sign out somewhere")
        routes.post(f"{PAGE}/others", guarded(self.end_others), "sessions_end_others", "Sign out everywhere else")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        found = await self._forms.account_call(request, ListSessionsRequest())
        language = self._forms.pages.language(request)

        def at(time: Timestamp) -> str:
            moment: datetime = time.ToDatetime(UTC)
            return f"{format_datetime(moment, 'medium', locale=language)} UTC"

        return self._forms.render(request, "sessions.html", sessions=found.sessions, at=at)

    async def end(self, request: Request) -> Response:
        params = await self._forms.form(request)
        session_id = params.id("session_id") or 0
        await self._forms.account_call(request, RevokeSessionRequest(session_id=session_id))
        return redirect(PAGE)

    async def end_others(self, request: Request) -> Response:
        await self._forms.form(request)
        await self._forms.account_call(request, RevokeOtherSessionsRequest())
        return redirect(PAGE)
