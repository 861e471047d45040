"""Where mails go: to a mail server by SMTP, or on a laptop into a folder."""

from __future__ import annotations

import os
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Protocol

import aiosmtplib

from auth_service.config import Settings, SmtpTls
from auth_service.errors import MailNotAccepted, MailUnconfirmed

SEND_SECONDS = 20.0


class Transport(Protocol):
    """Takes a mail that is ready, or raises MailNotAccepted."""

    async def send(self, message: EmailMessage) -> None: ...


class SmtpTransport:
    """Hands each mail to the operator's mail server, in a connection of its own."""

    def __init__(self, settings: Settings) -> None:
        self._host = settings.smtp_host
        self._port = settings.smtp_port
        self._username = settings.smtp_username or None
        self._password = settings.smtp_password.get_secret_value() or None
        self._tls = settings.smtp_tls

    async def send(self, message: EmailMessage) -> None:
        try:
            await aiosmtplib.send(
                message,
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._tls is SmtpTls.TLS,
                start_tls=self._tls is SmtpTls.STARTTLS,
                timeout=SEND_SECONDS,
            )
        except (aiosmtplib.SMTPReadTimeoutError, aiosmtplib.SMTPServerDisconnected) as error:
            raise MailUnconfirmed(f"the mail server said nothing: {type(error).__name__}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            # Not its text: servers repeat addresses in it.
            raise MailNotAccepted(f"the mail server did not take it: {type(error).__name__}") from None


class FolderTransport:
    """Writes each mail to a file that its owner alone can read; for machines without a mail server."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    async def send(self, message: EmailMessage) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = message["Message-ID"].strip("<>").partition("@")[0]
        part = self._folder / f".{name}"
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes(policy=SMTP))
        part.replace(self._folder / f"{name}.eml")


def transport_of(settings: Settings) -> Transport | None:
    """As the operator has configured it; None where no mails are sent."""
    if settings.smtp_host:
        return SmtpTransport(settings)
    return FolderTransport(settings.mail_folder) if settings.mail_folder else None
