"""What a viewer's policy makes of what others did: decided anew for each page, by what they are to the viewer now."""

from __future__ import annotations

from gateway_service.cache import PostFragment
from gateway_service.columns import Relation
from rookery.notification.v1.notification_service_pb2 import Notification, NotificationType
from rookery.notification.v1.policy_service_pb2 import GetPolicyResponse, PolicyOutcome
from rookery_common.ids import ms_of

NEW_MS = 30 * 86_400_000
ACCEPT, FILTER = PolicyOutcome.POLICY_OUTCOME_ACCEPT, PolicyOutcome.POLICY_OUTCOME_FILTER
MENTION = NotificationType.NOTIFICATION_TYPE_MENTION
POLICED = frozenset(
    {
        MENTION,
        NotificationType.NOTIFICATION_TYPE_FAVOURITE,
        NotificationType.NOTIFICATION_TYPE_REBLOG,
        NotificationType.NOTIFICATION_TYPE_FOLLOW,
        NotificationType.NOTIFICATION_TYPE_FOLLOW_REQUEST,
        NotificationType.NOTIFICATION_TYPE_QUOTE,
    }
)


class Policy:
    """One viewer's, with the answers that the viewer has given to those who were filtered."""

    def __init__(self, viewer_id: int, answer: GetPolicyResponse, unix_ms: int) -> None:
        self._viewer_id = viewer_id
        self._policy = answer.policy
        self._accepted = {each.account_id for each in answer.answers if each.accepted}
        self._dismissed = {each.account_id: each.dismissed_up_to for each in answer.answers}
        self._new_since_ms = unix_ms - NEW_MS

    def outcome(
        self,
        kind: NotificationType.ValueType,
        account_id: int,
        relation: Relation | None,
        post: PostFragment | None,
    ) -> PolicyOutcome.ValueType:
        """The most severe of those that it names."""
        if kind not in POLICED or account_id in self._accepted or relation is None:
            return ACCEPT
        found = [ACCEPT]
        if not relation.followed_by:
            found.append(self._policy.not_followers)
        if not relation.following:
            found.append(self._policy.not_following)
            if ms_of(account_id) > self._new_since_ms:
                found.append(self._policy.new_accounts)
            if kind == MENTION and self._is_private(post):
                found.append(self._policy.private_mentions)
        return max(found)

    def waits(self, notification: Notification) -> bool:
        """Whether what is filtered waits for an answer still."""
        return notification.notification_id > self._dismissed.get(notification.account_id, 0)

    def _is_private(self, post: PostFragment | None) -> bool:
        """Answers to the viewer's own posts were asked for."""
        return post is not None and post.is_direct and post.reply_to_account_id != self._viewer_id
