"""PollService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.poll_models import Ballot, PollDraft
from post_service.service.list_voters import Voters
from post_service.service.vote import Voting
from rookery.post.v1 import poll_pb2
from rookery.post.v1 import poll_service_pb2 as pb
from rookery.post.v1.poll_service_pb2_grpc import PollServiceServicer

SERVICE_NAME: Final = "rookery.post.v1.PollService"
Context = grpc.aio.ServicerContext[Any, Any]


class PollServicer(PollServiceServicer):
    """One method for each RPC."""

    def __init__(self, voting: Voting, voters: Voters) -> None:
        self._voting = voting
        self._voters = voters

    async def VoteInPoll(self, request: pb.VoteInPollRequest, context: Context) -> pb.VoteInPollResponse:
        account = require_user("write:statuses")
        await self._voting.vote(account, request.post_id, request.choices, request.request_id)
        return pb.VoteInPollResponse()

    async def ListVoters(self, request: pb.ListVotersRequest, context: Context) -> pb.ListVotersResponse:
        ballot = Ballot(request.post_id, request.ballot)
        page = await self._voters.page(ballot, request.after_account_id, request.page_size)
        return pb.ListVotersResponse(account_ids=page.account_ids, reached_id=page.reached_id)


def poll_draft(message: poll_pb2.PollDraft) -> PollDraft:
    """A poll as a request asks for it."""
    return PollDraft(
        options=tuple(message.options),
        expires_in=message.expires_in_seconds,
        multiple=message.multiple,
        hide_totals=message.hide_totals,
    )


def poll_request(draft: PollDraft) -> poll_pb2.PollDraft:
    """The request that asked for it."""
    return poll_pb2.PollDraft(
        options=draft.options,
        multiple=draft.multiple,
        hide_totals=draft.hide_totals,
        expires_in_seconds=draft.expires_in,
    )
