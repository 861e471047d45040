"""Groups of notifications in memory, by gRPC."""

from __future__ import annotations

from typing import Any

from rookery.notification.v1 import group_service_pb2, group_service_pb2_grpc, notification_service_pb2
from rookery_common.auth import require_identity
from rookery_common.errors import NotFound

BORN_MS = 1_700_000_000_000


def tell_group(world: Any, recipient_id: int, key: str, notification_id: int, *account_ids: int, **fields: Any) -> None:
    """Puts a group of notifications into a list, whose newest is of the first of the accounts."""
    kind = fields.pop("type", notification_service_pb2.NOTIFICATION_TYPE_FAVOURITE)
    newest = notification_service_pb2.Notification(
        notification_id=notification_id, recipient_id=recipient_id, type=kind, account_id=account_ids[0], **fields
    )
    newest.create_time.FromMilliseconds(BORN_MS)
    made = group_service_pb2.NotificationGroup(
        group_key=key, newest=newest, oldest_id=1, account_ids=account_ids, count=len(account_ids)
    )
    world.groups.setdefault(recipient_id, []).append(made)


class NotificationGroups(group_service_pb2_grpc.GroupServiceServicer):
    def __init__(self, world: Any) -> None:
        self._world = world

    async def ListGroups(self, request: Any, context: Any) -> Any:
        self._world.note("ListGroups", request)
        mine = self._world.groups.get(require_identity("read:notifications").account_id, [])
        read = self._world.markers.get(require_identity().account_id, 0) if request.query.unread_only else 0
        found = sorted(
            (
                each
                for each in mine
                if (not request.query.max_id or each.newest.notification_id < request.query.max_id)
                and each.newest.notification_id > read
            ),
            key=lambda each: -each.newest.notification_id,
        )
        page = found[: request.query.limit]
        reached = page[-1].newest.notification_id if len(found) > len(page) else 0
        return group_service_pb2.ListGroupsResponse(groups=page, reached_id=reached)

    async def GetGroup(self, request: Any, context: Any) -> Any:
        for each in self._world.groups.get(require_identity("read:notifications").account_id, []):
            if each.group_key == request.group_key:
                return group_service_pb2.GetGroupResponse(group=each)
        raise NotFound("No.")

    async def ListGroupMembers(self, request: Any, context: Any) -> Any:
        group = (await self.GetGroup(request, context)).group
        told = [
            notification_service_pb2.Notification(notification_id=number, account_id=account_id)
            for number, account_id in enumerate(group.account_ids, 1)
        ]
        return group_service_pb2.ListGroupMembersResponse(notifications=told)

    async def DismissGroup(self, request: Any, context: Any) -> Any:
        viewer = require_identity("write:notifications").account_id
        mine = self._world.groups.get(viewer, [])
        self._world.groups[viewer] = [each for each in mine if each.group_key != request.group_key]
        return group_service_pb2.DismissGroupResponse()
