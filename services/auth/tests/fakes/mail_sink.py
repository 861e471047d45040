"""A real mail server, which keeps what it takes."""

from __future__ import annotations

from aiosmtpd.smtp import SMTP, Envelope, Session


class MailServer:
    """Takes mails, or refuses them."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.answer = "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            self.taken.append(envelope)
        return self.answer
