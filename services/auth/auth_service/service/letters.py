"""What all mails have in common."""

from __future__ import annotations

from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlsplit


class Letterhead:
    """The community as a sender."""

    def __init__(self, *, sender: str, public_url: str) -> None:
        self._sender = sender
        self._host = urlsplit(public_url).hostname

    def mail(self, mail_id: int, address: str, subject: str, text: str, at: datetime) -> EmailMessage:
        """A mail that no machine answers; sent again it has the same Message-ID."""
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, address, subject
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{mail_id}@{self._host}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="quoted-printable")
        return message
