"""/auth/reset, /auth/password and /auth/confirm: links that are asked for, and those that were mailed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.auth import TokenExchange
from gateway_service.params import Params, query_params
from gateway_service.routers.page_forms import CALL_SECONDS, PageForms
from gateway_service.routers.sign_in import MAX_PASSWORD_CHARS
from gateway_service.routing import Routes, json_response
from rookery.auth.v1.account_service_pb2 import (
    ConfirmEmailRequest,
    ConfirmEmailResponse,
    RequestPasswordResetRequest,
    ResendConfirmationRequest,
    ResetPasswordRequest,
)
from rookery_common.errors import InvalidArgument

MAX_EMAIL_CHARS = 300
MAX_TOKEN_CHARS = 512


class Recovery:
    """Asking for a link is answered at once, and the same, whoever asks; following one takes a click more."""

    def __init__(self, forms: PageForms, exchange: TokenExchange) -> None:
        self._forms = forms
        self._exchange = exchange
        routes, guarded = Routes("sign-in"), forms.guarded
        routes.get("/auth/reset", guarded(self.show_reset), "reset", "The page to ask for a new password")
        routes.post("/auth/reset", guarded(self.reset), "reset_request", "Ask for a link by e-mail")
        routes.get("/auth/password", guarded(self.show_password), "new_password", "The page to choose a new password")
        routes.post("/auth/password", guarded(self.password), "new_password_set", "Choose a new password")
        routes.get("/auth/confirm", guarded(self.show_confirm), "confirm", "The page to confirm an e-mail address")
        routes.post("/auth/confirm", guarded(self.confirm), "confirm_email", "Confirm an e-mail address")
        routes.post("/api/v1/emails/confirmations", self.resend, "emails_confirmations", "Send the link again")
        self.router = routes.router

    async def show_reset(self, request: Request) -> Response:
        return self._forms.render(request, "reset.html", asked=False)

    async def reset(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        client = self._forms.browser.client(request, self._forms.pages.language(request))
        call = RequestPasswordResetRequest(email=params.text("email", MAX_EMAIL_CHARS) or "", client=client)
        await self._forms.clients.auth.call("RequestPasswordReset", call, timeout=CALL_SECONDS)
        return self._forms.render(request, "reset.html", asked=True)

    async def show_password(self, request: Request) -> Response:
        return self._forms.render(request, "new_password.html", token=_token(query_params(request)))

    async def password(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        call = ResetPasswordRequest(token=_token(params), password=params.text("password", MAX_PASSWORD_CHARS) or "")
        try:
            await self._forms.clients.auth.call("ResetPassword", call, timeout=CALL_SECONDS)
        except InvalidArgument as error:
            return self._forms.render(request, "new_password.html", error, token=call.token)
        return self._forms.render(request, "done.html", what="password")

    async def show_confirm(self, request: Request) -> Response:
        # A click more, since programs that look into mails follow links.
        return self._forms.render(request, "confirm.html", token=_token(query_params(request)))

    async def confirm(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        call = ConfirmEmailRequest(token=_token(params))
        answer: ConfirmEmailResponse = await self._forms.clients.auth.call("ConfirmEmail", call, timeout=CALL_SECONDS)
        return self._forms.render(request, "done.html", what="pending" if answer.pending_approval else "email")

    async def resend(self, request: Request) -> Response:
        caller = await self._exchange.require_user(request)
        params = await self._forms.read(request)
        call = ResendConfirmationRequest(email=params.text("email", MAX_EMAIL_CHARS) or "")
        await self._forms.clients.auth.call("ResendConfirmation", call, timeout=CALL_SECONDS, identity=caller.identity)
        return json_response(b"{}")


def _token(params: Params) -> str:
    return params.text("token", MAX_TOKEN_CHARS) or ""
