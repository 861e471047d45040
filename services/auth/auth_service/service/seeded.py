"""Tokens of people who were made up, for an operator who tries the platform as one of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from auth_service.account_models import AccountState, NewAccount
from auth_service.clients import UserClient
from auth_service.errors import AccountNotFound, NotSeeded
from auth_service.models import OUT_OF_BAND, App, Credentials
from auth_service.repository import AuthRepository
from auth_service.repository.accounts import AccountRepository
from auth_service.service.apps import Apps
from auth_service.service.emails import Emails
from auth_service.service.opaque import new_secret
from auth_service.service.passwords import Passwords
from auth_service.service.sessions import Sessions
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.clock import Clock
from rookery_common.ids import TIME_SHIFT
from rookery_common.logs import get_logger

SCOPES: Final = ("read", "write", "follow")
# Nobody has a mailbox there: RFC 2606.
_DOMAIN: Final = "seed.invalid"
log = get_logger()


@dataclass(frozen=True, slots=True)
class SeededToken:
    """A session of an app of its own, which ends with it."""

    app: App
    account_id: int
    access_token: str = field(repr=False)


class SeededAccounts:
    """Lets nobody in but whom a seed has made up: their ids have neither worker nor sequence, as nobody else's have.

    Their password is drawn and forgotten, and no address is theirs: a token is the only way in.
    """

    def __init__(
        self,
        repository: AuthRepository,
        accounts: AccountRepository,
        users: UserClient,
        apps: Apps,
        sessions: Sessions,
        passwords: Passwords,
        emails: Emails,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._users = users
        self._apps = apps
        self._sessions = sessions
        self._passwords = passwords
        self._emails = emails
        self._clock = clock

    async def token(self, username: str) -> SeededToken:
        """A new one each time. Raises AccountNotFound, NotSeeded."""
        account_id = await self._users.find(username)
        if account_id is None:
            raise AccountNotFound(f"nobody has the username {username}")
        if account_id % (1 << TIME_SHIFT):
            raise NotSeeded(f"{username} was not made up by a seed, and signs in by themselves")
        app, _ = await self._apps.create(f"An operator as {username}", [OUT_OF_BAND], SCOPES, "")
        if await self._accounts.account(account_id) is None:
            await self._admit(account_id, username.lower(), app)
        issued = await self._sessions.open(app, account_id, SCOPES, grant="operator")
        log.info("auth.seeded_token_made", account_id=account_id, session_id=issued.session.session_id)
        return SeededToken(app, account_id, issued.access_token)

    async def _admit(self, account_id: int, username: str, app: App) -> None:
        """Nobody is told: they have not signed up."""
        data_key, sealed = self._emails.seal(account_id, f"{username}@{_DOMAIN}")
        credentials = Credentials(
            account_id=account_id,
            username=username,
            password_hash=await self._passwords.hash(new_secret()),
            data_key=data_key,
            email=sealed,
            email_digest=self._emails.unconfirmed_digest(account_id),
            reservation_id=f"seed:{account_id}",
            app_id=app.app_id,
            created_at=self._clock.now(),
        )
        try:
            await self._accounts.add_account(credentials, None, None, NewAccount(AccountState()))
        except UniqueViolated:
            # Another command was first with the same account; else the name is somebody's whom user does not know.
            if await self._accounts.account(account_id) is None:
                raise NotSeeded(f"{username} is a name that somebody signs in by") from None
