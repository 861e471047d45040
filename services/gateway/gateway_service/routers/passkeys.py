"""/auth/passkey and /auth/security/passkeys: signing in by a passkey, proving who one is, and keeping passkeys."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_datetime
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.errors import invalid
from gateway_service.params import Params
from gateway_service.routers.page_forms import CALL_SECONDS, OVERVIEW, PageForms, next_of, redirect
from gateway_service.routers.sign_in import MAX_CHALLENGE_CHARS, SignIn
from gateway_service.routing import Routes
from rookery.auth.v1.account_service_pb2 import (
    AddPasskeyRequest,
    BeginPasskeyRequest,
    ElevateByPasskeyRequest,
    FinishPasskeyRequest,
    FinishPasskeyResponse,
    ListPasskeysRequest,
    RemovePasskeyRequest,
    RemovePasswordRequest,
    StartPasskeyRequest,
    StartPasskeyResponse,
)
from rookery_common.errors import AppError, FailedPrecondition, Unauthenticated

PAGE = f"{OVERVIEW}/passkeys"
MAX_LABEL_CHARS = 60
MAX_ID_CHARS = 1400
MAX_CREDENTIAL_CHARS = 16_384


class PasskeyPages:
    """The browser asks the authenticator, by the one script that pages of ours have; auth decides on its answer."""

    def __init__(self, forms: PageForms, sign_in: SignIn) -> None:
        self._forms = forms
        self._sign_in = sign_in
        routes, guarded = Routes("security"), forms.guarded
        routes.post("/auth/passkey", guarded(self.start), "passkey_start", "The page that asks for a passkey")
        routes.post("/auth/passkey/sign_in", guarded(self.enter), "passkey_sign_in", "Sign in by a passkey")
        routes.post("/auth/step_up/passkey", guarded(self.start_step_up), "passkey_step_up", "Ask who one is")
        routes.post("/auth/step_up/passkey/prove", guarded(self.step_up), "passkey_prove", "Prove who one is")
        routes.get(PAGE, guarded(self.show), "passkeys", "The page about passkeys")
        routes.post(f"{PAGE}/begin", guarded(self.begin), "passkey_begin", "The page that makes a passkey")
        routes.post(f"{PAGE}/add", guarded(self.add), "passkey_add", "Add the passkey that was made")
        routes.post(f"{PAGE}/remove", guarded(self.remove), "passkey_remove", "Remove a passkey")
        routes.post(f"{OVERVIEW}/password/remove", guarded(self.remove_password), "password_remove", "Passkeys alone")
        self.router = routes.router

    async def start(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        return await self._ask(request, next_of(params), "/auth/passkey/sign_in", "/auth/sign_in")

    async def enter(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        challenge, credential = _answer(params)
        client = self._forms.browser.client(request, self._forms.pages.language(request))
        call = FinishPasskeyRequest(challenge=challenge, credential_json=credential, client=client)
        answer: FinishPasskeyResponse = await self._forms.clients.auth.call("FinishPasskey", call, timeout=CALL_SECONDS)
        return self._sign_in.entered(next_of(params), answer.session)

    async def start_step_up(self, request: Request) -> Response:
        params = await self._forms.form(request)
        return await self._ask(request, next_of(params), "/auth/step_up/passkey/prove", "/auth/step_up")

    async def step_up(self, request: Request) -> Response:
        params = await self._forms.form(request)
        challenge, credential = _answer(params)
        await self._forms.account_call(
            request, ElevateByPasskeyRequest(challenge=challenge, credential_json=credential)
        )
        return redirect(next_of(params))

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def begin(self, request: Request) -> Response:
        params = await self._forms.form(request)
        begun = await self._forms.account_call(request, BeginPasskeyRequest())
        return self._forms.render(
            request,
            "passkey.html",
            script=True,
            kind="create",
            action=f"{PAGE}/add",
            back=PAGE,
            next=PAGE,
            challenge=begun.challenge,
            options=begun.options_json,
            label=_label(params),
        )

    async def add(self, request: Request) -> Response:
        params = await self._forms.form(request)
        challenge, credential = _answer(params)
        call = AddPasskeyRequest(challenge=challenge, credential_json=credential, name=_label(params))
        try:
            await self._forms.account_call(request, call)
        except (Unauthenticated, FailedPrecondition) as error:
            if error.reason not in ("WRONG_PASSKEY", "CHALLENGE_EXPIRED", "PASSKEY_NOT_ADDED"):
                raise
            return await self._page(request, error)
        return redirect(PAGE)

    async def remove(self, request: Request) -> Response:
        params = await self._forms.form(request)
        call = RemovePasskeyRequest(id=params.text("id", MAX_ID_CHARS) or "")
        return await self._changed(request, call)

    async def remove_password(self, request: Request) -> Response:
        await self._forms.form(request)
        return await self._changed(request, RemovePasswordRequest())

    async def _changed(self, request: Request, call: RemovePasskeyRequest | RemovePasswordRequest) -> Response:
        try:
            await self._forms.account_call(request, call)
        except FailedPrecondition as error:
            if error.reason != "LAST_WAY_IN":
                raise
            return await self._page(request, error)
        return redirect(PAGE)

    async def _ask(self, request: Request, target: str, action: str, back: str) -> Response:
        started: StartPasskeyResponse = await self._forms.clients.auth.call(
            "StartPasskey", StartPasskeyRequest(), timeout=CALL_SECONDS
        )
        return self._forms.render(
            request,
            "passkey.html",
            script=True,
            kind="get",
            action=action,
            back=back,
            next=target,
            challenge=started.challenge,
            options=started.options_json,
        )

    async def _page(self, request: Request, error: AppError | None = None) -> Response:
        security = await self._forms.elevated(request)
        found = await self._forms.account_call(request, ListPasskeysRequest())
        language = self._forms.pages.language(request)

        def at(time: Timestamp) -> str:
            moment: datetime = time.ToDatetime(UTC)
            return f"{format_datetime(moment, 'medium', locale=language)} UTC"

        return self._forms.render(
            request, "passkeys.html", error, passkeys=found.passkeys, has_password=security.has_password, at=at
        )


def _answer(params: Params) -> tuple[str, str]:
    """The challenge, and what the authenticator said to it."""
    challenge = params.text("challenge", MAX_CHALLENGE_CHARS) or ""
    return challenge, params.text("credential", MAX_CREDENTIAL_CHARS) or ""


def _label(params: Params) -> str:
    label = (params.text("label", MAX_LABEL_CHARS) or "").strip()
    if not label:
        raise invalid("label", "can't be blank", "ERR_BLANK")
    return label
