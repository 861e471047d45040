"""Signing in by accounts at other sites: asked for one browser, answered once, never linked for an address alone."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from auth_service.account_models import AccountState, Challenge, Client, Purpose, SecuredAccount, StartedSession
from auth_service.clients.oidc import OidcProvider
from auth_service.errors import (
    ChallengeExpired,
    LastWayIn,
    LinkNotFound,
    ProviderLinked,
    ProviderNotFound,
    ProviderNotLinked,
    ProviderRefused,
    ValidationFailed,
    WrongProviderAnswer,
)
from auth_service.metrics import SIGN_INS
from auth_service.models import ProviderIdentity, SignUpForm
from auth_service.provider_models import (
    MAX_CODE_CHARS,
    MAX_CONTINUE_CHARS,
    MAX_PROVIDERS,
    AskedProvider,
    LinkOverview,
    OfferedSignUp,
    Provider,
    ProviderAnswer,
    ProviderStep,
    StartedProvider,
    issuers,
)
from auth_service.repository.links import LinkRepository
from auth_service.service.admission import Admission
from auth_service.service.browsers import Browsers
from auth_service.service.challenges import Challenges
from auth_service.service.identities import Identities
from auth_service.service.opaque import digest, new_secret
from auth_service.service.sign_up import SignUp
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import FieldViolation
from rookery_common.logs import get_logger

# What is linked stays listed when its provider is gone, so there may be some more.
MAX_LINKS = 2 * MAX_PROVIDERS
# How much earlier a provider's clock may be when it says that it has looked who somebody is.
SKEW_SECONDS = 60
log = get_logger()


class Providers:
    """Leads browsers to providers and back, and keeps the links between accounts here and there."""

    def __init__(
        self,
        clients: Mapping[str, OidcProvider],
        repository: LinkRepository,
        challenges: Challenges,
        browsers: Browsers,
        admission: Admission,
        sign_up: SignUp,
        identities: Identities,
        clock: Clock,
        *,
        public_url: str,
    ) -> None:
        self._clients = clients
        self._repository = repository
        self._challenges = challenges
        self._browsers = browsers
        self._admission = admission
        self._sign_up = sign_up
        self._identities = identities
        self._clock = clock
        self._public_url = public_url
        self.all: Sequence[Provider] = tuple(client.provider for client in clients.values())

    async def start(self, name: str, continue_to: str, *, afresh: bool) -> StartedProvider:
        """To sign in. Raises ProviderNotFound, ProviderUnavailable."""
        return await self._ask(name, Purpose.USE_PROVIDER, 0, continue_to, afresh=afresh)

    async def link(self, account: SecuredAccount, name: str, continue_to: str) -> StartedProvider:
        """To link the account with one there. Raises as `start`."""
        return await self._ask(name, Purpose.LINK_PROVIDER, account.account_id, continue_to, afresh=False)

    async def finish(
        self, name: str, token: str, answer: ProviderAnswer, caller: Identity | None, client: Client
    ) -> ProviderStep:
        """What the provider has led the browser back with, once.

        Raises ChallengeExpired, WrongProviderAnswer, ProviderRefused, ProviderUnavailable, ProviderLinked,
        ProviderNotLinked and what `check_state` does.
        """
        challenge = await self._taken(token)
        asked = self._challenges.payload(challenge)
        if asked["provider"] != name or not hmac.compare_digest(asked["state"].encode(), answer.state.encode()):
            raise WrongProviderAnswer("this is not an answer to what this browser asked")
        if answer.error or not 0 < len(answer.code) <= MAX_CODE_CHARS:
            raise ProviderRefused("nobody has signed in at the provider")
        identity = await self._client(name).identity(self._asked(asked), answer)
        continue_to = asked["continue_to"]
        if challenge.purpose is Purpose.LINK_PROVIDER:
            await self._add(challenge, caller, identity)
            return ProviderStep(continue_to)
        account_id = await self._repository.use(self._identities.digest(identity), self._clock.now())
        if not account_id:
            return ProviderStep(continue_to, offer=await self._offer(name, identity))
        SIGN_INS.labels("provider").inc()
        proved = bool(asked["afresh"]) and identity.authenticated_at >= int(asked["asked_at"]) - SKEW_SECONDS
        return ProviderStep(continue_to, step=await self._browsers.proceed(account_id, client, proved=proved))

    async def sign_up(self, token: str, form: SignUpForm, client: Client) -> tuple[AccountState, StartedSession | None]:
        """An account without a password for who was offered one, and its session if it waits for nothing.

        Repeated by the same form it is the same account. Raises ChallengeExpired, and what SignUp does.
        """
        challenge = await self._challenges.find(token, Purpose.SIGN_UP_BY_PROVIDER)
        if challenge is None:
            raise ChallengeExpired("please begin once more")
        offered = self._challenges.payload(challenge)
        identity = ProviderIdentity(offered["issuer"], offered["subject"], offered["label"])
        said = f"{token}:{form.username.casefold()}:{form.email.casefold()}"
        form = replace(form, request_id=digest(said).hex(), password="", identity=identity)
        state = await self._sign_up.sign_up_at_browser(form)
        await self._challenges.take(challenge)
        if not state.is_active:
            return state, None
        account_id = await self._repository.use(self._identities.digest(identity), self._clock.now())
        return state, (await self._browsers.proceed(account_id, client)).session

    async def links(self, account: SecuredAccount) -> Sequence[LinkOverview]:
        """The account's, the oldest first."""
        known = {provider.issuer: provider for provider in self.all}
        found = await self._repository.all(account.account_id, MAX_LINKS)
        return [
            LinkOverview(link, known.get(link.issuer), self._identities.label(link, account.data_key)) for link in found
        ]

    async def ways_in(self, account_id: int) -> Sequence[Provider]:
        """Those by which one gets into the account."""
        linked = {link.issuer for link in await self._repository.all(account_id, MAX_LINKS)} if self.all else set()
        return [provider for provider in self.all if provider.issuer in linked]

    async def unlink(self, account: SecuredAccount, issuer: str) -> None:
        """Raises LinkNotFound, LastWayIn."""
        if issuer not in {link.issuer for link in await self._repository.all(account.account_id, MAX_LINKS)}:
            raise LinkNotFound("there is no such link")
        if not await self._repository.remove(account.account_id, issuer, issuers(self.all)):
            raise LastWayIn("choose a password or add a passkey first")
        log.info("auth.provider_unlinked", account_id=account.account_id)

    async def _ask(
        self, name: str, purpose: Purpose, account_id: int, continue_to: str, *, afresh: bool
    ) -> StartedProvider:
        client = self._client(name)
        if len(continue_to) > MAX_CONTINUE_CHARS:
            text = f"is too long (maximum is {MAX_CONTINUE_CHARS} characters)"
            raise ValidationFailed(FieldViolation("continue_to", "ERR_TOO_LONG", text))
        asked = AskedProvider(new_secret(), new_secret(), new_secret(), self._redirect_uri(name), afresh)
        url = await client.address(asked)
        kept = {
            "provider": name,
            "state": asked.state,
            "nonce": asked.nonce,
            "verifier": asked.verifier,
            "afresh": "yes" if afresh else "",
            "asked_at": str(int(self._clock.now().timestamp())),
            "continue_to": continue_to,
        }
        return StartedProvider(await self._challenges.issue(purpose, account_id, kept), url, client.provider)

    async def _taken(self, token: str) -> Challenge:
        for purpose in (Purpose.USE_PROVIDER, Purpose.LINK_PROVIDER):
            challenge = await self._challenges.find(token, purpose)
            if challenge is not None and await self._challenges.take(challenge):
                return challenge
        raise ChallengeExpired("please begin once more")

    async def _add(self, challenge: Challenge, caller: Identity | None, identity: ProviderIdentity) -> None:
        if caller is None or caller.account_id != challenge.account_id:
            raise WrongProviderAnswer("another account has asked for this")
        account = await self._browsers.account_of(caller)
        link = self._identities.seal(identity, account.account_id, account.data_key, self._clock.now())
        added = await self._repository.add(link)
        if not added and await self._repository.owner(link.subject_digest) != account.account_id:
            raise ProviderLinked("it is linked already, or this account with another there")
        log.info("auth.provider_linked", account_id=account.account_id)

    async def _offer(self, name: str, identity: ProviderIdentity) -> OfferedSignUp:
        """Whoever has this address here is not asked for: accounts are linked by their owners alone."""
        if not self._admission.is_open:
            raise ProviderNotLinked("sign in first, and link your account there with yours here")
        kept = {key: value for key, value in asdict(identity).items() if key in ("issuer", "subject", "label")}
        token = await self._challenges.issue(Purpose.SIGN_UP_BY_PROVIDER, 0, kept)
        return OfferedSignUp(token, self._client(name).provider, identity)

    def _asked(self, kept: Mapping[str, str]) -> AskedProvider:
        return AskedProvider(kept["state"], kept["nonce"], kept["verifier"], self._redirect_uri(kept["provider"]))

    def _redirect_uri(self, name: str) -> str:
        """One for each provider: an answer that another one has sent does not fit (RFC 9700, 4.4)."""
        return f"{self._public_url}/auth/providers/{name}/callback"

    def _client(self, name: str) -> OidcProvider:
        client = self._clients.get(name)
        if client is None:
            raise ProviderNotFound("there is no such provider")
        return client
