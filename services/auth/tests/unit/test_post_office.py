"""Mails that another service has written: sent once, at most, by a real mail server, and ended by one POST."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest
from mail_sink import MailServer

from auth_service.app import postman_of
from auth_service.config import Settings
from auth_service.errors import MailboxNotFound, MailUnconfirmed, ValidationFailed
from auth_service.mail_transport import SmtpTransport
from auth_service.models import Session
from auth_service.repository.written import WrittenMailRepository
from auth_service.service.mailer import GIVE_UP_AFTER, LEASE, RETRIES
from auth_service.service.post_office import KEPT, Postman
from auth_service.written_models import Letter

END = "https://rookery.example/mails/unsubscribe?token=abc"
LETTER = Letter("Was du verpasst hast", "Bob möchte dir folgen\n", "<p>Bob <b>möchte</b> dir folgen</p>", END)


@pytest.fixture
async def alice_id(world: Any) -> int:
    world.auth.office.is_sent = True
    return int((await world.sign_up()).session.account_id)


@pytest.fixture
def postman(world: Any, written: WrittenMailRepository, smtp: Settings) -> Postman:
    return postman_of(smtp, written, world.accounts, world.clock, SmtpTransport(smtp))


async def test_a_letter_arrives_in_both_forms_with_one_click_to_end_them(
    world: Any, postman: Postman, server: MailServer, alice_id: int
) -> None:
    for _ in range(2):
        await world.auth.office.accept(42, alice_id, LETTER)
    assert await postman.send_due() == 1
    await world.auth.office.accept(42, alice_id, LETTER)
    assert await postman.send_due() == 0
    [envelope] = server.taken
    assert envelope.rcpt_tos == ["alice@example.org"]
    mail = message_from_bytes(cast(bytes, envelope.content), policy=default)
    assert (mail["Subject"], mail["List-Unsubscribe"]) == (LETTER.subject, f"<{END}>")
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    parts = {kind: cast(EmailMessage, mail.get_body((kind,))).get_content().strip() for kind in ("plain", "html")}
    assert parts == {"plain": LETTER.text.strip(), "html": LETTER.html}


async def test_a_mail_server_that_is_away_for_an_hour_takes_it_afterwards_once(
    world: Any, postman: Postman, server: MailServer, alice_id: int
) -> None:
    await world.auth.office.accept(42, alice_id, LETTER)
    server.answer = "451 try later"
    waited = 0.0
    for wait in RETRIES[:-1]:
        assert await postman.send_due() == 1
        assert await postman.send_due() == 0
        world.clock.advance(wait.total_seconds() + 1)
        waited += wait.total_seconds()
    assert await postman.send_due() == 1
    server.answer = "250 OK"
    world.clock.advance(RETRIES[-1].total_seconds() + 1)
    assert [await postman.send_due() for _ in range(2)] == [1, 0]
    assert len(server.taken) == 1


async def test_what_is_no_news_any_more_is_dropped(
    world: Any, postman: Postman, server: MailServer, alice_id: int
) -> None:
    await world.auth.office.accept(42, alice_id, LETTER)
    world.clock.advance(GIVE_UP_AFTER.total_seconds() + 1)
    assert [await postman.send_due() for _ in range(2)] == [1, 0]
    assert server.taken == []


async def test_what_the_server_may_have_is_not_sent_again(
    world: Any, written: WrittenMailRepository, smtp: Settings, server: MailServer, alice_id: int
) -> None:
    class Silent:
        """Takes it, and the connection is gone."""

        async def send(self, message: EmailMessage) -> None:
            await SmtpTransport(smtp).send(message)
            raise MailUnconfirmed("nothing was said")

    await world.auth.office.accept(42, alice_id, LETTER)
    silent = postman_of(smtp, written, world.accounts, world.clock, Silent())
    assert [await silent.send_due() for _ in range(2)] == [1, 0]
    # One whose process died after the mark, and before anything else.
    await world.auth.office.accept(43, alice_id, LETTER)
    now = world.clock.now()
    assert [mail.mail_id for mail in await written.claim(now, now + LEASE, 1)] == [43]
    assert await written.hand_over(43)
    assert not await written.hand_over(43)
    world.clock.advance(LEASE.total_seconds() + 1)
    assert [await silent.send_due() for _ in range(2)] == [1, 0]
    assert len(server.taken) == 1


async def test_what_is_done_with_is_forgotten_in_the_end(
    world: Any, postman: Postman, written: WrittenMailRepository, alice_id: int
) -> None:
    await world.auth.office.accept(42, alice_id, LETTER)
    await postman.send_due()
    assert await written.purge(world.clock.now()) == 0
    world.clock.advance(KEPT.total_seconds() + 1)
    assert await postman.send_due() == 0
    assert await written.purge(world.clock.now()) == 0


async def test_a_mailbox_says_the_language_and_when_its_owner_was_last_here(world: Any, alice_id: int) -> None:
    signed_up_at = world.clock.now()
    mailbox = await world.auth.office.mailbox(alice_id)
    assert (mailbox.username, mailbox.locale, mailbox.last_seen_at) == ("alice", "en", signed_up_at)
    world.clock.advance(3_600)
    session = await _session(world, alice_id)
    await world.accounts.note_use(session.session_id, b"sealed", world.clock.now())
    assert (await world.auth.office.mailbox(alice_id)).last_seen_at == world.clock.now()


async def test_who_gets_no_mails_has_no_mailbox(world: Any, written: WrittenMailRepository, alice_id: int) -> None:
    assert await world.auth.office.mailbox(5) is None
    with pytest.raises(MailboxNotFound):
        await world.auth.office.accept(42, 5, LETTER)
    world.auth.office.is_sent = False
    assert await world.auth.office.mailbox(alice_id) is None
    with pytest.raises(MailboxNotFound):
        await world.auth.office.accept(42, alice_id, LETTER)
    now = world.clock.now()
    assert await written.claim(now, now + LEASE, 10) == []


@pytest.mark.parametrize(
    ("field", "mail_id", "letter"),
    [
        ("mail_id", 0, LETTER),
        ("subject", 1, Letter("", "a", "b", END)),
        ("subject", 1, Letter("a\nBcc: eve@example.org", "a", "b", END)),
        ("subject", 1, Letter("x" * 201, "a", "b", END)),
        ("text", 1, Letter("a", "", "b", END)),
        ("html", 1, Letter("a", "b", "x" * 100_001, END)),
        ("unsubscribe_url", 1, Letter("a", "b", "c", "mailto:eve@example.org")),
        ("unsubscribe_url", 1, Letter("a", "b", "c", END + ">\r\nBcc: eve@example.org")),
    ],
)
async def test_what_is_wrong_is_named(world: Any, alice_id: int, field: str, mail_id: int, letter: Letter) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await world.auth.office.accept(mail_id, alice_id, letter)
    assert [violation.field for violation in refused.value.fields] == [field]


async def _session(world: Any, account_id: int) -> Session:
    found = await world.accounts.sessions(account_id, world.clock.now(), 10)
    return cast(Session, found[0])
