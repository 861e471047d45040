"""What auth calls and where it keeps things, in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auth_service.account_models import (
    UNCONFIRMED_SCOPE,
    WEB_APP_ID,
    AccountState,
    Applicant,
    Challenge,
    LinkedIdentity,
    Mail,
    NewAccount,
    Purpose,
    SecuredAccount,
    UsedSession,
    web_app,
)
from auth_service.clients import UserClient
from auth_service.errors import InvitationVoid
from auth_service.models import Credentials, Reservation, Session, Tries
from auth_service.repository.accounts import AccountRepository, EventOf
from rookery_common.clients.postgres import UniqueViolated
from rookery_common.clock import Clock
from rookery_common.errors import AlreadyExists, NotFound
from rookery_common.ids import IdSource
from rookery_common.kafka.events import Event


class FakeUsers(UserClient):
    """The user service by its contract: reservations by request, one account a name. `failures` are raised in turn."""

    def __init__(self, ids: IdSource, clock: Clock) -> None:
        self._ids = ids
        self._clock = clock
        self.reservations: dict[str, tuple[Reservation, str]] = {}
        self.accounts: dict[int, str] = {}
        self.failures: dict[str, list[Exception]] = {"reserve": [], "confirm": []}
        self.calls: list[str] = []

    async def reserve(self, reservation_id: str, username: str) -> Reservation:
        self._call("reserve")
        known = self.reservations.get(reservation_id)
        if known is None or (known[0].expires_at <= self._clock.now() and known[0].account_id not in self.accounts):
            if username.lower() in self._names_but(reservation_id):
                raise AlreadyExists("the username is taken")
            account_id = known[0].account_id if known else self._ids.mint()
            known = (Reservation(account_id, self._clock.now() + timedelta(minutes=15)), username.lower())
            self.reservations[reservation_id] = known
        return known[0]

    async def confirm(self, account_id: int, reservation_id: str) -> None:
        self._call("confirm")
        known = self.reservations.get(reservation_id)
        if account_id in self.accounts:
            return
        if known is None or known[0].account_id != account_id or known[0].expires_at <= self._clock.now():
            raise NotFound("the reservation has expired")
        self.accounts[account_id] = known[1]

    async def find(self, username: str) -> int | None:
        return next((number for number, name in self.accounts.items() if name == username.lower()), None)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failures[name]:
            raise self.failures[name].pop(0)

    def _names_but(self, reservation_id: str) -> set[str]:
        live = {
            name
            for key, (reservation, name) in self.reservations.items()
            if key != reservation_id and reservation.expires_at > self._clock.now()
        }
        return live | set(self.accounts.values())


class FakeAccountRepository(AccountRepository):
    """What guards accounts, in dictionaries, beside a repository in memory that keeps the accounts themselves."""

    def __init__(self, base: Any) -> None:
        self.base = base
        self.states: dict[int, AccountState] = {}
        self.totp: dict[int, tuple[bytes | None, bool, int]] = {}
        self.codes: dict[int, set[bytes]] = {}
        self.challenges: dict[bytes, Challenge] = {}
        self.elevations: dict[int, datetime] = {}
        self.mails: dict[int, tuple[Mail, datetime]] = {}
        self.invitations: dict[bytes, tuple[int, datetime]] = {}
        self.uses: dict[int, tuple[bytes, datetime]] = {}
        self.passkeys: dict[int, int] = {}
        self.links: dict[bytes, LinkedIdentity] = {}

    async def ensure_web_app(self, at: datetime) -> None:
        self.base.apps.setdefault(WEB_APP_ID, web_app(at))

    async def add_account(
        self, credentials: Credentials, session: Session | None, event: Event | None, new: NewAccount
    ) -> None:
        uses, expires_at = self.invitations.get(new.invitation or b"", (0, credentials.created_at))
        if new.invitation is not None and (not uses or expires_at <= credentials.created_at):
            raise InvitationVoid("the invitation was used already, or is too old")
        if new.link is not None and new.link.subject_digest in self.links:
            raise UniqueViolated("linked_identities_pkey")
        await self.base.store_account(credentials, session, event)
        if new.link is not None:
            self.links[new.link.subject_digest] = new.link
        self.states[credentials.account_id] = new.state
        if new.invitation is not None:
            self.invitations[new.invitation] = (uses - 1, expires_at)
        if new.mail is not None:
            await self.add_mail(new.mail)

    async def account(self, account_id: int) -> SecuredAccount | None:
        return self._secured(self.base.credentials.get(account_id))

    async def account_by_username(self, username: str) -> SecuredAccount | None:
        return self._secured(await self.base.credentials_by_username(username))

    async def account_by_email(self, digest: bytes) -> SecuredAccount | None:
        return self._secured(await self.base.credentials_by_email(digest))

    def _secured(self, known: Credentials | None) -> SecuredAccount | None:
        if known is None:
            return None
        secret, enabled, last = self.totp.get(known.account_id, (None, False, 0))
        return SecuredAccount(
            account_id=known.account_id,
            username=known.username,
            password_hash=known.password_hash,
            data_key=known.data_key,
            email=known.email,
            state=self.states.get(known.account_id, AccountState()),
            totp_secret=secret,
            totp_enabled=enabled,
            totp_last_step=last,
            recovery_codes=len(self.codes.get(known.account_id, ())),
            passkeys=self.passkeys.get(known.account_id, 0),
        )

    async def set_unconfirmed_email(self, account_id: int, sealed: bytes) -> bool:
        if self.states.get(account_id, AccountState()).confirmed:
            return False
        self._change(account_id, email=sealed)
        return True

    async def confirm_email(
        self, challenge: Challenge, sealed: bytes, digest: bytes, now: datetime
    ) -> SecuredAccount | None:
        owner = await self.base.credentials_by_email(digest)
        if not self._take(challenge, now):
            return None
        if owner is not None and owner.account_id != challenge.account_id:
            self.challenges[challenge.token_hash] = challenge
            raise UniqueViolated("credentials_email_key")
        account_id = challenge.account_id
        self._change(account_id, email=sealed, email_digest=digest)
        self.states[account_id] = replace(self.states.get(account_id, AccountState()), confirmed=True)
        self._activate(account_id, now)
        return await self.account(account_id)

    async def decide(self, account_id: int, *, approved: bool, now: datetime) -> bool:
        state = self.states.get(account_id, AccountState())
        if state.approved or state.rejected:
            return False
        self.states[account_id] = replace(state, approved=approved, rejected=not approved)
        self._activate(account_id, now)
        return True

    async def applicants(self, after: int, limit: int) -> list[Applicant]:
        waiting = [key for key, state in sorted(self.states.items()) if not state.approved and not state.rejected]
        return [
            Applicant(key, known.username, known.data_key, self.states[key].reason)
            for key in waiting
            if key > after and (known := self.base.credentials[key])
        ][:limit]

    async def change_password(
        self, account_id: int, password_hash: str, told: Event, now: datetime, ended: EventOf, *, keep: int = 0
    ) -> None:
        self._change(account_id, password_hash=password_hash)
        self.base.events.append(told)
        self.challenges = {key: one for key, one in self.challenges.items() if one.account_id != account_id}
        await self.revoke_sessions(account_id, now, ended, keep=keep)

    async def reset_password(
        self, challenge: Challenge, password_hash: str, told: Event, now: datetime, ended: EventOf
    ) -> bool:
        if not self._take(challenge, now):
            return False
        await self.change_password(challenge.account_id, password_hash, told, now, ended)
        return True

    async def revoke_sessions(self, account_id: int, now: datetime, ended: EventOf, *, keep: int = 0) -> int:
        mine = [one for one in self.base.sessions.values() if one.account_id == account_id and one.revoked_at is None]
        for session in [one for one in mine if one.session_id != keep]:
            await self.base.revoke_session(session, now, ended(session.session_id))
        return len(mine)

    async def use_due(self, session_id: int, account_id: int, before: datetime) -> bytes | None:
        _, used_at = self.uses.get(session_id, (b"", before))
        return self.base.credentials[account_id].data_key if used_at <= before else None

    async def note_use(self, session_id: int, seen: bytes, now: datetime) -> None:
        self.uses[session_id] = (seen, now)

    async def sessions(self, account_id: int, now: datetime, limit: int) -> list[UsedSession]:
        found = []
        for session in self.base.sessions.values():
            if session.account_id == account_id and session.revoked_at is None and session.expires_at > now:
                app = self.base.apps[session.app_id]
                seen, used_at = self.uses.get(session.session_id, (None, session.created_at))
                key = self.base.credentials[account_id].data_key
                ids = (session.session_id, app.app_id, app.name, app.website, session.created_at)
                found.append(UsedSession(*ids, used_at, key, seen))
        return sorted(found, key=lambda one: (one.used_at, one.session_id), reverse=True)[:limit]

    async def add_challenge(self, challenge: Challenge, *, only: bool = False) -> None:
        mine = (challenge.account_id, challenge.purpose)
        if only:
            self.challenges = {
                key: one for key, one in self.challenges.items() if (one.account_id, one.purpose) != mine
            }
        self.challenges[challenge.token_hash] = challenge

    async def challenge(self, token_hash: bytes, purpose: Purpose, now: datetime) -> Challenge | None:
        await asyncio.sleep(0)
        known = self.challenges.get(token_hash)
        return known if known is not None and known.purpose is purpose and known.expires_at > now else None

    async def take_challenge(self, token_hash: bytes, purpose: Purpose, now: datetime) -> Challenge | None:
        known = await self.challenge(token_hash, purpose, now)
        return known if known is not None and self._take(known, now) else None

    def _take(self, challenge: Challenge, now: datetime) -> bool:
        known = self.challenges.get(challenge.token_hash)
        if known is None or known.expires_at <= now:
            return False
        del self.challenges[challenge.token_hash]
        return True

    async def elevate(self, session_id: int, until: datetime) -> None:
        self.elevations[session_id] = until

    async def elevated_until(self, session_id: int) -> datetime | None:
        return self.elevations.get(session_id)

    async def begin_totp(self, account_id: int, secret: bytes) -> bool:
        _, enabled, step = self.totp.get(account_id, (None, False, 0))
        if not enabled:
            self.totp[account_id] = (secret, False, step)
        return not enabled

    async def enable_totp(self, account_id: int, step: int, codes: Sequence[bytes]) -> bool:
        secret, enabled, _ = self.totp.get(account_id, (None, False, 0))
        if secret is None or enabled:
            return False
        self.totp[account_id] = (secret, True, step)
        await self.replace_recovery_codes(account_id, codes)
        return True

    async def use_totp(self, account_id: int, step: int) -> bool:
        secret, enabled, last = self.totp[account_id]
        if last >= step:
            return False
        self.totp[account_id] = (secret, enabled, step)
        return True

    async def disable_totp(self, account_id: int) -> bool:
        self.codes.pop(account_id, None)
        _, enabled, step = self.totp.get(account_id, (None, False, 0))
        self.totp[account_id] = (None, False, step)
        return enabled

    async def replace_recovery_codes(self, account_id: int, codes: Sequence[bytes]) -> None:
        self.codes[account_id] = set(codes)

    async def use_recovery_code(self, account_id: int, code: bytes) -> bool:
        known = code in self.codes.get(account_id, ())
        self.codes.get(account_id, set()).discard(code)
        return known

    async def uncount_tries(self, *keys: bytes) -> None:
        for key in keys:
            known = self.base.tries.get(key)
            if known is not None and known.count > 0:
                self.base.tries[key] = Tries(known.count - 1, known.started_at)

    async def add_mail(self, mail: Mail) -> None:
        self.mails[mail.mail_id] = (mail, mail.created_at)

    async def claim_mails(self, now: datetime, again_at: datetime, limit: int) -> list[Mail]:
        claimed = [mail for mail, due in self.mails.values() if due <= now][:limit]
        for mail in claimed:
            self.mails[mail.mail_id] = (replace(mail, tries=mail.tries + 1), again_at)
        return [self.mails[mail.mail_id][0] for mail in claimed]

    async def delay_mail(self, mail_id: int, until: datetime) -> None:
        self.mails[mail_id] = (self.mails[mail_id][0], until)

    async def drop_mail(self, mail_id: int) -> None:
        self.mails.pop(mail_id, None)

    async def add_invitation(self, code_hash: bytes, uses: int, expires_at: datetime) -> None:
        self.invitations[code_hash] = (uses, expires_at)

    async def invitation_holds(self, code_hash: bytes, now: datetime) -> bool:
        uses, expires_at = self.invitations.get(code_hash, (0, now))
        return uses > 0 and expires_at > now

    async def purge_challenges(self, now: datetime) -> int:
        before = len(self.challenges)
        self.challenges = {key: one for key, one in self.challenges.items() if one.expires_at >= now}
        return before - len(self.challenges)

    def _change(self, account_id: int, **values: Any) -> None:
        self.base.credentials[account_id] = replace(self.base.credentials[account_id], **values)

    def _activate(self, account_id: int, now: datetime) -> None:
        if not self.states[account_id].is_active:
            return
        for session in list(self.base.sessions.values()):
            if session.account_id == account_id and session.scopes == (UNCONFIRMED_SCOPE,):
                scopes = self.base.apps[session.app_id].scopes
                self.base.sessions[session.session_id] = replace(session, scopes=scopes)
                self.base.revoke(now, account_id=account_id, roles_changed=True)
