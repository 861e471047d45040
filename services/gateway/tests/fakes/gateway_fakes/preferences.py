"""User: how accounts want their homes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from gateway_fakes.service import FakeService, bad
from rookery.user.v1 import preference_service_pb2 as pb
from rookery.user.v1.preference_service_pb2_grpc import PreferenceServiceServicer
from rookery_common.auth import Identity


class PreferenceServer(PreferenceServiceServicer):
    """How everybody in a world wants the home, over gRPC."""

    def __init__(self, world: Any) -> None:
        self._world = world

    async def GetHomePreferences(self, request: Any, _context: Any) -> pb.GetHomePreferencesResponse:
        return pb.GetHomePreferencesResponse(preferences=self._world.home_preferences)


class FakePreferences(FakeService):
    """Preferences in memory."""

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.known: dict[int, pb.HomePreferences] = defaultdict(pb.HomePreferences)

    def GetHomePreferences(self, _request: Any, who: Identity | None) -> Any:
        assert who is not None
        return pb.GetHomePreferencesResponse(preferences=self.known[who.account_id])

    def SetHomePreferences(self, request: pb.SetHomePreferencesRequest, who: Identity | None) -> Any:
        assert who is not None
        if request.preferences.ranking_weights.get("fame"):
            raise bad("ranking_weights", "ERR_INVALID", "must be of recency")
        self.known[who.account_id] = request.preferences
        return pb.SetHomePreferencesResponse(preferences=request.preferences)
