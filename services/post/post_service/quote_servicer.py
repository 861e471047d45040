"""QuoteService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any, Final

import grpc

from post_service.callers import require_user
from post_service.errors import InvalidField
from post_service.events import PostCodec
from post_service.models import ListBounds
from post_service.service.quotes import Quotes
from post_service.servicer import NOTIFICATION, caller_of, quote_policy
from rookery.post.v1 import quote_service_pb2 as pb
from rookery.post.v1.quote_service_pb2_grpc import QuoteServiceServicer
from rookery_common.auth import current_identity

SERVICE_NAME: Final = "rookery.post.v1.QuoteService"
WRITE: Final = "write:statuses"
Context = grpc.aio.ServicerContext[Any, Any]


class QuoteServicer(QuoteServiceServicer):
    """One method for each RPC."""

    def __init__(self, quotes: Quotes, codec: PostCodec) -> None:
        self._quotes = quotes
        self._codec = codec

    async def ListQuotes(self, request: pb.ListQuotesRequest, context: Context) -> pb.ListQuotesResponse:
        bounds = ListBounds(request.page_size, request.max_id, request.min_id, request.since_id)
        identity = current_identity()
        if identity is None and caller_of(context) == NOTIFICATION:
            page = await self._quotes.all(request.post_id, bounds)
        else:
            page = await self._quotes.page(identity, request.post_id, bounds)
        quotes = [pb.QuotingPost(post_id=each.post_id, author_id=each.author_id) for each in page.quotes]
        return pb.ListQuotesResponse(quotes=quotes, reached_id=page.reached_id)

    async def RevokeQuote(self, request: pb.RevokeQuoteRequest, context: Context) -> pb.RevokeQuoteResponse:
        author = require_user(WRITE)
        post = await self._quotes.revoke(author, request.post_id, request.quoting_post_id)
        return pb.RevokeQuoteResponse(post=self._codec.post(post))

    async def SetQuotePolicy(self, request: pb.SetQuotePolicyRequest, context: Context) -> pb.SetQuotePolicyResponse:
        author, policy = require_user(WRITE), quote_policy(request.quote_policy)
        if policy is None:
            raise InvalidField("quote_approval_policy", "ERR_BLANK", "can't be blank")
        post = await self._quotes.set_policy(author, request.post_id, policy)
        return pb.SetQuotePolicyResponse(post=self._codec.post(post))
