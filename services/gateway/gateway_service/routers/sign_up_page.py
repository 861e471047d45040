"""/auth/sign_up: getting an account with a browser."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.config import Settings
from gateway_service.errors import RegistrationsClosed
from gateway_service.params import Params, query_params
from gateway_service.routers.page_forms import FIELD_MESSAGES, TRY_AGAIN, PageForms, next_of
from gateway_service.routers.sign_in import SignIn
from gateway_service.routers.sign_up import SIGN_UP_SECONDS, request_id, sign_up_request
from gateway_service.routing import Routes
from gateway_service.schemas.instance import SignUpMode
from rookery.auth.v1.account_service_pb2 import (
    CreateAccountRequest,
    CreateAccountResponse,
    CreateProviderAccountResponse,
)
from rookery.auth.v1.auth_service_pb2 import SignUpRequest
from rookery_common.crypto import derive_key
from rookery_common.errors import AppError

MAX_INVITATION_CHARS = 200
# What the page asks for, and shows again after a mistake; a password is typed once more.
_SHOWN = ("username", "email", "reason", "invite_code")
# Where the form goes; by a provider also what is sent with it.
_BY_PASSWORD = {"action": "/auth/sign_up", "challenge": "", "provider": ""}


class SignUpPage:
    """Shows the form that the operator's mode needs; who is accepted at once is signed in."""

    def __init__(self, forms: PageForms, sign_in: SignIn, settings: Settings) -> None:
        self._forms = forms
        self._sign_in = sign_in
        self._rules = settings.rules
        self._key = derive_key(settings.master_key_bytes(), "gateway.sign-up-page")
        routes, guarded = Routes("sign-in"), forms.guarded
        routes.get("/auth/sign_up", guarded(self.show), "sign_up", "The page to get an account")
        routes.post("/auth/sign_up", guarded(self.create), "sign_up_create", "Get an account")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        params = query_params(request)
        invitation = params.text("invite_code", MAX_INVITATION_CHARS) or ""
        return await self._page(request, params, {"invite_code": invitation})

    async def create(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        call = sign_up_request(params)
        call.locale = self._forms.pages.language(request)
        # By what it says: sent twice, the form makes one account.
        call.request_id = request_id(self._key, 0, "", call)
        try:
            made: CreateAccountResponse = await self._forms.clients.auth.call(
                "CreateAccount", CreateAccountRequest(form=call), timeout=SIGN_UP_SECONDS, idempotent=True
            )
        except AppError as error:
            if not error.fields and error.reason != "INVITATION_VOID":
                raise
            return await self._page(request, params, shown(call), error)
        if made.pending_confirmation or made.pending_approval:
            return self.waiting(request, made, call.email)
        return await self._enter(request, params, call)

    def waiting(
        self, request: Request, made: CreateAccountResponse | CreateProviderAccountResponse, email: str
    ) -> Response:
        """What the account waits for before one can sign in."""
        what = "confirmation" if made.pending_confirmation else "approval"
        return self._forms.render(request, "signed_up.html", what=what, email=email)

    async def _enter(self, request: Request, params: Params, call: SignUpRequest) -> Response:
        step = await self._sign_in.begin(request, call.username, call.password)
        return self._sign_in.settled(request, next_of(params), step)

    async def _page(
        self, request: Request, params: Params, filled: Mapping[str, str], error: AppError | None = None
    ) -> Response:
        return await self.page(request, next_of(params), filled, error)

    async def page(
        self,
        request: Request,
        target: str,
        filled: Mapping[str, str],
        error: AppError | None = None,
        *,
        by: Mapping[str, str] = _BY_PASSWORD,
    ) -> Response:
        """The form, which leads to the target in the end. Raises RegistrationsClosed."""
        mode = await self._forms.sign_up.mode()
        if mode is SignUpMode.CLOSED:
            raise RegistrationsClosed
        values = {name: filled.get(name, "") for name in _SHOWN}
        return self._forms.render(
            request,
            "sign_up.html",
            error,
            next=target,
            by=by,
            mode=mode.value,
            filled=values,
            problems={} if error is None else problems(error),
            rules=self._rules,
        )


def shown(call: SignUpRequest) -> dict[str, str]:
    """What was filled in, to be shown again."""
    return {name: getattr(call, name) for name in _SHOWN}


def problems(error: AppError) -> dict[str, str]:
    """What people are told of each field, in the language of the code."""
    if error.reason == "INVITATION_VOID":
        return {"invite_code": FIELD_MESSAGES["invite_code", "ERR_INVALID"]}
    return {one.field: FIELD_MESSAGES.get((one.field, one.code), TRY_AGAIN) for one in error.fields}
