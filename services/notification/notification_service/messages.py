"""Notifications as contract messages, and requests as what is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from notification_service.errors import WrongGroupKey, WrongId, WrongType
from notification_service.models import GROUPED, GroupKey, Kind, Notification, NotificationGroup, PageQuery
from notification_service.placement import group_key
from rookery.notification.v1 import group_service_pb2, notification_service_pb2
from rookery_common.ids import MAX_ID, ms_of

_SINGLE: Final = "ungrouped-"
_GROUP_KEY: Final = re.compile(
    rf"(?:(?P<kind>{'|'.join(sorted(kind.name.lower() for kind in GROUPED))})"
    r"(?:-(?P<subject>[1-9][0-9]{0,18}))?-(?P<window>[0-9]{1,6})|ungrouped-(?P<single>[1-9][0-9]{0,18}))",
    re.ASCII,
)


def key_text(key: GroupKey | None, notification_id: int) -> str:
    """The key as clients see it."""
    if key is None:
        return f"{_SINGLE}{notification_id}"
    subject = f"{key.subject_id}-" if key.subject_id else ""
    return f"{key.kind.name.lower()}-{subject}{key.window}"


def parse_key(text: str) -> GroupKey | int:
    """A group's key, or the id of a single notification. Raises WrongGroupKey."""
    match = _GROUP_KEY.fullmatch(text)
    if match is None:
        raise WrongGroupKey
    if match["single"]:
        return checked_id(int(match["single"]), "group_key")
    kind, subject_id = Kind[match["kind"].upper()], int(match["subject"] or 0)
    if (kind is Kind.FOLLOW) != (subject_id == 0) or subject_id > MAX_ID:
        raise WrongGroupKey
    return GroupKey(kind, subject_id, int(match["window"]))


def checked_id(number: int, field: str = "notification_id") -> int:
    """Raises WrongId."""
    if not 0 < number <= MAX_ID:
        raise WrongId(field)
    return number


def page_query(request: notification_service_pb2.ListNotificationsRequest) -> PageQuery | None:
    """None where every type is excluded. Raises WrongType."""
    wanted = kinds(request.types, "types") or frozenset(Kind)
    wanted -= kinds(request.exclude_types, "exclude_types")
    if not wanted:
        return None
    return PageQuery(
        limit=request.limit,
        max_id=request.max_id,
        since_id=request.since_id,
        min_id=request.min_id,
        kinds=() if wanted == frozenset(Kind) else wanted,
        account_id=request.account_id,
    )


def kinds(types: Iterable[int], field: str) -> frozenset[Kind]:
    """Raises WrongType."""
    try:
        return frozenset(Kind(number) for number in types)
    except ValueError:
        raise WrongType(field) from None


def notification_message(told: Notification) -> notification_service_pb2.Notification:
    """What a recipient is told."""
    message = notification_service_pb2.Notification(
        notification_id=told.notification_id,
        recipient_id=told.recipient_id,
        type=notification_service_pb2.NotificationType.ValueType(told.kind),
        account_id=told.account_id,
        group_key=key_text(group_key(told), told.notification_id),
    )
    if told.kind is Kind.MESSAGE:
        message.conversation_id = told.subject_id
    elif told.kind is Kind.ADMIN_REPORT:
        message.report_id = told.subject_id
    else:
        message.post_id = told.subject_id
    message.create_time.FromMilliseconds(ms_of(told.notification_id))
    return message


def group_message(group: NotificationGroup) -> group_service_pb2.NotificationGroup:
    """A group, or what is told alone."""
    return group_service_pb2.NotificationGroup(
        group_key=key_text(group.key, group.newest.notification_id),
        newest=notification_message(group.newest),
        oldest_id=group.oldest_id,
        account_ids=group.account_ids,
        count=group.count,
    )
