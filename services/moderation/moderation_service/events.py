"""What moderation tells others: topic, key and message of each event."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message

from moderation_service.models import Decision, Report
from rookery.moderation.v1 import decision_pb2, events_pb2
from rookery_common.clock import Clock
from rookery_common.kafka.events import Event, new_event

TOPIC = "moderation.decisions.v1"
REPORT_TOPIC = "moderation.reports.v1"
ANNOUNCEMENT_TOPIC = "moderation.announcements.v1"
SOURCE = "moderation"


class Events:
    """Makes events of now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def post_decided(self, decision: Decision) -> Event:
        """The post's aggregate version here is that of its decisions, not of the post."""
        message = events_pb2.PostDecided(decision=decision_message(decision))
        key = str(decision.post_id)
        return new_event(TOPIC, key, message, version=decision.version, clock=self._clock, source=SOURCE)

    def report_created(self, report: Report) -> Event:
        """A report's making is all that is told of it."""
        message = events_pb2.ReportCreated(
            report_id=report.report_id, account_id=report.account_id, target_account_id=report.target_account_id
        )
        message.create_time.FromDatetime(report.created_at)
        return new_event(REPORT_TOPIC, str(report.report_id), message, version=1, clock=self._clock, source=SOURCE)

    def announcement_listed(self, announcement_id: int) -> Event:
        """What it says is asked for."""
        return self._of_announcement(announcement_id, events_pb2.AnnouncementListed(announcement_id=announcement_id))

    def announcement_unlisted(self, announcement_id: int) -> Event:
        return self._of_announcement(announcement_id, events_pb2.AnnouncementUnlisted(announcement_id=announcement_id))

    def announcement_reactions_changed(self, announcement_id: int, counts: Mapping[str, int]) -> Event:
        """With how many there are of each by now."""
        reactions = [events_pb2.AnnouncementReactionCount(name=name, count=count) for name, count in counts.items()]
        message = events_pb2.AnnouncementReactionsChanged(announcement_id=announcement_id, reactions=reactions)
        return self._of_announcement(announcement_id, message)

    def _of_announcement(self, announcement_id: int, message: Message) -> Event:
        """What holds at a time is the newer the later."""
        version, key = self._clock.unix_ms(), str(announcement_id)
        return new_event(ANNOUNCEMENT_TOPIC, key, message, version=version, clock=self._clock, source=SOURCE)


def decision_message(decision: Decision) -> decision_pb2.Decision:
    """The decision as it is sent, in events and in answers."""
    message = decision_pb2.Decision(
        decision_id=decision.decision_id,
        post_id=decision.post_id,
        account_id=decision.author_id,
        state=decision_pb2.DecisionState.ValueType(decision.state),
        rule=decision.rule,
        version=decision.version,
        moderator_id=decision.moderator_id,
    )
    message.decide_time.FromDatetime(decision.decided_at)
    return message
