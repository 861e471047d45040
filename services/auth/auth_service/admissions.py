"""The operator's commands about who comes in: applicants and invitations, each over a connection of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from auth_service.app import admission_of, emails_of
from auth_service.config import Settings
from auth_service.errors import ValidationFailed
from auth_service.repository.accounts import AccountRepository
from auth_service.service.admission import INVITATION_LIFETIME, MAX_INVITED, Approvals
from auth_service.service.mails import Mails
from rookery_common.app import Command
from rookery_common.clients.postgres import Postgres
from rookery_common.clock import Clock, SystemClock
from rookery_common.errors import FieldViolation
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.producer import Producer


async def approve(username: str) -> str:
    """Lets an applicant in; what to tell the operator."""
    return await _decide(username, approved=True)


async def reject(username: str) -> str:
    """Turns an applicant away; what to tell the operator."""
    return await _decide(username, approved=False)


async def applicants() -> str:
    """Who waits for approval, and why they want an account."""
    async with _accounts() as (settings, accounts, clock):
        admission = admission_of(settings, accounts, clock)
        lines = [f"{found.username}: {admission.reason_of(found)}" async for found in admission.applicants()]
    return "\n".join(lines) or "nobody waits for approval"


async def invite(uses: str) -> str:
    """An invitation for so many; what to tell the operator."""
    if not uses.isdigit() or not 1 <= int(uses) <= MAX_INVITED:
        raise ValidationFailed(FieldViolation("uses", "ERR_INVALID", f"must be a number from 1 to {MAX_INVITED}"))
    async with _accounts() as (settings, accounts, clock):
        code = await admission_of(settings, accounts, clock).invite(int(uses))
    return f"{code} (holds for {INVITATION_LIFETIME.days} days)"


async def _decide(username: str, *, approved: bool) -> str:
    async with _accounts() as (settings, accounts, clock):
        emails, cipher = emails_of(settings)
        mails = Mails(accounts, cipher, clock, is_sent=settings.sends_mails)
        decided = await Approvals(accounts, emails, mails, clock).decide(username, approved=approved)
    return f"{username} is {'approved' if approved else 'rejected'}" if decided else f"{username} does not wait"


@asynccontextmanager
async def _accounts() -> AsyncIterator[tuple[Settings, AccountRepository, Clock]]:
    settings = Settings()
    pg = Postgres.from_settings(settings, name="auth")
    await pg.start()
    try:
        # Its outbox stays empty: nothing that it does is an event.
        outbox = PostgresOutbox(pg, Producer(settings, "auth"), "auth")
        yield settings, AccountRepository(pg, outbox), SystemClock()
    finally:
        await pg.stop()


COMMANDS = {
    "applicants": Command(applicants, {}, "Tell who waits for approval, and why they want an account."),
    "approve": Command(approve, {"username": None}, "Let an applicant in."),
    "reject": Command(reject, {"username": None}, "Turn an applicant away."),
    "invite": Command(invite, {"uses": None}, "Make an invitation for so many people."),
}
