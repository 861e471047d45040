"""PreferenceService over gRPC: a message in, one call of the rules, a message out."""

from __future__ import annotations

from typing import Any

import grpc

from rookery.user.v1 import preference_service_pb2 as pb
from rookery.user.v1.preference_service_pb2_grpc import PreferenceServiceServicer
from rookery_common.auth import require_identity
from rookery_common.errors import Unauthenticated
from user_service.preferences.models import HomePreferences
from user_service.preferences.service import Preferences
from user_service.relationship_servicer import caller_id

SERVICE_NAME = "rookery.user.v1.PreferenceService"
ALLOWED_CALLERS = {name: frozenset({"gateway"}) for name in ("GetHomePreferences", "SetHomePreferences")}
WRITE_SCOPE = "write:accounts"
Context = grpc.aio.ServicerContext[Any, Any]


class PreferenceServicer(PreferenceServiceServicer):
    """The RPCs of preferences."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    async def GetHomePreferences(
        self, request: pb.GetHomePreferencesRequest, context: Context
    ) -> pb.GetHomePreferencesResponse:
        # Whoever reads the home reads it as they have it: any token of the account will do.
        me = require_identity().account_id
        if not me:
            raise Unauthenticated("this needs a user's token")
        return pb.GetHomePreferencesResponse(preferences=_message(await self._preferences.get(me)))

    async def SetHomePreferences(
        self, request: pb.SetHomePreferencesRequest, context: Context
    ) -> pb.SetHomePreferencesResponse:
        me, asked = caller_id(WRITE_SCOPE), request.preferences
        wanted = HomePreferences(
            ranked=asked.ranked,
            without_reblogs=asked.without_reblogs,
            without_replies=asked.without_replies,
            ranking_weights=dict(asked.ranking_weights),
            author_weights=dict(asked.author_weights),
        )
        await self._preferences.set(me, wanted)
        return pb.SetHomePreferencesResponse(preferences=asked)


def _message(preferences: HomePreferences) -> pb.HomePreferences:
    return pb.HomePreferences(
        ranked=preferences.ranked,
        without_reblogs=preferences.without_reblogs,
        without_replies=preferences.without_replies,
        ranking_weights=preferences.ranking_weights,
        author_weights=preferences.author_weights,
    )
