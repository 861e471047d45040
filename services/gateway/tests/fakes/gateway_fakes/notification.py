"""Notification in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway_fakes.notification_policy import Policies
from gateway_fakes.service import FakeService, bad
from rookery.notification.v1 import notification_service_pb2 as pb
from rookery.notification.v1 import policy_service_pb2 as policy_pb
from rookery.notification.v1 import preference_service_pb2 as preference_pb
from rookery.notification.v1 import push_service_pb2 as push_pb
from rookery_common.auth import Identity
from rookery_common.errors import NotFound

if TYPE_CHECKING:
    from gateway_fakes.world import World


PUSH_KEY = "BCk-QqERU0q-CfYZjcuB6lnyyOYfJ2AifKqfeGIm7Z-HiTU5T9eTG5GxVA0_OH5mMlI4UkkDTpaZwozy0TzdZ2M"


class FakeNotification(FakeService):
    """Keeps markers and push subscriptions, and tells nobody anything."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.markers: dict[tuple[int, int], pb.Marker] = {}
        self.pushes: dict[int, push_pb.PushSubscription] = {}
        self.put: list[push_pb.PutPushSubscriptionRequest] = []
        self.policies = Policies()
        self.preferences: dict[int, preference_pb.NotificationPreferences] = {}

    def GetPolicy(self, request: policy_pb.GetPolicyRequest, who: Identity | None) -> Any:
        assert who is not None
        return self.policies.get(who.account_id)

    def GetPreferences(self, request: Any, who: Identity | None) -> Any:
        assert who is not None
        held = self.preferences.setdefault(who.account_id, preference_pb.NotificationPreferences())
        return preference_pb.GetPreferencesResponse(preferences=held)

    def UpdatePreferences(self, request: preference_pb.UpdatePreferencesRequest, who: Identity | None) -> Any:
        assert who is not None
        held = self.preferences.setdefault(who.account_id, preference_pb.NotificationPreferences())
        for change in request.changes:
            kinds = {
                preference_pb.CHANNEL_STREAM: held.not_streamed,
                preference_pb.CHANNEL_PUSH: held.not_pushed,
                preference_pb.CHANNEL_MAIL: held.not_mailed,
            }[change.channel]
            if change.wanted and change.type in kinds:
                kinds.remove(change.type)
            elif not change.wanted and change.type not in kinds:
                kinds.append(change.type)
        if request.HasField("quiet_hours"):
            held.quiet_hours.CopyFrom(request.quiet_hours)
        held.digest = request.digest or held.digest
        if request.no_quiet_hours:
            held.ClearField("quiet_hours")
        return preference_pb.UpdatePreferencesResponse(preferences=held)

    def UnsubscribeDigest(self, request: preference_pb.UnsubscribeDigestRequest, who: Identity | None) -> Any:
        if request.token == "wrong":
            raise bad("token", "ERR_INVALID", "is not one that was mailed", reason="WRONG_TOKEN")
        return preference_pb.UnsubscribeDigestResponse()

    def UpdatePolicy(self, request: policy_pb.UpdatePolicyRequest, who: Identity | None) -> Any:
        assert who is not None
        return self.policies.update(who.account_id, request)

    def GetMarkers(self, request: pb.GetMarkersRequest, who: Identity | None) -> Any:
        assert who is not None
        keys = [(who.account_id, timeline) for timeline in request.timelines]
        return pb.GetMarkersResponse(markers=[self.markers[key] for key in keys if key in self.markers])

    def GetPushKey(self, request: push_pb.GetPushKeyRequest, who: Identity | None) -> Any:
        return push_pb.GetPushKeyResponse(public_key=PUSH_KEY)

    def GetPushSubscription(self, request: push_pb.GetPushSubscriptionRequest, who: Identity | None) -> Any:
        assert who is not None
        if who.session_id not in self.pushes:
            raise NotFound("there is no push subscription")
        return push_pb.GetPushSubscriptionResponse(subscription=self.pushes[who.session_id])

    def PutPushSubscription(self, request: push_pb.PutPushSubscriptionRequest, who: Identity | None) -> Any:
        assert who is not None
        self.put.append(request)
        policy = request.policy or push_pb.PushPolicy.PUSH_POLICY_ALL
        made = push_pb.PushSubscription(
            subscription_id=7, endpoint=request.endpoint, alerts=request.alerts, policy=policy
        )
        self.pushes[who.session_id] = made
        return push_pb.PutPushSubscriptionResponse(subscription=made)

    def UpdatePushSubscription(self, request: push_pb.UpdatePushSubscriptionRequest, who: Identity | None) -> Any:
        found = self.GetPushSubscription(push_pb.GetPushSubscriptionRequest(), who).subscription
        del found.alerts[:]
        found.alerts.extend(request.alerts)
        found.policy = request.policy or found.policy
        return push_pb.UpdatePushSubscriptionResponse(subscription=found)

    def DeletePushSubscription(self, request: push_pb.DeletePushSubscriptionRequest, who: Identity | None) -> Any:
        assert who is not None
        self.pushes.pop(who.session_id, None)
        return push_pb.DeletePushSubscriptionResponse()

    def SetMarkers(self, request: pb.SetMarkersRequest, who: Identity | None) -> Any:
        assert who is not None
        for marker in request.markers:
            key = (who.account_id, marker.timeline)
            marker.version = self.markers[key].version + 1 if key in self.markers else 1
            marker.update_time.FromMilliseconds(self.world.clock.unix_ms())
            self.markers[key] = marker
        return pb.SetMarkersResponse(markers=request.markers)
