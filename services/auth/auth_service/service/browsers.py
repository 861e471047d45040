"""Signing in with a browser: password first, a second factor where there is one, a session in the end."""

from __future__ import annotations

from datetime import datetime, timedelta

from auth_service.account_models import (
    ELEVATION,
    SECURITY_SCOPE,
    Client,
    Factor,
    MailKind,
    Purpose,
    SecuredAccount,
    SignInStep,
    StartedSession,
    web_app,
)
from auth_service.errors import ChallengeExpired, ElevationRequired, WrongFactor, WrongPasskey
from auth_service.repository.accounts import AccountRepository
from auth_service.service.challenges import Challenges
from auth_service.service.devices import Devices
from auth_service.service.factors import Factors
from auth_service.service.notices import Notices
from auth_service.service.passkeys import Passkeys
from auth_service.service.sessions import Sessions
from auth_service.service.sign_in import SignIn, check_state
from rookery_common.auth import Identity, InvalidToken
from rookery_common.clock import Clock
from rookery_common.logs import get_logger

log = get_logger()


class Browsers:
    """Opens browsers' sessions, and says which of them may do what is dangerous."""

    def __init__(
        self,
        repository: AccountRepository,
        sign_in: SignIn,
        factors: Factors,
        passkeys: Passkeys,
        challenges: Challenges,
        sessions: Sessions,
        devices: Devices,
        notices: Notices,
        clock: Clock,
        *,
        longest: timedelta,
    ) -> None:
        self._repository = repository
        self._longest = longest
        self._sign_in = sign_in
        self._factors = factors
        self._passkeys = passkeys
        self._challenges = challenges
        self._sessions = sessions
        self._devices = devices
        self._notices = notices
        self._clock = clock

    async def start(self, login: str, password: str, client: Client) -> SignInStep:
        """A session, or the factors of which one is needed. Raises what SignIn.identify and `check_state` do."""
        credentials = await self._sign_in.identify(login, password, client)
        return await self.proceed(credentials.account_id, client)

    async def proceed(self, account_id: int, client: Client, *, proved: bool = True) -> SignInStep:
        """After the first factor, as `start`. Unless it was `proved` just now, nothing dangerous is open afterwards."""
        account = await self._account(account_id)
        check_state(account)
        if not account.factors:
            return SignInStep(session=await self.open(account, client, proved=proved))
        challenge = await self._challenges.issue(Purpose.SECOND_FACTOR, account.account_id, {})
        return SignInStep(challenge=challenge, factors=account.factors)

    async def finish(self, token: str, factor: Factor, code: str, client: Client) -> StartedSession:
        """After the password. Raises ChallengeExpired, WrongFactor, TooManyTries, and what `check_state` does."""
        challenge = await self._challenges.find(token, Purpose.SECOND_FACTOR)
        if challenge is None:
            raise ChallengeExpired("please sign in once more")
        account = await self._account(challenge.account_id)
        check_state(account)
        await self._factors.check(account, factor, code, client)
        if not await self._challenges.take(challenge):
            raise ChallengeExpired("please sign in once more")
        return await self.open(account, client)

    async def open(self, account: SecuredAccount, client: Client, *, proved: bool = True) -> StartedSession:
        """A session of who has proved everything; if that was just now, what is dangerous is open for a while.

        The owner is told where the browser is new to the account.
        """
        now = self._clock.now()
        is_new = not self._devices.known(client.device_token, account.account_id)
        await self._repository.ensure_web_app(now)
        issued = await self._sessions.open(
            web_app(now), account.account_id, (SECURITY_SCOPE,), grant="browser", is_told=is_new
        )
        if proved:
            await self._repository.elevate(issued.session.session_id, now + ELEVATION)
        log.info("auth.signed_in", account_id=account.account_id, session_id=issued.session.session_id)
        if is_new:
            await self._notices.send(account, MailKind.NEW_SIGN_IN)
        device = self._devices.token(account.account_id, client.device_token)
        # The cookie outlives what is not used: the session's end is looked at here, not in the browser.
        return StartedSession(issued.access_token, device, account.account_id, now + self._longest)

    async def enter(self, token: str, answer: str, client: Client) -> StartedSession:
        """By a passkey alone. Raises what Passkeys.account_of and `check_state` do."""
        account = await self._account(await self._passkeys.account_of(token, answer))
        check_state(account)
        return await self.open(account, client)

    async def elevate_by_passkey(self, caller: Identity, token: str, answer: str) -> None:
        """As `elevate`. Raises WrongPasskey, ChallengeExpired."""
        if await self._passkeys.account_of(token, answer) != caller.account_id:
            raise WrongPasskey("this passkey is another account's")
        await self._repository.elevate(caller.session_id, self._clock.now() + ELEVATION)

    async def elevate(self, caller: Identity, password: str, factor: Factor, code: str, client: Client) -> None:
        """Opens what is dangerous for ten minutes. Raises WrongCredentials, WrongFactor, TooManyTries."""
        account = await self.account_of(caller)
        await self._sign_in.identify(account.username, password, client)
        if account.factors:
            if factor not in account.factors:
                raise WrongFactor("a second factor is needed")
            await self._factors.check(account, factor, code, client)
        await self._repository.elevate(caller.session_id, self._clock.now() + ELEVATION)

    async def elevated(self, caller: Identity) -> SecuredAccount:
        """The account of a caller who may do what is dangerous. Raises ElevationRequired."""
        if await self.elevated_until(caller) is None:
            raise ElevationRequired("please prove once more that it is you")
        return await self.account_of(caller)

    async def elevated_until(self, caller: Identity) -> datetime | None:
        """When what is dangerous closes again; None while it is closed."""
        until = await self._repository.elevated_until(caller.session_id)
        return None if until is None or until <= self._clock.now() else until

    async def account_of(self, caller: Identity) -> SecuredAccount:
        """The caller's account."""
        return await self._account(caller.account_id)

    async def _account(self, account_id: int) -> SecuredAccount:
        account = await self._repository.account(account_id)
        if account is None:
            raise InvalidToken("there is no such account any more")
        return account
