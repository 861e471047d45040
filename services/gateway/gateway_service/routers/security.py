"""/auth/security: how one's account is secured, and changing it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.routers.page_forms import OVERVIEW, PageForms, redirect
from gateway_service.routers.recovery import MAX_EMAIL_CHARS
from gateway_service.routers.sign_in import MAX_CODE_CHARS, MAX_PASSWORD_CHARS
from gateway_service.routing import Routes
from rookery.auth.v1.account_service_pb2 import (
    BeginTotpRequest,
    ChangeEmailRequest,
    ChangePasswordRequest,
    CreateRecoveryCodesRequest,
    DisableTotpRequest,
    EnableTotpRequest,
    GetSecurityRequest,
    GetSecurityResponse,
)
from rookery_common.errors import InvalidArgument, Unauthenticated

MAX_SECRET_CHARS = 300


class Security:
    """Shows and changes what guards the account that is signed in. What is dangerous asks who one is once more."""

    def __init__(self, forms: PageForms) -> None:
        self._forms = forms
        routes, guarded = Routes("security"), forms.guarded
        routes.get(OVERVIEW, guarded(self.show), "security", "How the account is secured")
        routes.get(f"{OVERVIEW}/password", guarded(self.show_password), "security_password", "The page to change it")
        routes.post(f"{OVERVIEW}/password", guarded(self.password), "security_password_set", "Change the password")
        routes.get(f"{OVERVIEW}/email", guarded(self.show_email), "security_email", "The page to change the address")
        routes.post(f"{OVERVIEW}/email", guarded(self.email), "security_email_set", "Change the e-mail address")
        routes.get(f"{OVERVIEW}/totp", guarded(self.show_totp), "security_totp", "The page about the second factor")
        routes.post(f"{OVERVIEW}/totp", guarded(self.begin_totp), "security_totp_begin", "Begin to set it up")
        routes.post(f"{OVERVIEW}/totp/enable", guarded(self.enable_totp), "security_totp_enable", "Turn it on")
        routes.post(f"{OVERVIEW}/totp/disable", guarded(self.disable_totp), "security_totp_disable", "Turn it off")
        routes.post(f"{OVERVIEW}/recovery_codes", guarded(self.renew_codes), "security_codes", "New recovery codes")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        security = await self._security(request)
        return self._forms.render(request, "security.html", security=security, providers=await self._forms.providers())

    async def show_password(self, request: Request) -> Response:
        await self._forms.elevated(request)
        return self._forms.render(request, "password.html")

    async def password(self, request: Request) -> Response:
        params = await self._forms.form(request)
        call = ChangePasswordRequest(password=params.text("password", MAX_PASSWORD_CHARS) or "")
        try:
            await self._forms.account_call(request, call)
        except InvalidArgument as error:
            return self._forms.render(request, "password.html", error)
        return redirect(OVERVIEW)

    async def show_email(self, request: Request) -> Response:
        await self._forms.elevated(request)
        return self._forms.render(request, "email.html", sent_to="")

    async def email(self, request: Request) -> Response:
        params = await self._forms.form(request)
        address = params.text("email", MAX_EMAIL_CHARS) or ""
        try:
            await self._forms.account_call(request, ChangeEmailRequest(email=address))
        except InvalidArgument as error:
            return self._forms.render(request, "email.html", error, sent_to="")
        return self._forms.render(request, "email.html", sent_to=address)

    async def show_totp(self, request: Request) -> Response:
        security = await self._forms.elevated(request)
        return self._forms.render(request, "totp.html", security=security)

    async def begin_totp(self, request: Request) -> Response:
        await self._forms.form(request)
        begun = await self._forms.account_call(request, BeginTotpRequest())
        return self._forms.render(request, "totp_setup.html", secret=begun.secret, uri=begun.uri)

    async def enable_totp(self, request: Request) -> Response:
        params = await self._forms.form(request)
        try:
            enabled = await self._forms.account_call(
                request, EnableTotpRequest(code=params.text("code", MAX_CODE_CHARS) or "")
            )
        except Unauthenticated as error:
            if error.reason != "WRONG_FACTOR":
                raise
            # What the page showed before: nothing is made anew by a slip of the finger.
            shown = {name: params.text(name, MAX_SECRET_CHARS) or "" for name in ("secret", "uri")}
            return self._forms.render(request, "totp_setup.html", error, **shown)
        return self._forms.render(request, "recovery_codes.html", codes=enabled.recovery_codes)

    async def disable_totp(self, request: Request) -> Response:
        await self._forms.form(request)
        await self._forms.account_call(request, DisableTotpRequest())
        return redirect(OVERVIEW)

    async def renew_codes(self, request: Request) -> Response:
        await self._forms.form(request)
        made = await self._forms.account_call(request, CreateRecoveryCodesRequest())
        return self._forms.render(request, "recovery_codes.html", codes=made.recovery_codes)

    async def _security(self, request: Request) -> GetSecurityResponse:
        answer: GetSecurityResponse = await self._forms.account_call(request, GetSecurityRequest())
        return answer
