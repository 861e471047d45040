"""A process that dies at any line of a judgment or a resolution leaves one decision in the end, published once."""

from __future__ import annotations

from typing import Any

from moderation_service import repository as repository_module
from moderation_service.models import State
from moderation_service.service import desk, judging
from rookery_common.clients.postgres import Postgres
from rookery_common.ids import uuid7
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.relay import Relay
from rookery_common.testing.crash import crash_at
from rookery_common.testing.events import FakeProducer

MOST_LINES = 300


async def published(pg: Postgres) -> list[str]:
    """What the relay of another process finds to publish."""
    kafka = FakeProducer()
    await Relay(PostgresOutbox(pg, kafka, "moderation", grace_seconds=0), kafka, service="moderation").sweep_all()
    return [event.key for event in kafka.sent]


async def test_a_judgment_that_died_at_any_line_happens_once(world: Any, pg: Postgres) -> None:
    for line in range(1, MOST_LINES):
        world.clock.advance(61)
        post, event_id = world.subject("hm, a rude word"), uuid7()
        async with crash_at(line, judging, repository_module) as point:
            await world.tell(post, event_id)
        await world.tell(post, event_id)  # its offset was not committed: it comes again
        states = [state for state in await world.states() if state[0] == post.post_id]
        assert states == [(post.post_id, State.HELD, "rude", 1)]
        lines = [entry["action"] for entry in await world.audited() if entry["post_id"] == post.post_id]
        assert lines == ["report", "decision"]
        if not point.happened:
            break
    assert line > 30
    keys = await published(pg)
    assert len(keys) == len(set(keys))


async def test_a_resolution_that_died_at_any_line_can_be_repeated(world: Any, pg: Postgres) -> None:
    for line in range(1, MOST_LINES):
        world.clock.advance(61)
        post = await world.judged("Hi")
        world.posts.known[post.post_id] = post.author_id
        report = await world.reports.create(world.reporter, world.report(post_ids=(post.post_id,)))
        async with crash_at(line, desk, judging, repository_module) as point:
            await world.desk.resolve(world.moderator, report.report_id, State.REMOVED)
        resolved = await world.desk.resolve(world.moderator, report.report_id, State.REMOVED)
        assert resolved.resolution is State.REMOVED
        states = [state for state in await world.states() if state[0] == post.post_id]
        assert states == [(post.post_id, State.REMOVED, "report", 1)]
        lines = [entry["action"] for entry in await world.audited() if entry["report_id"] == report.report_id]
        assert lines == ["report", "decision", "resolution"]
        if not point.happened:
            break
    assert line > 30
