"""Deleted accounts: nobody signs in as one of them, and nothing by which somebody could be known is kept of them."""

from __future__ import annotations

from auth_service.account_models import Mail, MailKind
from auth_service.events import Events
from auth_service.repository.accounts import AccountRepository
from auth_service.repository.erasing import ErasureRepository
from auth_service.service.emails import Emails
from auth_service.service.mails import Mails
from rookery_common.clock import Clock
from rookery_common.erasure import Erased
from rookery_common.logs import get_logger

log = get_logger()


class Erasure:
    """An Eraser: sessions end everywhere within a second, the address is told, and then it is forgotten."""

    def __init__(
        self,
        repository: ErasureRepository,
        accounts: AccountRepository,
        emails: Emails,
        mails: Mails,
        events: Events,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._accounts = accounts
        self._emails = emails
        self._mails = mails
        self._events = events
        self._clock = clock

    async def erase(self, account_id: int) -> Erased:
        """May be asked again at any time."""
        now, farewell = self._clock.now(), await self._farewell(account_id)
        erased = await self._repository.erase(
            account_id, now, lambda session_id: self._events.session_ended(account_id, session_id, now), farewell
        )
        if erased.done and erased.amount:
            log.info("auth.account_erased", account_id=account_id)
        return erased

    async def _farewell(self, account_id: int) -> Mail | None:
        """To the address alone, since there is no account when it is sent."""
        account = await self._accounts.account(account_id)
        if account is None or not self._mails.is_sent:
            return None
        address = self._emails.open(account_id, account.data_key, account.email)
        return self._mails.new(MailKind.ACCOUNT_DELETED, 0, address, account.state.locale)
