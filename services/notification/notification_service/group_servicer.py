"""GroupService as its callers see it."""

from __future__ import annotations

from dataclasses import replace

from notification_service.errors import NotificationNotFound
from notification_service.messages import group_message, kinds, notification_message, page_query, parse_key
from notification_service.models import GROUPED, GroupPage, NotificationGroup, PageQuery
from notification_service.service.groups import GroupReader
from notification_service.service.markers import Markers
from notification_service.service.put_away import PutAway
from notification_service.service.read import NotificationReader
from notification_service.servicer import READ_SCOPE, WRITE_SCOPE, Context, recipient
from rookery.notification.v1 import group_service_pb2 as pb
from rookery.notification.v1.group_service_pb2_grpc import GroupServiceServicer


class GroupServicer(GroupServiceServicer):
    """What the caller is told, by groups."""

    def __init__(self, groups: GroupReader, reader: NotificationReader, put_away: PutAway, markers: Markers) -> None:
        self._groups = groups
        self._reader = reader
        self._put_away = put_away
        self._markers = markers

    async def ListGroups(self, request: pb.ListGroupsRequest, context: Context) -> pb.ListGroupsResponse:
        recipient_id = recipient(READ_SCOPE)
        query = page_query(request.query)
        grouped = kinds(request.grouped_types, "grouped_types") or GROUPED
        if query and request.query.unread_only:
            query = replace(query, since_id=max(query.since_id, await self._markers.last_read(recipient_id)))
        page = await self._groups.page(recipient_id, query, grouped) if query else GroupPage(())
        return pb.ListGroupsResponse(groups=map(group_message, page.groups), reached_id=page.reached_id)

    async def GetGroup(self, request: pb.GetGroupRequest, context: Context) -> pb.GetGroupResponse:
        recipient_id, key = recipient(READ_SCOPE), parse_key(request.group_key)
        if isinstance(key, int):
            told = await self._reader.get(recipient_id, key)
            group = NotificationGroup(None, told, told.notification_id, [told.account_id], 1)
            return pb.GetGroupResponse(group=group_message(group))
        found = await self._groups.group(recipient_id, key)
        if found is None:
            raise NotificationNotFound("there is no such group")
        return pb.GetGroupResponse(group=group_message(found))

    async def ListGroupMembers(
        self, request: pb.ListGroupMembersRequest, context: Context
    ) -> pb.ListGroupMembersResponse:
        recipient_id, key = recipient(READ_SCOPE), parse_key(request.group_key)
        if isinstance(key, int):
            told = await self._reader.get(recipient_id, key)
            return pb.ListGroupMembersResponse(notifications=[notification_message(told)])
        query = PageQuery(request.limit, max_id=request.max_id, since_id=request.since_id, min_id=request.min_id)
        members, reached_id = await self._groups.members(recipient_id, key, query)
        return pb.ListGroupMembersResponse(
            notifications=[notification_message(each) for each in members], reached_id=reached_id
        )

    async def DismissGroup(self, request: pb.DismissGroupRequest, context: Context) -> pb.DismissGroupResponse:
        recipient_id, key = recipient(WRITE_SCOPE), parse_key(request.group_key)
        if isinstance(key, int):
            await self._put_away.dismiss(recipient_id, key)
        else:
            await self._groups.dismiss(recipient_id, key)
        return pb.DismissGroupResponse()
