"""What is asked before notifications are shown: their posts and people, the viewer's policy, reports for the staff."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from gateway_service import degradation
from gateway_service.clients import Clients
from gateway_service.compose.entities import Entities
from gateway_service.compose.facts import Facts
from gateway_service.compose.hydrate import MAX_PER_CALL, Hydrator
from gateway_service.compose.policy import POLICED, Policy
from gateway_service.compose.present import Presenter
from gateway_service.compose.told import Told, is_permitted, people_of, posts_of
from rookery.moderation.v1.moderation_service_pb2 import Report
from rookery.notification.v1.notification_service_pb2 import Notification
from rookery.notification.v1.policy_service_pb2 import GetPolicyResponse
from rookery_common.auth import Identity
from rookery_common.clock import Clock
from rookery_common.errors import DeadlineExceeded, Unavailable
from rookery_common.logs import get_logger

log = get_logger()


class Telling:
    """Hydrates one answer's notifications, in a call for each kind of thing."""

    def __init__(self, clients: Clients, hydrator: Hydrator, entities: Entities, clock: Clock) -> None:
        self._clients = clients
        self._hydrator = hydrator
        self._entities = entities
        self._clock = clock

    async def told(
        self, viewer: Identity, told: Sequence[Notification], others: Iterable[int] = (), *, filtered: bool
    ) -> Told:
        """With `filtered` they are shown what the viewer's policy keeps apart, too. Raises AppError."""
        reports = await self._reports(viewer, told)
        people = people_of(viewer.account_id, told) | {account_id for account_id in others if account_id}
        people |= {report.target_account_id for report in reports.values()}
        facts, answer = await asyncio.gather(self._facts(viewer, told, people), self._policy(viewer, told))
        now_ms = self._clock.unix_ms()
        policy = Policy(viewer.account_id, answer, now_ms)
        presenter = Presenter(viewer, facts, now_ms / 1000)
        return Told(viewer, facts, presenter, self._entities.community(), policy, reports, filtered=filtered)

    async def _facts(self, viewer: Identity, told: Sequence[Notification], people: set[int]) -> Facts:
        facts = await self._hydrator.posts(viewer, posts_of(told), people)
        await self._hydrator.originals(viewer, facts)
        return facts

    async def _policy(self, viewer: Identity, told: Sequence[Notification]) -> GetPolicyResponse:
        """Asked for anew each time, so that the next page obeys a change of it; not where it says nothing of these."""
        if any(each.type in POLICED for each in told):
            return await self._clients.get_policy(viewer)
        return GetPolicyResponse()

    async def _reports(self, viewer: Identity, told: Sequence[Notification]) -> Mapping[int, Report]:
        """By id, for members of the staff alone; none while moderation is away."""
        ids = sorted({each.report_id for each in told if each.report_id and is_permitted(viewer, each)})
        parts = [ids[start : start + MAX_PER_CALL] for start in range(0, len(ids), MAX_PER_CALL)]
        try:
            found = [await self._clients.batch_get_reports(viewer, part) for part in parts]
        except (Unavailable, DeadlineExceeded) as error:
            log.warning("compose.reports_left_out", reason=error.reason)
            degradation.note(degradation.REPORTS)
            return {}
        return {report.report_id: report for part in found for report in part}
