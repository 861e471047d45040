"""What a viewer is told, as entities: without what the viewer may not or would not see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from google.protobuf.timestamp_pb2 import Timestamp

from gateway_service.compose.audience import Why, why_not_told
from gateway_service.compose.entities import COMMUNITY_ID
from gateway_service.compose.facts import Facts
from gateway_service.compose.policy import ACCEPT, FILTER, Policy
from gateway_service.compose.present import Presenter
from gateway_service.compose.times import time_text
from gateway_service.metrics import LEFT_OUT
from gateway_service.schemas.reports import report as report_body
from rookery.moderation.v1.moderation_service_pb2 import Report
from rookery.notification.v1.group_service_pb2 import NotificationGroup
from rookery.notification.v1.notification_service_pb2 import Notification, NotificationType
from rookery.notification.v1.policy_service_pb2 import PolicyOutcome
from rookery_common.auth import Identity

_WARNING, _MESSAGE = NotificationType.NOTIFICATION_TYPE_MODERATION_WARNING, NotificationType.NOTIFICATION_TYPE_MESSAGE
_SIGN_UP, _REPORT = NotificationType.NOTIFICATION_TYPE_ADMIN_SIGN_UP, NotificationType.NOTIFICATION_TYPE_ADMIN_REPORT
# What a role must permit whoever is told of them, also of those that were told before it was taken away.
_PERMISSIONS: Mapping[int, str] = {_SIGN_UP: "manage_users", _REPORT: "manage_reports"}
TYPES: Mapping[str, NotificationType.ValueType] = {
    "follow": NotificationType.NOTIFICATION_TYPE_FOLLOW,
    "favourite": NotificationType.NOTIFICATION_TYPE_FAVOURITE,
    "reblog": NotificationType.NOTIFICATION_TYPE_REBLOG,
    "mention": NotificationType.NOTIFICATION_TYPE_MENTION,
    "status": NotificationType.NOTIFICATION_TYPE_STATUS,
    "follow_request": NotificationType.NOTIFICATION_TYPE_FOLLOW_REQUEST,
    "update": NotificationType.NOTIFICATION_TYPE_UPDATE,
    "moderation_warning": _WARNING,
    "message": _MESSAGE,
    "poll": NotificationType.NOTIFICATION_TYPE_POLL,
    "quote": NotificationType.NOTIFICATION_TYPE_QUOTE,
    "security.sign_in": NotificationType.NOTIFICATION_TYPE_SIGN_IN,
    "security.password_changed": NotificationType.NOTIFICATION_TYPE_PASSWORD_CHANGED,
    "admin.sign_up": _SIGN_UP,
    "admin.report": _REPORT,
}
_NAMES = {number: name.encode() for name, number in TYPES.items()}


def posts_of(notifications: Iterable[Notification]) -> list[int]:
    """The posts that are shown with them, each once; of what was taken down its author is told without showing it."""
    return list(dict.fromkeys(each.post_id for each in notifications if each.post_id and each.type != _WARNING))


def is_permitted(viewer: Identity, notification: Notification) -> bool:
    """Whether it is no business of the staff, or the viewer is one of them."""
    permission = _PERMISSIONS.get(notification.type)
    return permission is None or viewer.permits(permission)


def people_of(viewer_id: int, notifications: Sequence[Notification]) -> set[int]:
    """Whom they are about; a warning is about the viewer."""
    people = {each.account_id for each in notifications if each.account_id}
    return people | {viewer_id} if any(each.type == _WARNING for each in notifications) else people


@dataclass(slots=True)
class Groups:
    """Groups that the viewer is shown, the latest first: the id of their newest notification, and the entity, by key.

    Each account and status is there once; `leading` are the accounts of the newest notifications.
    """

    by_key: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    accounts: dict[int, bytes] = field(default_factory=dict)
    leading: set[int] = field(default_factory=set)
    statuses: dict[int, bytes] = field(default_factory=dict)

    @property
    def shown(self) -> list[tuple[int, bytes]]:
        """Without their keys, the latest first."""
        return sorted(self.by_key.values(), key=lambda group: group[0], reverse=True)

    def add(self, others: Groups) -> None:
        """Those of another page; a group of both is as it is here."""
        self.by_key = others.by_key | self.by_key
        self.accounts = others.accounts | self.accounts
        self.leading |= others.leading
        self.statuses = others.statuses | self.statuses


@dataclass(slots=True)
class Request:
    """What waits of one account: how much, since when and until when, and the newest of its posts (0 for none)."""

    count: int = 0
    post_id: int = 0
    since: Timestamp = field(default_factory=Timestamp)
    until: Timestamp = field(default_factory=Timestamp)

    def add(self, notification: Notification) -> None:
        """One that is older than those before."""
        self.count += 1
        self.since = notification.create_time
        if self.count == 1:
            self.until = notification.create_time
        if not self.post_id and notification.type == NotificationType.NOTIFICATION_TYPE_MENTION:
            self.post_id = notification.post_id


class Told:
    """The notifications of one answer; `community` is the account of those that nobody else has made.

    With `filtered` it has also what the viewer's policy keeps apart.
    """

    def __init__(
        self,
        viewer: Identity,
        facts: Facts,
        presenter: Presenter,
        community: bytes,
        policy: Policy,
        reports: Mapping[int, Report],
        *,
        filtered: bool,
    ) -> None:
        self._viewer = viewer
        self._viewer_id = viewer.account_id
        self._facts = facts
        self._presenter = presenter
        self._community = community
        self._policy = policy
        self._reports = reports
        self._most = FILTER if filtered else ACCEPT

    def shown(self, notifications: Iterable[Notification]) -> list[tuple[int, bytes]]:
        """Those notifications that the viewer is shown, in this order: the id and the entity."""
        shown = []
        for notification in notifications:
            body = self._one(notification)
            if isinstance(body, Why):
                LEFT_OUT.labels(body.value).inc()
            else:
                shown.append((notification.notification_id, body))
        return shown

    def groups(self, groups: Iterable[NotificationGroup]) -> Groups:
        """Those groups that the viewer is shown, without those people whom the viewer is not shown."""
        found = Groups()
        for group in groups:
            why = self._grouped(group, found)
            if why is not None:
                LEFT_OUT.labels(why.value).inc()
        return found

    def _grouped(self, group: NotificationGroup, found: Groups) -> Why | None:
        newest, people = group.newest, {}
        why: Why | None = None
        for account_id in group.account_ids:
            body = self._account(newest, account_id)
            if isinstance(body, Why):
                why = body
            else:
                people[account_id or COMMUNITY_ID] = body
        if not people:
            return why or Why.AUTHOR_UNKNOWN
        about = self._about(newest)
        if isinstance(about, Why):
            return about
        if about is None:
            status = self._presenter.told(newest.post_id)
            if isinstance(status, Why):
                return status
            found.statuses[newest.post_id] = status
            about = b',"status_id":"%d"' % newest.post_id
        found.by_key[group.group_key] = newest.notification_id, _group_body(group, list(people), about)
        found.accounts |= people
        found.leading.add(next(iter(people)))
        return None

    def _one(self, notification: Notification) -> bytes | Why:
        account = self._account(notification, notification.account_id)
        if isinstance(account, Why):
            return account
        about = self._about(notification)
        if about is None:
            status = self._presenter.told(notification.post_id)
            about = status if isinstance(status, Why) else b',"status":' + status
        return about if isinstance(about, Why) else _body(notification, account, about)

    def _about(self, notification: Notification) -> bytes | Why | None:
        """What it says beside who did it; None where that is a status."""
        if notification.type == _WARNING:
            return b',"moderation_warning":%b' % self._warning(notification)
        if notification.type == _MESSAGE:
            return b',"conversation_id":"%d"' % notification.conversation_id
        if notification.type == _REPORT:
            report = self._reports.get(notification.report_id)
            target = self._facts.accounts.get(report.target_account_id) if report else None
            if report is None or target is None:
                return Why.NOT_VISIBLE
            return b',"report":' + report_body(report, target.body)
        return None if notification.post_id else b""

    def requests(self, notifications: Iterable[Notification]) -> dict[int, Request]:
        """Those whom the viewer's policy keeps apart and who wait for an answer, by their ids."""
        found: dict[int, Request] = {}
        for each in notifications:
            if self._outcome(each, each.account_id) == FILTER and self._policy.waits(each):
                body = self._one(each)
                if not isinstance(body, Why):
                    found.setdefault(each.account_id, Request()).add(each)
        return found

    def request_body(self, account_id: int, request: Request) -> bytes:
        """A NotificationRequest; its id is the account's."""
        status = self._presenter.told(request.post_id) if request.post_id else None
        return (
            b'{"id":"%d","created_at":"%b","updated_at":"%b","account":%b,"notifications_count":"%d","last_status":%b}'
        ) % (
            account_id,
            time_text(request.since).encode(),
            time_text(request.until).encode(),
            self._facts.accounts[account_id].body,
            request.count,
            status if isinstance(status, bytes) else b"null",
        )

    def _outcome(self, notification: Notification, account_id: int) -> PolicyOutcome.ValueType:
        relation = self._facts.relations.get(account_id)
        post = self._facts.posts.get(notification.post_id)
        return self._policy.outcome(notification.type, account_id, relation, post)

    def _account(self, notification: Notification, account_id: int) -> bytes | Why:
        if not is_permitted(self._viewer, notification):
            return Why.NOT_PERMITTED
        if not account_id:
            return self._community
        why = why_not_told(self._viewer_id, account_id, self._facts.relations)
        if why is not None:
            return why
        if self._outcome(notification, account_id) > self._most:
            return Why.POLICY
        account = self._facts.accounts.get(account_id)
        return Why.AUTHOR_UNKNOWN if account is None else account.body

    def _warning(self, notification: Notification) -> bytes:
        """An AccountWarning about a post of the viewer's."""
        viewer = self._facts.accounts.get(self._viewer_id)
        return (
            b'{"id":"%d","action":"delete_statuses","text":"","status_ids":["%d"],"target_account":%b,'
            b'"appeal":null,"created_at":"%b"}'
        ) % (
            notification.notification_id,
            notification.post_id,
            viewer.body if viewer is not None else b"null",
            time_text(notification.create_time).encode(),
        )


def _group_body(group: NotificationGroup, people: Sequence[int], about: bytes) -> bytes:
    newest = group.newest
    return (
        b'{"group_key":"%b","notifications_count":%d,"type":"%b","most_recent_notification_id":"%d","page_min_id":"%d",'
        b'"page_max_id":"%d","latest_page_notification_at":"%b","sample_account_ids":[%b]%b}'
    ) % (
        group.group_key.encode(),
        group.count,
        _NAMES[newest.type],
        newest.notification_id,
        group.oldest_id,
        newest.notification_id,
        time_text(newest.create_time).encode(),
        b",".join(b'"%d"' % account_id for account_id in people),
        about,
    )


def _body(notification: Notification, account: bytes, about: bytes) -> bytes:
    """A whole notification."""
    return b'{"id":"%d","type":"%b","created_at":"%b","group_key":"%b","account":%b%b}' % (
        notification.notification_id,
        _NAMES[notification.type],
        time_text(notification.create_time).encode(),
        (notification.group_key or f"ungrouped-{notification.notification_id}").encode(),
        account,
        about,
    )
