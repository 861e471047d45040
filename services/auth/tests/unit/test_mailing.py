"""Mails on their way: to a mail server, to a folder, and again while the server is away."""

from __future__ import annotations

import stat
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from string import Template
from typing import Any, cast

import pytest
from mail_sink import MailServer

from auth_service.account_models import Client, MailKind
from auth_service.app import mailer_of
from auth_service.config import Settings
from auth_service.errors import MailNotAccepted
from auth_service.mail_transport import FolderTransport, SmtpTransport, transport_of
from auth_service.service.mailer import LANGUAGES, template

ADDRESS = "alice@example.org"


def message() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "rookery@example.org", ADDRESS, "Grüße"
    made["Message-ID"] = "<42@rookery.example>"
    made.set_content("Hallo Welt\n", cte="quoted-printable")
    return made


async def test_a_forgotten_password_arrives_by_smtp(world: Any, smtp: Settings, server: MailServer) -> None:
    await world.sign_up()
    world.auth.mails.is_sent = True
    await world.auth.security.request_reset(ADDRESS, Client(locale="de-AT"))
    mailer = mailer_of(smtp, world.accounts, world.clock, SmtpTransport(smtp))
    assert await mailer.send_due() == 1
    [envelope] = server.taken
    assert envelope.rcpt_tos == [ADDRESS]
    mail = message_from_bytes(cast(bytes, envelope.content), policy=default)
    assert mail["Subject"] == "Wähle ein neues Passwort für Rookery"
    token = mail.get_content().partition("/auth/password?token=")[2].split()[0]
    await world.auth.security.reset_password(token, "a wholly new passphrase")
    # What is left to send is the notice of the change.
    assert await mailer.send_due() == 1
    assert await mailer.send_due() == 0


async def test_a_mail_is_tried_again_and_given_up_after_a_day(world: Any, smtp: Settings, server: MailServer) -> None:
    await world.sign_up()
    world.auth.mails.is_sent = True
    await world.auth.security.request_reset(ADDRESS, Client())
    mailer = mailer_of(smtp, world.accounts, world.clock, SmtpTransport(smtp))
    server.answer = "451 try later"
    assert await mailer.send_due() == 1
    assert await mailer.send_due() == 0
    world.clock.advance(11)
    assert await mailer.send_due() == 1
    server.answer = "250 OK"
    world.clock.advance(61)
    assert await mailer.send_due() == 1
    assert len(server.taken) == 1
    server.answer = "451 try later"
    await world.auth.security.request_reset(ADDRESS, Client())
    await mailer.send_due()
    world.clock.advance(90_000)
    await mailer.send_due()
    server.answer = "250 OK"
    world.clock.advance(90_000)
    assert await mailer.send_due() == 0


async def test_a_refusal_does_not_repeat_what_the_server_said(smtp: Settings, server: MailServer) -> None:
    server.answer = f"550 {ADDRESS} is unknown"
    with pytest.raises(MailNotAccepted) as caught:
        await SmtpTransport(smtp).send(message())
    assert ADDRESS not in str(caught.value)


async def test_a_server_that_is_away_is_no_other_error(smtp: Settings, unused_tcp_port_factory: Any) -> None:
    away = smtp.model_copy(update={"smtp_port": unused_tcp_port_factory()})
    with pytest.raises(MailNotAccepted):
        await SmtpTransport(away).send(message())


async def test_without_a_server_mails_are_files_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mails"
    await FolderTransport(str(folder)).send(message())
    [file] = folder.iterdir()
    assert file.name == "42.eml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert message_from_bytes(file.read_bytes(), policy=default)["Subject"] == "Grüße"


def test_the_transport_is_as_configured(settings: Settings) -> None:
    assert transport_of(settings) is None
    assert isinstance(transport_of(settings.model_copy(update={"mail_folder": "x"})), FolderTransport)
    both = settings.model_copy(update={"mail_folder": "x", "smtp_host": "mail.example"})
    assert isinstance(transport_of(both), SmtpTransport)
    assert both.confirms_emails
    assert not settings.confirms_emails


@pytest.mark.parametrize("kind", MailKind)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_mail_is_written_in_every_language(kind: MailKind, language: str) -> None:
    text = template(kind, language)
    assert isinstance(text, Template)
    nobody = kind is MailKind.ACCOUNT_DELETED  # whose name nobody knows any more
    assert set(text.get_identifiers()) == {"title", "link"} | (set() if nobody else {"username"})
    assert template(kind, "xx").template == template(kind, "en").template
