"""/oauth/authorize: the sign-in page, by which a person lets an app act for them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway_service.auth import Caller
from gateway_service.config import Settings
from gateway_service.params import Params, query_params
from gateway_service.routers.apps import MAX_SCOPE_CHARS, MAX_URI_CHARS, read_scopes
from gateway_service.routers.oauth import issuer
from gateway_service.routers.page_forms import CALL_SECONDS, PageForms
from gateway_service.routers.sign_in import MAX_LOGIN_CHARS, MAX_PASSWORD_CHARS, SignIn
from gateway_service.routing import Routes
from gateway_service.schemas.scopes import permissions
from gateway_service.translations import mark
from rookery.auth.v1.account_service_pb2 import GetSecurityRequest
from rookery.auth.v1.auth_service_pb2 import (
    CheckAuthorizationRequest,
    CheckAuthorizationResponse,
    CreateAuthorizationRequest,
)
from rookery_common.errors import AppError, InvalidArgument, ResourceExhausted, Unauthenticated

OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_LIMITS: Mapping[str, int] = {
    "client_id": 200,
    "redirect_uri": MAX_URI_CHARS,
    "response_type": 100,
    "scope": MAX_SCOPE_CHARS,
    "state": 4096,
    "code_challenge": 200,
    "code_challenge_method": 20,
}
# Where the app itself, or the address to return to, is in doubt, nobody is sent there.
_UNSAFE = frozenset({"client_id", "redirect_uri"})
_OAUTH_ERRORS: Mapping[str, str] = {"scope": "invalid_scope", "response_type": "unsupported_response_type"}


class Authorize:
    """Shows the page, and takes what is decided on it: by whom this browser has signed in, or who does so there."""

    def __init__(self, forms: PageForms, sign_in: SignIn, settings: Settings) -> None:
        self._forms = forms
        self._sign_in = sign_in
        self._settings = settings
        routes = Routes("oauth")
        routes.get("/oauth/authorize", self.show, "oauth_authorize", "The page on which an app is allowed to act")
        routes.post("/oauth/authorize", self.decide, "oauth_authorize_decide", "What was decided on it")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        fields: dict[str, str] = {}
        try:
            params = query_params(request)
            fields = read_fields(params)
            checked = await self._check(fields)
            caller = None if params.flag("force_login") else await self._forms.browser.caller(request)
            return await self._page(request, fields, checked, caller)
        except AppError as error:
            return self._refuse(request, error, fields)

    async def decide(self, request: Request) -> Response:
        fields: dict[str, str] = {}
        try:
            params = await self._forms.read(request)
            fields = read_fields(params)
            checked = await self._check(fields)
            self._forms.browser.check_origin(request)
            if params.text("decision", 20) == "deny":
                return self._return(request, fields, {"error": "access_denied"})
            if "login" in params or "password" in params:
                return await self._enter(request, fields, checked, params)
            self._forms.browser.check_form(request, params)
            caller = await self._forms.browser.caller(request)
            if caller is None:
                return await self._page(request, fields, checked, None)
            return await self._grant(request, fields, caller)
        except AppError as error:
            return self._refuse(request, error, fields)

    async def _enter(
        self, request: Request, fields: dict[str, str], checked: CheckAuthorizationResponse, params: Params
    ) -> Response:
        """Signing in and allowing in one step, unless a second factor is needed: then the page comes once more."""
        login = params.text("login", MAX_LOGIN_CHARS) or ""
        try:
            step = await self._sign_in.begin(request, login, params.text("password", MAX_PASSWORD_CHARS) or "")
        except (Unauthenticated, ResourceExhausted) as error:
            return await self._page(request, fields, checked, None, error, login)
        if step.challenge:
            return self._sign_in.settled(request, with_query("/oauth/authorize", fields), step)
        answer = await self._grant(request, fields, await self._forms.browser.opened(request, step.session))
        self._forms.browser.remember(answer, step.session)
        return answer

    async def _grant(self, request: Request, fields: dict[str, str], caller: Caller) -> Response:
        call = CreateAuthorizationRequest(authorization=authorization(fields))
        granted = await self._forms.clients.auth.call(
            "CreateAuthorization", call, timeout=CALL_SECONDS, identity=caller.identity
        )
        return self._return(request, fields, {"code": granted.code})

    async def _check(self, fields: dict[str, str]) -> CheckAuthorizationResponse:
        answer: CheckAuthorizationResponse = await self._forms.clients.auth.call(
            "CheckAuthorization", authorization(fields), timeout=CALL_SECONDS, idempotent=True
        )
        return answer

    async def _page(
        self,
        request: Request,
        fields: dict[str, str],
        checked: CheckAuthorizationResponse,
        caller: Caller | None,
        error: AppError | None = None,
        login: str = "",
    ) -> Response:
        username = "" if caller is None else await self._username(caller)
        return await self._forms.sign_in_page(
            request,
            "authorize.html",
            error,
            after_sign_up=with_query("/oauth/authorize", fields),
            here=with_query("/oauth/authorize", fields),
            leads_to=fields["redirect_uri"],
            app=checked.app,
            fields=fields,
            permissions=permissions(checked.scopes),
            login=login,
            username=username,
        )

    async def _username(self, caller: Caller) -> str:
        answer = await self._forms.clients.auth.call(
            "GetSecurity", GetSecurityRequest(), timeout=CALL_SECONDS, identity=caller.identity, idempotent=True
        )
        return str(answer.username)

    def _return(self, request: Request, fields: dict[str, str], answer: dict[str, str]) -> Response:
        """To the app, or to a page with the code where the app has no address."""
        if fields["redirect_uri"] == OUT_OF_BAND:
            if "code" in answer:
                return self._forms.render(request, "code.html", code=answer["code"])
            return self._message(request, 400, mark("Nothing was allowed"), mark("You can close this page."))
        # RFC 9207: so an app that uses several servers sees whose answer it is.
        answer = {**answer, "iss": issuer(self._settings.public_url)}
        if fields["state"]:
            answer = {**answer, "state": fields["state"]}
        return RedirectResponse(with_query(fields["redirect_uri"], answer), 303)

    def _refuse(self, request: Request, error: AppError, fields: dict[str, str]) -> Response:
        named = {violation.field for violation in error.fields}
        if isinstance(error, InvalidArgument) and named and fields and not named & _UNSAFE:
            code = next((_OAUTH_ERRORS[name] for name in sorted(named) if name in _OAUTH_ERRORS), "invalid_request")
            return self._return(request, fields, {"error": code, "error_description": error.message})
        if isinstance(error, InvalidArgument):
            return self._message(request, 400, mark("This sign-in link is not valid"), error.message)
        return self._forms.refusal(request, error)

    def _message(self, request: Request, status: int, heading: str, message: str) -> Response:
        return self._forms.pages.render(request, "message.html", status, heading=heading, message=message)


def read_fields(params: Params) -> dict[str, str]:
    """The authorization request, as it travels through the page."""
    return {name: params.text(name, limit) or "" for name, limit in _LIMITS.items()}


def authorization(fields: dict[str, str]) -> CheckAuthorizationRequest:
    """The same as auth takes it."""
    return CheckAuthorizationRequest(
        client_id=fields["client_id"],
        redirect_uri=fields["redirect_uri"],
        response_type=fields["response_type"],
        scopes=read_scopes(Params(fields), "scope"),
        code_challenge=fields["code_challenge"],
        code_challenge_method=fields["code_challenge_method"],
    )


def with_query(address: str, values: Mapping[str, str]) -> str:
    """The address with more in its query; what it had stays."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(values)}"
