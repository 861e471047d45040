"""Decisions of the community on posts: their authors are told what was taken down."""

from __future__ import annotations

from collections.abc import Sequence

from notification_service.models import Act, Decision, Kind
from notification_service.service.standing import StandingTeller


class DecisionTeller:
    """A post that is taken down is told of until a later decision lets it be seen again."""

    def __init__(self, standing: StandingTeller) -> None:
        self._standing = standing

    async def apply(self, decisions: Sequence[Decision]) -> None:
        """In their order for each post. Raises Unavailable: then it is to be done again."""
        last = {decision.post_id: decision for decision in decisions}
        await self._standing.tell([_act(each) for each in last.values() if each.is_removed])
        lifted = [each for each in last.values() if not each.is_removed]
        await self._standing.withdraw([(each.post_id, Kind.MODERATION_WARNING, each.author_id) for each in lifted])


def _act(decision: Decision) -> Act:
    post_id = decision.post_id
    return Act(decision.author_id, Kind.MODERATION_WARNING, 0, post_id, post_id, decision.at_ms)
