"""SuggestionService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import suggestion_service_pb2 as pb
from rookery.user.v1.suggestion_service_pb2_grpc import SuggestionServiceServicer
from user_service.relationship_servicer import WRITE_ACCOUNTS, caller_id
from user_service.suggestions.service import Suggestions

SERVICE_NAME = "rookery.user.v1.SuggestionService"
ALLOWED_CALLERS = {name: frozenset({"gateway"}) for name in ("ListSuggestions", "DismissSuggestion")}
READ_ACCOUNTS = "read:accounts"
Context = grpc.aio.ServicerContext[Any, Any]


class SuggestionServicer(SuggestionServiceServicer):
    """The RPCs of suggestions."""

    def __init__(self, suggestions: Suggestions) -> None:
        self._suggestions = suggestions

    async def ListSuggestions(self, request: pb.ListSuggestionsRequest, context: Context) -> pb.ListSuggestionsResponse:
        response = pb.ListSuggestionsResponse()
        for each in await self._suggestions.list(caller_id(READ_ACCOUNTS), request.page_size):
            sources = [pb.SuggestionSource.ValueType(source) for source in each.sources]
            response.suggestions.add(account_id=each.account_id, sources=sources)
        return response

    async def DismissSuggestion(
        self, request: pb.DismissSuggestionRequest, context: Context
    ) -> pb.DismissSuggestionResponse:
        await self._suggestions.dismiss(caller_id(WRITE_ACCOUNTS), request.account_id)
        return pb.DismissSuggestionResponse()
