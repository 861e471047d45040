"""Each version of each post against the policy."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from moderation_service.events import Events
from moderation_service.metrics import DECISIONS, POSTS_JUDGED, REPORTS
from moderation_service.models import (
    CLEAR,
    MAX_REPORT_POSTS,
    AuditEntry,
    Category,
    Decision,
    PostRecord,
    Report,
    State,
    Subject,
)
from moderation_service.policy.rules import Action, Policy, Rule, exceeds
from moderation_service.repository import ModerationRepository, ModerationTransaction
from rookery_common.clock import Clock
from rookery_common.ids import IdSource
from rookery_common.logs import get_logger

_OUTCOMES = {Action.HOLD: State.HELD, Action.REMOVE: State.REMOVED}
log = get_logger()


class Judge:
    """Applies the policy of now to posts; each event counts once, and older versions of a post not at all."""

    def __init__(
        self,
        repository: ModerationRepository,
        policy: Callable[[], Policy],
        events: Events,
        ids: IdSource,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._policy = policy
        self._events = events
        self._ids = ids
        self._clock = clock

    async def judge(self, consumer: str, event_id: str, post: Subject) -> None:
        """One transaction: what the post breaks, what follows from it, and that this event is done with."""
        async with self._repository.transaction() as tx:
            outcome = "known"
            if await tx.first(consumer, event_id):
                record = await tx.open_post(post)
                if post.version > record.judged_version:
                    await tx.mark_judged(post.post_id, post.version)
                    outcome = await self._judge(tx, post, record)
        POSTS_JUDGED.labels(outcome).inc()

    async def _judge(self, tx: ModerationTransaction, post: Subject, record: PostRecord) -> str:
        if post.state in (None, State.REMOVED):
            return "gone"
        broken = await self._broken(tx, post)
        fresh = await tx.add_findings(post, {r.name: r.action for r in broken}, self._clock.now()) if broken else set()
        for rule in broken:
            if rule.action is Action.REPORT and rule.name in fresh:
                await self._report(tx, post, rule)
        verdict = verdict_on(post, record.decision, broken)
        if verdict is None:
            return "broken" if broken else "clear"
        await self._decide(tx, post, record, *verdict)
        return verdict[0].name.lower()

    async def _broken(self, tx: ModerationTransaction, post: Subject) -> list[Rule]:
        """All rules that the post breaks; a reblog is its original's business."""
        if post.is_reblog:
            return []
        policy = self._policy()
        broken = policy.broken_by(post.texts)
        if policy.rates:
            await tx.lock_author(post.author_id)
        for rule in policy.rates:
            times = await tx.posts_around(post.author_id, post.created_at, rule.window, 2 * rule.posts + 1)
            if exceeds(rule, post.created_at.timestamp(), [time.timestamp() for time in times]):
                broken.append(rule)
        return broken

    async def _report(self, tx: ModerationTransaction, post: Subject, rule: Rule) -> None:
        now = self._clock.now()
        report = Report(
            report_id=self._ids.mint(),
            account_id=0,
            target_account_id=post.author_id,
            post_ids=(post.post_id,),
            comment=f"Rule: {rule.name}",
            category=Category.VIOLATION,
            created_at=now,
            updated_at=now,
            rule=rule.name,
        )
        report_id = await tx.add_rule_report(report, MAX_REPORT_POSTS)
        await tx.audit(AuditEntry("report", 0, post.author_id, post.post_id, report_id, _detail(rule=rule.name)), now)
        if report_id == report.report_id:
            tx.emit(self._events.report_created(report))
        REPORTS.labels("rule").inc()

    async def _decide(
        self, tx: ModerationTransaction, post: Subject, record: PostRecord, state: State, rule: str
    ) -> None:
        decision = Decision(
            decision_id=self._ids.mint(),
            post_id=post.post_id,
            author_id=record.author_id,
            state=state,
            rule=rule,
            decided_at=self._clock.now(),
            version=record.decision.version + 1 if record.decision else 1,
        )
        await record_decision(tx, self._events, decision, post_version=post.version)


def verdict_on(post: Subject, standing: Decision | None, broken: Sequence[Rule]) -> tuple[State, str] | None:
    """The state that follows for the post, and from which rule; None where what stands goes on.

    Rules only get stricter by themselves, and never touch what a moderator has decided. A post that waits for a
    decision by post's own setting, and breaks no rule, is let go.
    """
    if standing is not None and standing.moderator_id:
        return None
    strictest = max(
        (rule for rule in broken if rule.action in _OUTCOMES), key=lambda rule: _OUTCOMES[rule.action], default=None
    )
    if strictest is not None:
        state = _OUTCOMES[strictest.action]
        return (state, strictest.name) if standing is None or state > standing.state else None
    if post.state is State.HELD and (standing is None or standing.state is State.VISIBLE):
        return State.VISIBLE, CLEAR
    return None


async def record_decision(
    tx: ModerationTransaction,
    events: Events,
    decision: Decision,
    *,
    report_id: int | None = None,
    post_version: int | None = None,
) -> None:
    """The decision, its line in the audit log and its event, in the caller's transaction."""
    detail = _detail(
        state=decision.state.name.lower(), rule=decision.rule, version=decision.version, post_version=post_version
    )
    entry = AuditEntry("decision", decision.moderator_id, decision.author_id, decision.post_id, report_id, detail)
    await tx.decide(decision)
    await tx.audit(entry, decision.decided_at)
    tx.emit(events.post_decided(decision))
    DECISIONS.labels("moderator" if decision.moderator_id else "rule", decision.state.name.lower()).inc()
    log.info(
        "moderation.decided",
        post_id=decision.post_id,
        state=decision.state.name.lower(),
        rule=decision.rule,
        version=decision.version,
        moderator_id=decision.moderator_id,
    )


def _detail(**values: str | int | None) -> str:
    return json.dumps({name: value for name, value in values.items() if value is not None})
