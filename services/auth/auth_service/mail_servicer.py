"""MailService as its callers see it."""

from __future__ import annotations

from typing import Any

from auth_service.service.post_office import PostOffice
from auth_service.written_models import Letter
from rookery.auth.v1 import mail_service_pb2 as pb
from rookery.auth.v1.mail_service_pb2_grpc import MailServiceServicer


class MailServicer(MailServiceServicer):
    """rookery.auth.v1.MailService."""

    def __init__(self, office: PostOffice) -> None:
        self._office = office

    async def GetMailbox(self, request: pb.GetMailboxRequest, context: Any) -> pb.GetMailboxResponse:
        mailbox = await self._office.mailbox(request.account_id)
        if mailbox is None:
            return pb.GetMailboxResponse()
        response = pb.GetMailboxResponse(reachable=True, username=mailbox.username, locale=mailbox.locale)
        response.last_seen_time.FromDatetime(mailbox.last_seen_at)
        return response

    async def SendMail(self, request: pb.SendMailRequest, context: Any) -> pb.SendMailResponse:
        letter = Letter(request.subject, request.text, request.html, request.unsubscribe_url)
        await self._office.accept(request.mail_id, request.account_id, letter)
        return pb.SendMailResponse()
