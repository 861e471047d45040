"""Notification in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway_fakes.service import FakeService
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery_common.auth import Identity

if TYPE_CHECKING:
    from gateway_fakes.world import World


class FakeNotification(FakeService):
    """Keeps markers, and tells nobody anything."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.markers: dict[tuple[int, int], pb.Marker] = {}

    def GetMarkers(self, request: pb.GetMarkersRequest, who: Identity | None) -> Any:
        assert who is not None
        keys = [(who.account_id, timeline) for timeline in request.timelines]
        return pb.GetMarkersResponse(markers=[self.markers[key] for key in keys if key in self.markers])

    def SetMarkers(self, request: pb.SetMarkersRequest, who: Identity | None) -> Any:
        assert who is not None
        for marker in request.markers:
            key = (who.account_id, marker.timeline)
            marker.version = self.markers[key].version + 1 if key in self.markers else 1
            marker.update_time.FromMilliseconds(self.world.clock.unix_ms())
            self.markers[key] = marker
        return pb.SetMarkersResponse(markers=request.markers)
