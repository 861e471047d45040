"""/auth/providers and /auth/security/providers: signing in by accounts at other sites, and linking them with ours."""

from __future__ import annotations

from datetime import UTC, datetime

from babel.dates import format_datetime
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.requests import Request
from starlette.responses import Response

from gateway_service.params import Params, query_params
from gateway_service.routers.page_forms import OVERVIEW, PageForms, next_of, redirect
from gateway_service.routers.sign_in import MAX_CHALLENGE_CHARS, SignIn
from gateway_service.routers.sign_up import SIGN_UP_SECONDS, sign_up_request
from gateway_service.routers.sign_up_page import SignUpPage, shown
from gateway_service.routing import Routes
from rookery.auth.v1.account_service_pb2 import (
    CreateProviderAccountRequest,
    CreateProviderAccountResponse,
    FinishProviderRequest,
    FinishProviderResponse,
    LinkProviderRequest,
    LinkProviderResponse,
    ListLinksRequest,
    RemoveLinkRequest,
    StartProviderRequest,
    StartProviderResponse,
)
from rookery_common.errors import AppError, FailedPrecondition

PAGE = f"{OVERVIEW}/providers"
SIGN_UP = "/auth/provider_sign_up"
# Auth asks the provider for up to four things, three seconds each.
PROVIDER_SECONDS = 13.0
MAX_NAME_CHARS = 30
MAX_ISSUER_CHARS = 500
MAX_ANSWER_CHARS = 4096
MAX_TITLE_CHARS = 60


class ProviderPages:
    """Sends browsers to providers, by a page that leads on: a form's redirect would have to be in the policy of all."""

    def __init__(self, forms: PageForms, sign_in: SignIn, sign_up: SignUpPage) -> None:
        self._forms = forms
        self._sign_in = sign_in
        self._sign_up = sign_up
        routes, guarded = Routes("sign-in"), forms.guarded
        routes.post("/auth/providers/{name}", guarded(self.start), "provider_start", "Sign in by another site")
        routes.get(
            "/auth/providers/{name}/callback", guarded(self.finish), "provider_finish", "Where providers lead back to"
        )
        routes.post(SIGN_UP, guarded(self.create), "provider_sign_up", "Get an account by another site's")
        routes.get(PAGE, guarded(self.show), "links", "The page about accounts at other sites")
        routes.post(f"{PAGE}/link", guarded(self.link), "link_begin", "Link the account with one at another site")
        routes.post(f"{PAGE}/unlink", guarded(self.unlink), "link_remove", "Remove such a link")
        self.router = routes.router

    async def start(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        target = next_of(params)
        call = StartProviderRequest(
            name=request.path_params["name"][:MAX_NAME_CHARS],
            continue_to=target,
            afresh=params.flag("afresh") or False,
        )
        started: StartProviderResponse = await self._forms.clients.auth.call(
            "StartProvider", call, timeout=PROVIDER_SECONDS
        )
        return self._lead_on(request, started, "/auth/sign_in")

    async def finish(self, request: Request) -> Response:
        """Whatever comes of it, the errand is over."""
        caller = await self._forms.browser.caller(request)
        answer: FinishProviderResponse = await self._forms.clients.auth.call(
            "FinishProvider",
            self._answer(request),
            timeout=PROVIDER_SECONDS,
            identity=None if caller is None else caller.identity,
        )
        target = next_of(Params({"next": answer.continue_to}))
        if answer.HasField("sign_up"):
            offer = answer.sign_up
            filled = {"username": offer.username, "email": offer.email}
            by = {"action": SIGN_UP, "challenge": offer.challenge, "provider": offer.provider.title}
            response = await self._sign_up.page(request, target, filled, by=by)
        elif answer.HasField("session") or answer.challenge:
            response = self._sign_in.settled(request, target, answer)
        else:
            response = redirect(target)
        self._forms.browser.come_back(response)
        return response

    async def create(self, request: Request) -> Response:
        params = await self._forms.credentials(request)
        form = sign_up_request(params)
        form.locale = self._forms.pages.language(request)
        challenge = params.text("challenge", MAX_CHALLENGE_CHARS) or ""
        client = self._forms.browser.client(request, form.locale)
        call = CreateProviderAccountRequest(challenge=challenge, form=form, client=client)
        try:
            made: CreateProviderAccountResponse = await self._forms.clients.auth.call(
                "CreateProviderAccount", call, timeout=SIGN_UP_SECONDS
            )
        except AppError as error:
            if not error.fields and error.reason != "INVITATION_VOID":
                raise
            by = {"action": SIGN_UP, "challenge": challenge, "provider": params.text("provider", MAX_TITLE_CHARS) or ""}
            return await self._sign_up.page(request, next_of(params), shown(form), error, by=by)
        if not made.HasField("session"):
            return self._sign_up.waiting(request, made, form.email)
        return self._sign_in.entered(next_of(params), made.session)

    async def show(self, request: Request) -> Response:
        return await self._page(request)

    async def link(self, request: Request) -> Response:
        params = await self._forms.form(request)
        caller = await self._forms.browser.require(request)
        call = LinkProviderRequest(name=params.text("name", MAX_NAME_CHARS) or "", continue_to=PAGE)
        started: LinkProviderResponse = await self._forms.clients.auth.call(
            "LinkProvider", call, timeout=PROVIDER_SECONDS, identity=caller.identity
        )
        return self._lead_on(request, started, PAGE)

    async def unlink(self, request: Request) -> Response:
        params = await self._forms.form(request)
        try:
            await self._forms.account_call(
                request, RemoveLinkRequest(issuer=params.text("issuer", MAX_ISSUER_CHARS) or "")
            )
        except FailedPrecondition as error:
            if error.reason != "LAST_WAY_IN":
                raise
            return await self._page(request, error)
        return redirect(PAGE)

    def _lead_on(self, request: Request, started: StartProviderResponse | LinkProviderResponse, back: str) -> Response:
        page = self._forms.render(request, "provider.html", provider=started.provider, url=started.url, back=back)
        self._forms.browser.send_out(page, started.challenge)
        return page

    def _answer(self, request: Request) -> FinishProviderRequest:
        params = query_params(request)
        return FinishProviderRequest(
            name=request.path_params["name"][:MAX_NAME_CHARS],
            challenge=self._forms.browser.errand(request),
            state=params.text("state", MAX_ANSWER_CHARS) or "",
            code=params.text("code", MAX_ANSWER_CHARS) or "",
            issuer=params.text("iss", MAX_ISSUER_CHARS) or "",
            error=params.text("error", MAX_ANSWER_CHARS) or "",
            client=self._forms.browser.client(request, self._forms.pages.language(request)),
        )

    async def _page(self, request: Request, error: AppError | None = None) -> Response:
        await self._forms.elevated(request)
        links = (await self._forms.account_call(request, ListLinksRequest())).links
        linked = {link.provider.name for link in links}
        others = [provider for provider in await self._forms.providers() if provider.name not in linked]
        language = self._forms.pages.language(request)

        def at(time: Timestamp) -> str:
            moment: datetime = time.ToDatetime(UTC)
            return f"{format_datetime(moment, 'medium', locale=language)} UTC"

        return self._forms.render(request, "providers.html", error, links=links, others=others, at=at)
