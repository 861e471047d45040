"""/oauth/authorize: the sign-in page, by which a person lets an app act for them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import error_headers, http_status
from gateway_service.pages import Pages
from gateway_service.params import Params, query_params, read_params
from gateway_service.routers.apps import MAX_SCOPE_CHARS, MAX_URI_CHARS, read_scopes
from gateway_service.routers.oauth import issuer
from gateway_service.routing import Routes
from gateway_service.schemas.scopes import permissions
from rookery.auth.v1.auth_service_pb2 import (
    CheckAuthorizationRequest,
    CheckAuthorizationResponse,
    CreateAuthorizationRequest,
)
from rookery_common.errors import AppError, InvalidArgument, ResourceExhausted, Unauthenticated

CALL_SECONDS = 5.0
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
    """Shows the page, and takes what is typed into it. There is no session: each grant asks for the password."""

    def __init__(self, clients: Clients, pages: Pages, settings: Settings) -> None:
        self._clients = clients
        self._pages = pages
        self._settings = settings
        routes = Routes("oauth")
        routes.get("/oauth/authorize", self.show, "oauth_authorize", "The sign-in page")
        routes.post("/oauth/authorize", self.decide, "oauth_authorize_decide", "What was typed into it")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        fields: dict[str, str] = {}
        try:
            fields = read_fields(query_params(request))
            checked = await self._check(fields)
        except AppError as error:
            return self._refuse(error, fields)
        return self._page(fields, checked)

    async def decide(self, request: Request) -> Response:
        fields: dict[str, str] = {}
        try:
            params = await read_params(request, self._settings.max_body_bytes, query=False)
            fields = read_fields(params)
            checked = await self._check(fields)
            if not is_from_here(request, self._settings.domain):
                return self._message(403, "Not from here", "This form was sent by another site. Please start again.")
            if params.text("decision", 20) == "deny":
                return self._return(fields, {"error": "access_denied"})
            return await self._sign_in(request, fields, checked, params)
        except AppError as error:
            return self._refuse(error, fields)

    async def _sign_in(
        self, request: Request, fields: dict[str, str], checked: CheckAuthorizationResponse, params: Params
    ) -> Response:
        login, password = params.text("login", 300) or "", params.text("password", 1000) or ""
        call = CreateAuthorizationRequest(
            authorization=authorization(fields),
            login=login.strip(),
            password=password,
            client_address=request.client.host if request.client else "",
        )
        try:
            answer = await self._clients.auth.call("CreateAuthorization", call, timeout=CALL_SECONDS)
        except Unauthenticated as error:
            return self._page(fields, checked, error, "The username, e-mail address or password is wrong.", login)
        except ResourceExhausted as error:
            return self._page(fields, checked, error, "Too many tries. Please wait a little, then try again.", login)
        return self._return(fields, {"code": answer.code})

    async def _check(self, fields: dict[str, str]) -> CheckAuthorizationResponse:
        answer: CheckAuthorizationResponse = await self._clients.auth.call(
            "CheckAuthorization", authorization(fields), timeout=CALL_SECONDS, idempotent=True
        )
        return answer

    def _page(
        self,
        fields: dict[str, str],
        checked: CheckAuthorizationResponse,
        error: AppError | None = None,
        message: str = "",
        login: str = "",
    ) -> Response:
        page = self._pages.render(
            "authorize.html",
            200 if error is None else http_status(error),
            leads_to=fields["redirect_uri"],
            app=checked.app,
            fields=fields,
            permissions=permissions(checked.scopes),
            error=message,
            login=login,
        )
        if isinstance(error, ResourceExhausted):
            page.headers.update(error_headers(error, 429))
        return page

    def _return(self, fields: dict[str, str], answer: dict[str, str]) -> Response:
        """To the app, or to a page with the code where the app has no address."""
        if fields["redirect_uri"] == OUT_OF_BAND:
            if "code" in answer:
                return self._pages.render("code.html", code=answer["code"])
            why = answer.get("error_description", "You can close this page.")
            return self._message(400, "Nothing was allowed", why)
        # RFC 9207: so an app that uses several servers sees whose answer it is.
        answer = {**answer, "iss": issuer(self._settings.public_url)}
        if fields["state"]:
            answer = {**answer, "state": fields["state"]}
        return RedirectResponse(with_query(fields["redirect_uri"], answer), 303)

    def _refuse(self, error: AppError, fields: dict[str, str]) -> Response:
        named = {violation.field for violation in error.fields}
        if isinstance(error, InvalidArgument) and named and fields and not named & _UNSAFE:
            code = next((_OAUTH_ERRORS[name] for name in sorted(named) if name in _OAUTH_ERRORS), "invalid_request")
            return self._return(fields, {"error": code, "error_description": error.message})
        status = http_status(error)
        if isinstance(error, InvalidArgument):
            return self._message(400, "This sign-in link is not valid", error.message)
        page = self._message(status, "This does not work just now", "Please try again in a moment.")
        page.headers.update(error_headers(error, status))
        return page

    def _message(self, status: int, heading: str, message: str) -> Response:
        return self._pages.render("message.html", status, heading=heading, message=message)


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


def is_from_here(request: Request, domain: str) -> bool:
    """Whether the page itself sent the form, as far as the browser tells: another site must not sign anyone in."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] in (domain, request.headers.get("host"))


def with_query(address: str, values: Mapping[str, str]) -> str:
    """The address with more in its query; what it had stays."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(values)}"
