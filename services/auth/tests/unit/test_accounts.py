"""Who may sign up, what a new account waits for, and links that are mailed."""

from __future__ import annotations

from typing import Any

import pytest

from auth_service.account_models import Client, MailKind, Purpose, SignUpMode
from auth_service.errors import (
    AccountPending,
    AccountRejected,
    AccountUnconfirmed,
    ElevationRequired,
    EmailConfirmed,
    InvitationVoid,
    LinkExpired,
    MailNotConfigured,
    ValidationFailed,
    WrongCredentials,
)
from auth_service.service.admission import Approvals
from auth_service.service.letters import Letterhead
from auth_service.service.mailer import Mailer
from rookery_common.auth import Identity, InvalidToken

PASSWORD = "correct horse of alice"
NEW = "a wholly new passphrase"


class Inbox:
    """Where mails go in these tests, and the mailer that sends them."""

    def __init__(self, world: Any) -> None:
        self.messages: list[Any] = []
        world.auth.mails.is_sent = True
        emails = world.auth.sign_in._emails
        self.mailer = Mailer(
            world.accounts,
            world.auth.mails,
            world.auth.challenges,
            emails,
            self,
            world.clock,
            letterhead=Letterhead(sender="rookery@example.org", public_url="https://rookery.example"),
            title="The Rookery",
            public_url="https://rookery.example",
        )

    async def send(self, message: Any) -> None:
        self.messages.append(message)

    async def arrived(self) -> list[tuple[str, str]]:
        """Who was sent what since the last time."""
        await self.mailer.send_due()
        found = [(message["To"], message.get_content()) for message in self.messages]
        self.messages.clear()
        return found

    async def token(self, address: str) -> str:
        """Of the one link that has arrived."""
        [(to, text)] = await self.arrived()
        assert to == address
        return str(text.partition("?token=")[2].split()[0])


@pytest.fixture
def inbox(world: Any) -> Inbox:
    return Inbox(world)


@pytest.fixture
def confirming(world: Any, inbox: Inbox) -> Inbox:
    """New accounts have their addresses confirmed."""
    world.auth.admission.confirms_emails = True
    return inbox


async def caller(world: Any, token: str) -> Identity:
    session = (await world.auth.sessions.exchange(token)).view.session
    return Identity(session.account_id, session.session_id, session.app_id, frozenset(session.scopes))


async def at_browser(world: Any, password: str = PASSWORD) -> Identity:
    return await caller(world, (await world.auth.browsers.start("alice", password, Client())).session.token)


async def test_an_account_is_of_no_use_until_its_address_is_confirmed(world: Any, confirming: Inbox) -> None:
    issued = await world.sign_up()
    assert issued.session.scopes == world.app.scopes
    assert (await caller(world, issued.access_token)).scopes == {"unconfirmed"}
    with pytest.raises(AccountUnconfirmed):
        await world.auth.browsers.start("alice", PASSWORD, Client())
    with pytest.raises(WrongCredentials):
        await world.auth.browsers.start("alice", "wrong", Client())
    token = await confirming.token("alice@example.org")
    await world.auth.security.confirm_email(token)
    assert (await caller(world, issued.access_token)).scopes == set(world.app.scopes)
    assert (await world.auth.browsers.start("alice@example.org", PASSWORD, Client())).session
    with pytest.raises(LinkExpired):
        await world.auth.security.confirm_email(token)


async def test_repeating_a_sign_up_confirms_nothing(world: Any, confirming: Inbox) -> None:
    await world.sign_up()
    again = await world.sign_up()
    assert (await caller(world, again.access_token)).scopes == {"unconfirmed"}
    assert len(await confirming.arrived()) == 1


async def test_signing_up_tells_nobody_whether_an_address_has_an_account(world: Any, confirming: Inbox) -> None:
    await world.sign_up()
    await world.auth.security.confirm_email(await confirming.token("alice@example.org"))
    second = await world.sign_up("mallory", email="alice@example.org")
    assert second.session.scopes == world.app.scopes
    [(to, text)] = await confirming.arrived()
    assert to == "alice@example.org"
    assert "alice" in text
    assert "token=" not in text
    with pytest.raises(AccountUnconfirmed):
        await world.auth.browsers.start("mallory", "correct horse of mallory", Client())


async def test_of_two_that_wait_for_one_address_the_first_to_confirm_gets_it(world: Any, confirming: Inbox) -> None:
    await world.sign_up()
    first = await confirming.token("alice@example.org")
    await world.sign_up("bob", email="alice@example.org")
    second = await confirming.token("alice@example.org")
    await world.auth.security.confirm_email(second)
    with pytest.raises(LinkExpired):
        await world.auth.security.confirm_email(first)


async def test_the_link_is_sent_again_and_to_another_address(world: Any, confirming: Inbox) -> None:
    issued = await world.sign_up(email="typo@example.org")
    first = await confirming.token("typo@example.org")
    known = await caller(world, issued.access_token)
    with pytest.raises(ValidationFailed):
        await world.auth.security.resend_confirmation(known, "nowhere")
    await world.auth.security.resend_confirmation(known, "alice@example.org")
    second = await confirming.token("alice@example.org")
    with pytest.raises(LinkExpired):
        await world.auth.security.confirm_email(first)
    await world.auth.security.confirm_email(second)
    with pytest.raises(EmailConfirmed):
        await world.auth.security.resend_confirmation(known, "")


async def test_applicants_wait_for_approval_and_are_told_of_it(world: Any, inbox: Inbox) -> None:
    world.auth.admission.mode = SignUpMode.APPROVAL
    approvals = Approvals(world.accounts, world.auth.sign_in._emails, world.auth.mails, world.clock)
    with pytest.raises(ValidationFailed, match="reason"):
        await world.sign_up()
    alice = await world.sign_up(reason="I keep bees")
    await world.sign_up("bob", reason="Buy my pills")
    told = [
        (found.username, world.auth.admission.reason_of(found)) async for found in world.auth.admission.applicants()
    ]
    assert told == [("alice", "I keep bees"), ("bob", "Buy my pills")]
    with pytest.raises(AccountPending):
        await world.auth.browsers.start("alice", PASSWORD, Client())
    assert await approvals.decide("alice", approved=True)
    assert await approvals.decide("bob", approved=False)
    assert not await approvals.decide("bob", approved=True)
    assert (await caller(world, alice.access_token)).scopes == set(world.app.scopes)
    with pytest.raises(AccountRejected):
        await world.auth.browsers.start("bob", "correct horse of bob", Client())
    assert [to for to, _ in await inbox.arrived()] == ["alice@example.org"]


@pytest.mark.parametrize("mode", [SignUpMode.INVITATION, SignUpMode.APPROVAL])
async def test_an_invitation_lets_in_as_many_as_were_invited(world: Any, mode: SignUpMode) -> None:
    world.auth.admission.mode = mode
    code = await world.auth.admission.invite(1)
    with pytest.raises(InvitationVoid):
        await world.sign_up(invite_code="made up")
    alice = await world.sign_up(invite_code=code)
    assert (await caller(world, alice.access_token)).scopes == set(world.app.scopes)
    with pytest.raises(InvitationVoid):
        await world.sign_up("bob", invite_code=code)
    assert await world.repository.credentials_by_username("bob") is None


async def test_without_an_invitation_or_a_fresh_one_nobody_gets_in(world: Any) -> None:
    world.auth.admission.mode = SignUpMode.INVITATION
    code = await world.auth.admission.invite(5)
    world.clock.advance(31 * 86_400)
    for given in ("", code):
        with pytest.raises(InvitationVoid):
            await world.sign_up(invite_code=given)
    assert world.users.calls == []


@pytest.mark.parametrize("password", ["password123", "PASSWORD123", "alice@example.org", "qwertyuiop", "iloveyou123"])
async def test_passwords_that_are_guessed_first_are_refused(world: Any, password: str) -> None:
    with pytest.raises(ValidationFailed) as caught:
        await world.sign_up(password=password)
    assert [(one.field, one.code) for one in caught.value.fields] == [("password", "ERR_COMPROMISED")]


async def test_a_forgotten_password_is_replaced_by_a_mailed_link_once(world: Any, inbox: Inbox) -> None:
    issued = await world.sign_up()
    await world.auth.security.request_reset("Alice@Example.ORG", Client(locale="de"))
    token = await inbox.token("alice@example.org")
    with pytest.raises(ValidationFailed):
        await world.auth.security.reset_password(token, "password123")
    await world.auth.security.reset_password(token, NEW)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    with pytest.raises(WrongCredentials):
        await world.auth.browsers.start("alice", PASSWORD, Client())
    assert (await world.auth.browsers.start("alice", NEW, Client())).session
    with pytest.raises(LinkExpired):
        await world.auth.security.reset_password(token, NEW)
    # Of the new password, and of the browser.
    assert [to for to, _ in await inbox.arrived()] == ["alice@example.org"] * 2
    assert (await world.recorded())[-3:] == ["PasswordChanged", "SessionRevoked", "SignedIn"]


async def test_links_are_for_one_purpose_and_a_quarter_of_an_hour_and_the_last_one_counts(
    world: Any, inbox: Inbox
) -> None:
    await world.sign_up()
    tokens = []
    for _ in range(2):
        await world.auth.security.request_reset("alice@example.org", Client())
        tokens.append(await inbox.token("alice@example.org"))
    assert await world.auth.challenges.find(tokens[0], Purpose.RESET_PASSWORD) is None
    with pytest.raises(LinkExpired):
        await world.auth.security.confirm_email(tokens[1])
    world.clock.advance(900)
    with pytest.raises(LinkExpired):
        await world.auth.security.reset_password(tokens[1], NEW)


async def test_asking_for_a_link_does_the_same_whether_anyone_has_the_address(world: Any, inbox: Inbox) -> None:
    await world.sign_up()
    for address in ("alice@example.org", "nobody@example.org"):
        await world.auth.security.request_reset(address, Client())
    waiting = await world.accounts.claim_mails(world.clock.now(), world.clock.now(), 10)
    assert [mail.kind for mail in waiting] == [MailKind.RESET_PASSWORD] * 2
    assert [to for to, _ in await inbox.arrived()] == ["alice@example.org"]
    await world.auth.security.request_reset("not an address", Client())
    assert await inbox.arrived() == []


async def test_changing_the_password_ends_the_other_sessions(world: Any, inbox: Inbox) -> None:
    issued = await world.sign_up()
    known = await at_browser(world)
    await world.auth.security.change_password(known, NEW)
    assert await world.auth.browsers.elevated(known)
    with pytest.raises(InvalidToken):
        await world.auth.sessions.exchange(issued.access_token)
    assert await at_browser(world, NEW)
    world.clock.advance(601)
    with pytest.raises(ElevationRequired):
        await world.auth.security.change_password(known, PASSWORD)


async def test_a_new_address_holds_once_it_is_confirmed_and_the_old_one_is_told(world: Any, inbox: Inbox) -> None:
    await world.sign_up()
    known = await at_browser(world)
    await world.auth.security.change_email(known, "new@example.org")
    mails = dict(await inbox.arrived())
    assert set(mails) == {"alice@example.org", "new@example.org"}
    token = mails["new@example.org"].partition("?token=")[2].split()[0]
    account = await world.auth.browsers.account_of(known)
    assert world.auth.security.email_of(account) == "alice@example.org"
    await world.auth.security.confirm_email(token)
    assert world.auth.security.email_of(await world.auth.browsers.account_of(known)) == "new@example.org"
    assert (await world.auth.browsers.start("new@example.org", PASSWORD, Client())).session
    with pytest.raises(WrongCredentials):
        await world.auth.browsers.start("alice@example.org", PASSWORD, Client())


async def test_without_a_mail_server_no_address_is_changed(world: Any) -> None:
    await world.sign_up()
    with pytest.raises(MailNotConfigured):
        await world.auth.security.change_email(await at_browser(world), "new@example.org")


async def test_a_new_browser_is_told_of_and_one_that_is_known_is_not(world: Any) -> None:
    inbox = Inbox(world)
    await world.sign_up()
    first = (await world.auth.browsers.start("alice", PASSWORD, Client(locale="en"))).session
    [(address, text)] = await inbox.arrived()
    assert address == "alice@example.org"
    assert "https://rookery.example/auth/security" in text
    assert (await world.recorded())[-1] == "SignedIn"
    again = Client(device_token=first.device_token)
    await world.auth.browsers.start("alice", PASSWORD, again)
    assert await inbox.arrived() == []
    assert (await world.recorded()).count("SignedIn") == 1
