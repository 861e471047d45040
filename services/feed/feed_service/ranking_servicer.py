"""RankingService as its callers see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import grpc

from feed_service.models import MAX_FOLLOWED_TAGS
from feed_service.ranking import Ranked, Weights
from feed_service.service.for_you import ForYou, ForYouQuery
from feed_service.service.public import checked_tags
from feed_service.servicer import READ_SCOPE, timeline_entry
from rookery.feed.v1 import ranking_service_pb2 as pb
from rookery.feed.v1.ranking_service_pb2_grpc import RankingServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import FieldViolation, InvalidArgument, Unauthenticated
from rookery_common.paging import InvalidCursor

ALLOWED_CALLERS: Final = {"ListForYou": frozenset({"gateway"})}


class RankingServicer(RankingServiceServicer):
    """The RPC of rankings."""

    def __init__(self, for_you: ForYou) -> None:
        self._for_you = for_you

    async def ListForYou(
        self, request: pb.ListForYouRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> pb.ListForYouResponse:
        identity = require_identity(READ_SCOPE)
        if not identity.account_id:
            raise Unauthenticated("a home belongs to somebody")
        query = ForYouQuery(
            limit=request.limit,
            token=request.page_token,
            tags=checked_tags("followed_tags", request.followed_tags, MAX_FOLLOWED_TAGS),
            weights=_weights(request.weights),
            author_weights=dict(request.author_weights),
            without_reblogs=request.without_reblogs,
            since_id=max(0, request.since_id),
        )
        try:
            page = await self._for_you.page(identity, query)
        except InvalidCursor as error:
            violation = FieldViolation("page_token", "ERR_INVALID", "is not of this list, or too old")
            raise InvalidArgument("page_token is not of this list, or too old", fields=[violation]) from error
        return pb.ListForYouResponse(entries=map(_entry, page.ranked), next_page_token=page.token)


def _weights(asked: pb.RankingWeights) -> Weights:
    """The platform's, but for those that are named."""
    return replace(Weights(), **{field.name: value for field, value in asked.ListFields()})


def _entry(ranked: Ranked) -> pb.RankedEntry:
    why = [pb.ScorePart(feature=part.feature, value=part.value, weight=part.weight) for part in ranked.why]
    return pb.RankedEntry(entry=timeline_entry(ranked.entry), score=ranked.score, why=why)
