"""User: suggestions, as a test has put them there."""

from __future__ import annotations

from typing import Any

from gateway_fakes.service import FakeService
from rookery.user.v1 import suggestion_service_pb2 as pb
from rookery_common.auth import Identity
from rookery_common.errors import NotFound


class FakeSuggestions(FakeService):
    """The same for everybody who has not dismissed them."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.suggestions: list[pb.Suggestion] = []
        self.dismissed: set[tuple[int, int]] = set()

    def ListSuggestions(self, request: pb.ListSuggestionsRequest, who: Identity | None) -> Any:
        assert who is not None
        left = [each for each in self.suggestions if (who.account_id, each.account_id) not in self.dismissed]
        return pb.ListSuggestionsResponse(suggestions=left[: request.page_size])

    def DismissSuggestion(self, request: pb.DismissSuggestionRequest, who: Identity | None) -> Any:
        assert who is not None
        if request.account_id not in self.world.user.accounts:
            raise NotFound("No such account")
        self.dismissed.add((who.account_id, request.account_id))
        return pb.DismissSuggestionResponse()
