"""What recipients are told, in all the tables in which it is looked for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from notification_service.models import Notification
from notification_service.placement import group_key, head_of
from notification_service.repository.members import MemberRepository
from notification_service.repository.notifications import NotificationRepository
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_partitions import put_together


class HistoryRepository:
    """Writes the list, the heads of groups and their members. Raises Unavailable while CQL is away.

    Then it is to be done again: some may be written, of which doing it again changes nothing.
    """

    def __init__(
        self, cql: Cql, notifications: NotificationRepository, heads: NotificationRepository, members: MemberRepository
    ) -> None:
        self._cql = cql
        self._notifications = notifications
        self._heads = heads
        self._members = members

    async def add(self, notifications: Sequence[Notification]) -> None:
        """All of them, in any order. What is older than the history is left out."""
        rows = (
            self._members.to_add(notifications),
            self._heads.to_add(heads_of(notifications)),
            self._notifications.to_add(notifications),
        )
        await put_together(self._cql, chain(*rows))

    async def put_away(self, notifications: Sequence[Notification]) -> None:
        """For good, whether or not they are there yet; a head stays, for others of its group."""
        ids = [(each.recipient_id, each.notification_id) for each in notifications]
        rows = (
            self._members.to_put_away(notifications),
            self._heads.to_put_away(single_ids(notifications)),
            self._notifications.to_put_away(ids),
        )
        await put_together(self._cql, chain(*rows))


def heads_of(notifications: Sequence[Notification]) -> set[Notification]:
    """What stands for them in the list of groups, each once."""
    return set(map(head_of, notifications))


def single_ids(notifications: Sequence[Notification]) -> list[tuple[int, int]]:
    """The recipient and the id of those that are of no group, and so stand in the list of groups themselves."""
    return [(each.recipient_id, each.notification_id) for each in notifications if group_key(each) is None]
