"""What guards accounts, in Postgres. Times come from the caller; each method is one transaction or one read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from auth_service.account_models import (
    UNCONFIRMED_SCOPE,
    WEB_APP_ID,
    AccountState,
    Applicant,
    Challenge,
    Mail,
    MailKind,
    NewAccount,
    Purpose,
    SecuredAccount,
    UsedSession,
    web_app,
)
from auth_service.errors import InvitationVoid
from auth_service.models import Credentials, Session
from auth_service.repository import account_statements as sql
from auth_service.repository import insert_account, record_revocation
from auth_service.repository.links import insert_link
from rookery_common.clients.postgres import PgConnection, Postgres
from rookery_common.kafka.events import Event
from rookery_common.kafka.postgres_outbox import OutboxTransaction, PostgresOutbox

# The event of a session's end.
EventOf = Callable[[int], Event]
PURGE_ROWS = 1000


class AccountRepository:
    """States, second factors, one-time tokens, mails and invitations."""

    def __init__(self, pg: Postgres, outbox: PostgresOutbox) -> None:
        self._pg = pg
        self._outbox = outbox

    async def ensure_web_app(self, at: datetime) -> None:
        """The application that browsers' sessions belong to is there from now on."""
        app = web_app(at)
        args = (WEB_APP_ID, app.client_id, app.secret_hash, app.name, at)
        async with self._pg.transaction() as tx:
            await tx.execute("web_app_ensure", sql.ENSURE_WEB_APP, *args)

    async def add_account(
        self, credentials: Credentials, session: Session | None, event: Event | None, new: NewAccount
    ) -> None:
        """All that an account begins with, or nothing of it. Raises UniqueViolated, InvitationVoid."""
        state = new.state
        async with self._outbox.transaction() as tx:
            if new.invitation is not None:
                args = (new.invitation, credentials.created_at)
                if await tx.execute("invitation_use", sql.USE_INVITATION, *args) == 0:
                    raise InvitationVoid("the invitation was used already, or is too old")
            await insert_account(tx, credentials, session)
            row = (state.confirmed, state.approved, state.rejected, state.locale, state.reason)
            await tx.execute("account_state_add", sql.ADD_STATE, credentials.account_id, *row)
            if new.link is not None:
                await insert_link(tx, new.link)
            if new.mail is not None:
                await add_mail(tx, new.mail)
            if event is not None:
                tx.emit(event)

    async def account(self, account_id: int) -> SecuredAccount | None:
        return _account(await self._row("account_by_id", sql.ACCOUNT_BY_ID, account_id))

    async def account_by_username(self, username: str) -> SecuredAccount | None:
        return _account(await self._row("account_by_username", sql.ACCOUNT_BY_USERNAME, username))

    async def account_by_email(self, digest: bytes) -> SecuredAccount | None:
        return _account(await self._row("account_by_email", sql.ACCOUNT_BY_EMAIL, digest))

    async def set_unconfirmed_email(self, account_id: int, sealed: bytes) -> bool:
        """The address that is to be confirmed first; False if one has been."""
        async with self._pg.transaction() as tx:
            return await tx.execute("email_set_unconfirmed", sql.SET_UNCONFIRMED_EMAIL, account_id, sealed) > 0

    async def confirm_email(
        self, challenge: Challenge, sealed: bytes, digest: bytes, now: datetime
    ) -> SecuredAccount | None:
        """Uses the challenge up for the address; None if it was used or has expired. Raises UniqueViolated."""
        async with self._pg.transaction() as tx:
            if not await _take(tx, challenge, now):
                return None
            account_id = challenge.account_id
            await tx.execute("email_set", sql.SET_EMAIL, account_id, sealed, digest)
            await tx.execute("account_confirm", sql.SET_CONFIRMED, account_id)
            await _activate(tx, account_id, now)
            return _account(await tx.fetchrow("account_by_id", sql.ACCOUNT_BY_ID, account_id))

    async def decide(self, account_id: int, *, approved: bool, now: datetime) -> bool:
        """What a moderator decided on an applicant; False if that was decided before."""
        async with self._pg.transaction() as tx:
            if await tx.execute("account_decide", sql.SET_DECISION, account_id, approved) == 0:
                return False
            await _activate(tx, account_id, now)
        return True

    async def applicants(self, after: int, limit: int) -> list[Applicant]:
        async with self._pg.read(primary=True) as read:
            return [Applicant(**row) for row in await read.fetch("applicants", sql.APPLICANTS, after, limit)]

    async def change_password(
        self, account_id: int, password_hash: str, told: Event, now: datetime, ended: EventOf, *, keep: int = 0
    ) -> None:
        """And ends all of the account's sessions but `keep`, and every half-done sign-in and link."""
        async with self._outbox.transaction() as tx:
            await _set_password(tx, account_id, password_hash)
            tx.emit(told)
            await end_sessions(tx, account_id, now, ended, keep)

    async def reset_password(
        self, challenge: Challenge, password_hash: str, told: Event, now: datetime, ended: EventOf
    ) -> bool:
        """The same for who holds the challenge; False if it was used or has expired."""
        async with self._outbox.transaction() as tx:
            if not await _take(tx, challenge, now):
                return False
            await _set_password(tx, challenge.account_id, password_hash)
            tx.emit(told)
            await end_sessions(tx, challenge.account_id, now, ended, 0)
        return True

    async def revoke_sessions(self, account_id: int, now: datetime, ended: EventOf, *, keep: int = 0) -> int:
        """Ends all of the account's sessions but `keep`; returns how many."""
        async with self._outbox.transaction() as tx:
            return await end_sessions(tx, account_id, now, ended, keep)

    async def use_due(self, session_id: int, account_id: int, before: datetime) -> bytes | None:
        """The account's data key, if no use of the session was noted after that time."""
        row = await self._row("session_use_due", sql.USE_DUE, session_id, account_id, before)
        return None if row is None else row["data_key"]

    async def note_use(self, session_id: int, seen: bytes, now: datetime) -> None:
        async with self._pg.transaction() as tx:
            await tx.execute("session_use", sql.NOTE_USE, session_id, seen, now)

    async def sessions(self, account_id: int, now: datetime, limit: int) -> list[UsedSession]:
        """Those that go on, the one used last first."""
        async with self._pg.read(primary=True) as read:
            rows = await read.fetch("account_sessions", sql.SESSIONS, account_id, now, limit)
        return [UsedSession(**row) for row in rows]

    async def add_challenge(self, challenge: Challenge, *, only: bool = False) -> None:
        """With `only`, the account's earlier ones of this purpose are void."""
        async with self._pg.transaction() as tx:
            if only:
                await tx.execute("challenges_void", sql.DROP_CHALLENGES, challenge.account_id, challenge.purpose)
            args = (challenge.token_hash, challenge.purpose, challenge.account_id, challenge.data_key)
            await tx.execute("challenge_add", sql.ADD_CHALLENGE, *args, challenge.payload, challenge.expires_at)

    async def challenge(self, token_hash: bytes, purpose: Purpose, now: datetime) -> Challenge | None:
        row = await self._row("challenge", sql.CHALLENGE, token_hash, purpose, now)
        return None if row is None else _challenge(row)

    async def take_challenge(self, token_hash: bytes, purpose: Purpose, now: datetime) -> Challenge | None:
        """Uses it up."""
        async with self._pg.transaction() as tx:
            row = await tx.fetchrow("challenge_take", sql.TAKE_CHALLENGE, token_hash, purpose, now)
        return None if row is None else _challenge(row)

    async def elevate(self, session_id: int, until: datetime) -> None:
        async with self._pg.transaction() as tx:
            await tx.execute("session_elevate", sql.ELEVATE, session_id, until)

    async def elevated_until(self, session_id: int) -> datetime | None:
        row = await self._row("session_elevated", sql.ELEVATED_UNTIL, session_id)
        return None if row is None else row["until"]

    async def begin_totp(self, account_id: int, secret: bytes) -> bool:
        """A secret that does not count yet; False where one does."""
        async with self._pg.transaction() as tx:
            return await tx.execute("totp_begin", sql.BEGIN_TOTP, account_id, secret) > 0

    async def enable_totp(self, account_id: int, step: int, codes: Sequence[bytes]) -> bool:
        """Together with the recovery codes; False if it was enabled, or never begun."""
        async with self._pg.transaction() as tx:
            if await tx.execute("totp_enable", sql.ENABLE_TOTP, account_id, step) == 0:
                return False
            await _replace_recovery_codes(tx, account_id, codes)
        return True

    async def use_totp(self, account_id: int, step: int) -> bool:
        """False for a step whose code, or that of a later one, was taken before."""
        async with self._pg.transaction() as tx:
            return await tx.execute("totp_use", sql.USE_TOTP, account_id, step) > 0

    async def disable_totp(self, account_id: int) -> bool:
        """Together with the recovery codes; False if it was off."""
        async with self._pg.transaction() as tx:
            await tx.execute("recovery_codes_drop", sql.DROP_RECOVERY_CODES, account_id)
            return await tx.execute("totp_disable", sql.DISABLE_TOTP, account_id) > 0

    async def replace_recovery_codes(self, account_id: int, codes: Sequence[bytes]) -> None:
        async with self._pg.transaction() as tx:
            await _replace_recovery_codes(tx, account_id, codes)

    async def use_recovery_code(self, account_id: int, code: bytes) -> bool:
        """False if the account has no such code."""
        async with self._pg.transaction() as tx:
            return await tx.execute("recovery_code_use", sql.USE_RECOVERY_CODE, account_id, code) > 0

    async def uncount_tries(self, *keys: bytes) -> None:
        """After a success: the try does not count."""
        async with self._pg.transaction() as tx:
            for key in keys:
                await tx.execute("try_uncount", sql.UNCOUNT_TRY, key)

    async def add_mail(self, mail: Mail) -> None:
        async with self._pg.transaction() as tx:
            await add_mail(tx, mail)

    async def claim_mails(self, now: datetime, again_at: datetime, limit: int) -> list[Mail]:
        """Those that are due; each comes again then, unless it is dropped."""
        async with self._pg.transaction() as tx:
            rows = await tx.fetch("mails_claim", sql.CLAIM_MAILS, now, again_at, limit)
        return [Mail(**{**row, "kind": MailKind(row["kind"])}) for row in rows]

    async def delay_mail(self, mail_id: int, until: datetime) -> None:
        async with self._pg.transaction() as tx:
            await tx.execute("mail_delay", sql.DELAY_MAIL, mail_id, until)

    async def drop_mail(self, mail_id: int) -> None:
        async with self._pg.transaction() as tx:
            await tx.execute("mail_drop", sql.DROP_MAIL, mail_id)

    async def add_invitation(self, code_hash: bytes, uses: int, expires_at: datetime) -> None:
        async with self._pg.transaction() as tx:
            await tx.execute("invitation_add", sql.ADD_INVITATION, code_hash, uses, expires_at)

    async def invitation_holds(self, code_hash: bytes, now: datetime) -> bool:
        row = await self._row("invitation_holds", sql.INVITATION_HOLDS, code_hash, now)
        return bool(row[0])

    async def purge_challenges(self, now: datetime) -> int:
        """Deletes a bounded number of those that have expired; returns how many."""
        async with self._pg.transaction() as tx:
            return await tx.execute("purge_challenges", sql.PURGE_CHALLENGES, now, PURGE_ROWS)

    async def _row(self, name: str, statement: str, *args: object) -> Any:
        async with self._pg.read(primary=True) as read:
            return await read.fetchrow(name, statement, *args)


async def add_mail(tx: PgConnection, mail: Mail) -> None:
    """To be sent, if the transaction commits."""
    args = (mail.mail_id, mail.kind, mail.account_id, mail.data_key, mail.address, mail.locale, mail.created_at)
    await tx.execute("mail_add", sql.ADD_MAIL, *args)


async def _take(tx: PgConnection, challenge: Challenge, now: datetime) -> bool:
    args = (challenge.token_hash, challenge.purpose, now)
    return await tx.fetchrow("challenge_take", sql.TAKE_CHALLENGE, *args) is not None


async def _activate(tx: PgConnection, account_id: int, now: datetime) -> None:
    """Gives the sessions of an account that is active now the scopes that they were opened for."""
    if await tx.execute("sessions_activate", sql.ACTIVATE_SESSIONS, account_id, [UNCONFIRMED_SCOPE]):
        await record_revocation(tx, now, session_id=0, account_id=account_id, roles_changed=True)


async def _set_password(tx: PgConnection, account_id: int, password_hash: str) -> None:
    await tx.execute("password_set", sql.SET_PASSWORD, account_id, password_hash)
    await tx.execute("challenges_drop", sql.DROP_ALL_CHALLENGES, account_id)


async def end_sessions(tx: OutboxTransaction, account_id: int, now: datetime, ended: EventOf, keep: int = 0) -> int:
    """All but `keep`, told of one by one where one goes on, at once where none does; how many."""
    rows = await tx.fetch("sessions_revoke", sql.REVOKE_SESSIONS, account_id, now, keep)
    for row in rows:
        tx.emit(ended(row["session_id"]))
    for session_id in [row["session_id"] for row in rows] if keep else [0]:
        await record_revocation(tx, now, session_id=session_id, account_id=account_id)
    return len(rows)


async def _replace_recovery_codes(tx: PgConnection, account_id: int, codes: Sequence[bytes]) -> None:
    await tx.execute("recovery_codes_drop", sql.DROP_RECOVERY_CODES, account_id)
    for code in codes:
        await tx.execute("recovery_code_add", sql.ADD_RECOVERY_CODE, account_id, code)


def _account(row: Any) -> SecuredAccount | None:
    if row is None:
        return None
    state = ("confirmed", "approved", "rejected", "locale", "reason")
    values = {name: row[name] for name in row.keys() if name not in state}  # noqa: SIM118 - a record, not a dict
    return SecuredAccount(**values, state=AccountState(**{name: row[name] for name in state}))


def _challenge(row: Any) -> Challenge:
    return Challenge(**{**row, "purpose": Purpose(row["purpose"])})
