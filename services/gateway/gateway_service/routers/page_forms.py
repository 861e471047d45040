"""What the pages of signing in have in common: who may see them, where one goes next, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from gateway_service import degradation
from gateway_service.browser import Browser, NotSignedIn
from gateway_service.clients import Clients
from gateway_service.config import Settings
from gateway_service.errors import error_headers, http_status
from gateway_service.pages import Pages
from gateway_service.params import Params, read_params
from gateway_service.schemas.instance import SignUpMode
from gateway_service.sign_up_policy import SignUpPolicy
from gateway_service.translations import mark
from rookery.auth.v1.account_service_pb2 import (
    GetSecurityRequest,
    GetSecurityResponse,
    ListProvidersRequest,
    ListProvidersResponse,
    Provider,
)
from rookery_common.errors import AppError, FailedPrecondition

CALL_SECONDS = 5.0
LIST_SECONDS = 1.0
MAX_NEXT_CHARS = 8000
OVERVIEW = "/auth/security"
_OURS = ("/auth/", "/oauth/authorize?")
Endpoint = Callable[[Request], Awaitable[Response]]

# By auth's reason: what people are told.
MESSAGES: Mapping[str, str] = {
    "WRONG_CREDENTIALS": mark("The username, e-mail address or password is wrong."),
    "WRONG_FACTOR": mark("The code is wrong, or was used before."),
    "CHALLENGE_EXPIRED": mark("That took too long. Please sign in once more."),
    "TOO_MANY_TRIES": mark("Too many tries. Please wait a little, or choose a new password by e-mail."),
    "PASSWORDS_BUSY": mark("Many people are signing in just now. Please try again in a moment."),
    "ACCOUNT_UNCONFIRMED": mark("Please confirm your e-mail address first: we have sent you a link."),
    "ACCOUNT_PENDING": mark("Your account waits for approval. You will get an e-mail."),
    "ACCOUNT_REJECTED": mark("Your application for an account was not accepted."),
    "REGISTRATIONS_CLOSED": mark("Nobody can sign up here at present."),
    "LINK_EXPIRED": mark("This link was used already, or is too old. Please ask for a new one."),
    "FOREIGN_FORM": mark("This form did not come from this page. Please start again."),
    "SESSION_NOT_FOUND": mark("This session has ended already."),
    "MAIL_NOT_CONFIGURED": mark("This server sends no e-mails, so your address can't be changed."),
    "BODY_TOO_LARGE": mark("This file is too large."),
    "WRONG_PASSKEY": mark("This passkey is not known here, or its answer was not the right one."),
    "PASSKEYS_NOT_POSSIBLE": mark("Passkeys need a server that is reached by a name."),
    "PASSKEY_NOT_ADDED": mark("This passkey is known already, or you have as many as there can be."),
    "PASSKEY_NOT_FOUND": mark("There is no such passkey."),
    "LAST_WAY_IN": mark("One way to sign in has to stay."),
    "PROVIDER_NOT_FOUND": mark("One can't sign in by this site here."),
    "PROVIDER_UNAVAILABLE": mark("That site does not answer just now. Please try again in a moment."),
    "PROVIDER_REFUSED": mark("You have not signed in there."),
    "WRONG_PROVIDER_ANSWER": mark("That site's answer was not the right one. Please start again."),
    "PROVIDER_LINKED": mark("The account there is linked already, or yours with another one there."),
    "PROVIDER_NOT_LINKED": mark("The account there is linked with none here. Sign in another way, and link it then."),
    "LINK_NOT_FOUND": mark("Your account is not linked with one there."),
    "WRONG_TOKEN": mark("This link is not whole. Please follow it once more from the e-mail."),
    "TOTP_ENABLED": mark("An authenticator app is set up already."),
    "TOTP_NOT_BEGUN": mark("Please start setting up the authenticator app once more."),
    "TOO_MANY_IMPORTS": mark("Some imports are under way. Please wait until one of them is done."),
    "TOTP_NOT_ENABLED": mark("No authenticator app is set up."),
}
# By field and code.
FIELD_MESSAGES: Mapping[tuple[str, str], str] = {
    ("password", "ERR_BLANK"): mark("Please choose a password."),
    ("password", "ERR_TOO_SHORT"): mark("This password is too short: it needs at least 8 characters."),
    ("password", "ERR_TOO_LONG"): mark("This password is too long."),
    ("password", "ERR_COMPROMISED"): mark(
        "This password is one of those that are guessed first. Please choose another."
    ),
    ("email", "ERR_INVALID"): mark("This is not an e-mail address."),
    ("email", "ERR_BLANK"): mark("Please tell your e-mail address."),
    ("email", "ERR_TAKEN"): mark("This e-mail address belongs to an account already."),
    ("username", "ERR_BLANK"): mark("Please choose a username."),
    ("username", "ERR_INVALID"): mark("A username has letters, digits and underscores, and nothing else."),
    ("username", "ERR_TOO_LONG"): mark("This username is too long."),
    ("username", "ERR_TAKEN"): mark("This username is taken. Please choose another."),
    ("username", "ERR_CONFIRMATION"): mark("This is not your username."),
    ("username", "ERR_RESERVED"): mark("This username is taken. Please choose another."),
    ("reason", "ERR_BLANK"): mark("Please write a sentence about why you want to join."),
    ("reason", "ERR_TOO_LONG"): mark("This is too long."),
    ("data", "ERR_INVALID"): mark("This file can't be read."),
    ("data", "ERR_TOO_LONG"): mark("This file is too large."),
    ("label", "ERR_BLANK"): mark("Please give it a name."),
    ("agreement", "ERR_ACCEPTED"): mark("Please agree to the rules."),
    ("invite_code", "ERR_INVALID"): mark("This invitation was used already, or is too old."),
}
TRY_AGAIN = mark("This does not work just now. Please try again in a moment.")


class ElevationRequired(FailedPrecondition):
    """The page is for who has just proved who they are."""

    reason = "ELEVATION_REQUIRED"


class PageForms:
    """Guards endpoints, and reads forms."""

    def __init__(
        self, clients: Clients, browser: Browser, pages: Pages, settings: Settings, sign_up: SignUpPolicy
    ) -> None:
        self.clients = clients
        self.browser = browser
        self.pages = pages
        self.sign_up = sign_up
        self._settings = settings

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, whose refusals are pages: to sign in, to prove who one is, or why it does not work."""

        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except NotSignedIn:
                return redirect("/auth/sign_in", next=here(request))
            except AppError as error:
                if error.reason == "ELEVATION_REQUIRED":
                    return redirect("/auth/step_up", next=here(request))
                return self.refusal(request, error)

        return answer

    async def form(self, request: Request) -> Params:
        """What was filled in. Raises ForeignForm, InvalidArgument."""
        params = await self.read(request)
        self.browser.check_form(request, params)
        return params

    async def credentials(self, request: Request) -> Params:
        """What was filled in to say who one is, whoever was signed in before. Raises ForeignForm, InvalidArgument."""
        params = await self.read(request)
        self.browser.check_origin(request)
        return params

    async def read(self, request: Request) -> Params:
        """The body alone, from whomever."""
        return await read_params(request, self._settings.max_body_bytes, query=False)

    async def account_call(self, request: Request, message: Any) -> Any:
        """One of auth's RPCs about the account that is signed in with this browser. Raises NotSignedIn."""
        caller = await self.browser.require(request)
        method = type(message).__name__.removesuffix("Request")
        return await self.clients.auth.call(method, message, timeout=CALL_SECONDS, identity=caller.identity)

    async def elevated(self, request: Request) -> GetSecurityResponse:
        """What is known of the account, whose owner has just proved who they are. Raises ElevationRequired."""
        security: GetSecurityResponse = await self.account_call(request, GetSecurityRequest())
        if not security.HasField("elevated_until"):
            raise ElevationRequired("Prove once more who you are")
        return security

    def render(self, request: Request, name: str, error: AppError | None = None, **values: Any) -> Response:
        """A page with its form token; with what went wrong, if something did."""
        values = {"form_token": self.browser.form_token(request), **values, "error": error and told(error)}
        page = self.pages.render(request, name, 200 if error is None else http_status(error), **values)
        if error is not None:
            page.headers.update(error_headers(error, page.status_code))
        return page

    async def sign_in_page(
        self, request: Request, name: str, error: AppError | None = None, *, after_sign_up: str, **values: Any
    ) -> Response:
        """A page on which one signs in, or goes to get an account and comes back."""
        closed = await self.sign_up.mode() is SignUpMode.CLOSED
        sign_up = "" if closed else f"/auth/sign_up?{urlencode({'next': after_sign_up})}"
        return self.render(request, name, error, sign_up=sign_up, providers=await self.providers(), **values)

    async def providers(self) -> Sequence[Provider]:
        """By whose accounts one may sign in; while auth is away nobody's."""
        try:
            answer: ListProvidersResponse = await self.clients.auth.call(
                "ListProviders", ListProvidersRequest(), timeout=LIST_SECONDS, idempotent=True
            )
        except AppError:
            degradation.note(degradation.PROVIDERS)
            return ()
        return answer.providers

    def refusal(self, request: Request, error: AppError) -> Response:
        """A page that says why not."""
        return self.render(request, "refusal.html", error)


def told(error: AppError) -> str:
    """What people are told of it, in the language of the code; pages translate it."""
    for violation in error.fields:
        if (violation.field, violation.code) in FIELD_MESSAGES:
            return FIELD_MESSAGES[violation.field, violation.code]
    return MESSAGES.get(error.reason, TRY_AGAIN)


def here(request: Request) -> str:
    """Where to come back to: the page itself; after a form, the overview."""
    if request.method not in ("GET", "HEAD"):
        return OVERVIEW
    query = request.url.query
    return f"{request.scope['path']}?{query}" if query else str(request.scope["path"])


def next_of(params: Params) -> str:
    """Where to go on: only to pages of ours."""
    target = params.text("next", MAX_NEXT_CHARS) or ""
    return (
        target if target.startswith(_OURS) and "\\" not in target and "//" not in target.partition("?")[0] else OVERVIEW
    )


def redirect(path: str, **query: str) -> RedirectResponse:
    """By GET, whatever the request was."""
    return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)
