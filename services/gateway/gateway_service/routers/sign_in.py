"""/auth/sign_in and what follows: the second factor, proving once more who one is, signing out."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response

from gateway_service.params import Params, query_params
from gateway_service.routers.page_forms import CALL_SECONDS, PageForms, next_of, redirect
from gateway_service.routing import Routes
from rookery.auth.v1.account_service_pb2 import (
    BrowserSession,
    ElevateSessionRequest,
    Factor,
    FinishProviderResponse,
    FinishSignInRequest,
    FinishSignInResponse,
    GetSecurityRequest,
    SignOutRequest,
    StartSignInRequest,
    StartSignInResponse,
)
from rookery_common.errors import AppError, ResourceExhausted, Unauthenticated

MAX_LOGIN_CHARS = 300
MAX_PASSWORD_CHARS = 1000
MAX_CODE_CHARS = 64
MAX_TOTP_CHARS = 8
MAX_CHALLENGE_CHARS = 512
Factors = Sequence[Factor.ValueType]
_FACTORS = {"totp": Factor.FACTOR_TOTP, "recovery_code": Factor.FACTOR_RECOVERY_CODE}
_NAMES = {value: name for name, value in _FACTORS.items()}


class SignIn:
    """Signs browsers in and out."""

    def __init__(self, forms: PageForms) -> None:
        self._forms = forms
        routes = Routes("sign-in")
        guarded = forms.guarded
        routes.get("/auth/sign_in", guarded(self.show), "sign_in", "The page to sign in with a browser")
        routes.post("/auth/sign_in", guarded(self.start), "sign_in_start", "Login and password")
        routes.post("/auth/second_factor", guarded(self.finish), "sign_in_finish", "A second factor's code")
        routes.post("/auth/sign_out", guarded(self.sign_out), "sign_out", "Sign this browser out")
        routes.get("/auth/step_up", guarded(self.show_step_up), "step_up", "The page to prove once more who one is")
        routes.post("/auth/step_up", guarded(self.step_up), "step_up_prove", "Password and code, once more")
        self.router = routes.router

    async def show(self, request: Request) -> Response:
        target = next_of(query_params(request))
        if await self._forms.browser.caller(request) is not None:
            return redirect(target)
        return await self._page(request, target)

    async def start(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        target, login = next_of(params), (params.text("login", MAX_LOGIN_CHARS) or "").strip()
        try:
            step = await self.begin(request, login, params.text("password", MAX_PASSWORD_CHARS) or "")
        except (Unauthenticated, ResourceExhausted) as error:
            return await self._page(request, target, error, login)
        return self.settled(request, target, step)

    async def begin(self, request: Request, login: str, password: str) -> StartSignInResponse:
        """What auth says to login and password. Raises what it refuses."""
        call = StartSignInRequest(
            login=login.strip(),
            password=password,
            client=self._forms.browser.client(request, self._forms.pages.language(request)),
        )
        answer: StartSignInResponse = await self._forms.clients.auth.call("StartSignIn", call, timeout=CALL_SECONDS)
        return answer

    def settled(self, request: Request, target: str, step: StartSignInResponse | FinishProviderResponse) -> Response:
        """On to the target, or to the second factor."""
        if step.challenge:
            return self._factor_page(request, target, step.challenge, step.factors)
        return self.entered(target, step.session)

    def entered(self, target: str, session: BrowserSession) -> Response:
        """On to the target, signed in."""
        response = redirect(target)
        self._forms.browser.remember(response, session)
        return response

    async def finish(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        target, challenge = next_of(params), params.text("challenge", MAX_CHALLENGE_CHARS) or ""
        factor, code = _proof(params)
        client = self._forms.browser.client(request, self._forms.pages.language(request))
        call = FinishSignInRequest(challenge=challenge, factor=factor, code=code, client=client)
        try:
            answer: FinishSignInResponse = await self._forms.clients.auth.call(
                "FinishSignIn", call, timeout=CALL_SECONDS
            )
        except AppError as error:
            if error.reason == "CHALLENGE_EXPIRED":
                return await self._page(request, target, error)
            if error.reason not in ("WRONG_FACTOR", "TOO_MANY_TRIES"):
                raise
            return self._factor_page(request, target, challenge, list(_FACTORS.values()), error)
        return self.entered(target, answer.session)

    async def sign_out(self, request: Request) -> Response:
        await self._forms.form(request)
        await self._forms.account_call(request, SignOutRequest())
        response = redirect("/auth/sign_in")
        self._forms.browser.forget(request, response)
        return response

    async def show_step_up(self, request: Request) -> Response:
        return await self._step_up_page(request, next_of(query_params(request)))

    async def step_up(self, request: Request) -> Response:
        params = await self._forms.form(request)
        target = next_of(params)
        factor, code = _proof(params)
        client = self._forms.browser.client(request, self._forms.pages.language(request))
        password = params.text("password", MAX_PASSWORD_CHARS) or ""
        call = ElevateSessionRequest(password=password, factor=factor, code=code, client=client)
        try:
            await self._forms.account_call(request, call)
        except (Unauthenticated, ResourceExhausted) as error:
            if error.reason not in ("WRONG_CREDENTIALS", "WRONG_FACTOR", "TOO_MANY_TRIES"):
                raise
            return await self._step_up_page(request, target, error)
        return redirect(target)

    async def _step_up_page(self, request: Request, target: str, error: AppError | None = None) -> Response:
        security = await self._forms.account_call(request, GetSecurityRequest())
        return self._forms.render(request, "step_up.html", error, next=target, security=security)

    async def _page(self, request: Request, target: str, error: AppError | None = None, login: str = "") -> Response:
        return await self._forms.sign_in_page(
            request, "sign_in.html", error, after_sign_up=target, next=target, login=login
        )

    def _factor_page(
        self,
        request: Request,
        target: str,
        challenge: str,
        factors: Sequence[Factor.ValueType],
        error: AppError | None = None,
    ) -> Response:
        names = [_NAMES[factor] for factor in factors if factor in _NAMES]
        values = {"next": target, "challenge": challenge, "factors": names}
        return self._forms.render(request, "second_factor.html", error, **values)


def _proof(params: Params) -> tuple[Factor.ValueType, str]:
    """Which factor a code is of, and the code: recovery codes are longer than those of an app."""
    code = (params.text("code", MAX_CODE_CHARS) or "").strip()
    if not code:
        return Factor.FACTOR_UNSPECIFIED, ""
    is_short = len("".join(code.split())) <= MAX_TOTP_CHARS
    return _FACTORS["totp" if is_short else "recovery_code"], code
