"""A process that dies after any answer of its database leaves all of a judgment or a resolution, or nothing of it.

What it was told comes again, and then there is one decision, told of by whoever lives.
"""

from __future__ import annotations

from typing import Any

from moderation_service import repository as repository_module
from moderation_service.events import TOPIC
from moderation_service.models import State
from moderation_service.service import desk, judging
from rookery_common.clients.postgres import Postgres
from rookery_common.ids import uuid7
from rookery_common.kafka.postgres_outbox import PostgresOutbox
from rookery_common.kafka.relay import Relay
from rookery_common.testing.crash import crash_after
from rookery_common.testing.events import FakeProducer

MOST_ANSWERS = 100


async def decided(pg: Postgres, producer: FakeProducer) -> set[str]:
    """The posts whose decisions were published, by this process or by the relay of another one."""
    kafka = FakeProducer()
    await Relay(PostgresOutbox(pg, kafka, "moderation", grace_seconds=0), kafka, service="moderation").sweep_all()
    keys = [(event.topic, event.key) for event in kafka.sent]
    assert len(keys) == len(set(keys))
    return {event.key for event in (*producer.sent, *kafka.sent) if event.topic == TOPIC}


async def facts(world: Any, post_id: int) -> tuple[list[Any], list[str]]:
    """What was decided on the post, and the audit log's lines of it."""
    states = [state for state in await world.states() if state[0] == post_id]
    return states, [line["action"] for line in await world.audited() if line["post_id"] == post_id]


async def test_a_judgment_that_died_after_any_answer_happens_once(
    world: Any, pg: Postgres, producer: FakeProducer, outbox: PostgresOutbox
) -> None:
    told, halves = set(), set()
    for answer in range(1, MOST_ANSWERS):
        world.clock.advance(61)
        post, event_id = world.subject("hm, a rude word"), uuid7()
        whole = ([(post.post_id, State.HELD, "rude", 1)], ["report", "decision"])
        async with crash_after(answer, judging, repository_module) as point:
            await world.tell(post, event_id)
        left = await facts(world, post.post_id)
        assert left in (([], []), whole), f"answer {answer}"
        halves.add(bool(left[0]))
        await world.tell(post, event_id)  # its offset was not committed: it comes again
        assert await facts(world, post.post_id) == whole
        told.add(str(post.post_id))
        if not point.happened:
            break
    assert not point.happened
    assert halves == {False, True}
    await outbox.drain()
    assert await decided(pg, producer) == told


async def test_a_resolution_that_died_after_any_answer_can_be_repeated(
    world: Any, pg: Postgres, producer: FakeProducer, outbox: PostgresOutbox
) -> None:
    told, halves = set(), set()
    for answer in range(1, MOST_ANSWERS):
        world.clock.advance(61)
        post = await world.judged("Hi")
        world.posts.known[post.post_id] = post.author_id
        report = await world.reports.create(world.reporter, world.report(post_ids=(post.post_id,)))
        whole = [(post.post_id, State.REMOVED, "report", 1)]
        async with crash_after(answer, desk, judging, repository_module) as point:
            await world.desk.resolve(world.moderator, report.report_id, State.REMOVED)
        left, _ = await facts(world, post.post_id)
        lines = await lines_of(world, report.report_id)
        assert (left, lines) in (([], ["report"]), (whole, ["report", "decision", "resolution"])), f"answer {answer}"
        halves.add(bool(left))
        resolved = await world.desk.resolve(world.moderator, report.report_id, State.REMOVED)
        assert resolved.resolution is State.REMOVED
        assert (await facts(world, post.post_id))[0] == whole
        assert await lines_of(world, report.report_id) == ["report", "decision", "resolution"]
        told.add(str(post.post_id))
        if not point.happened:
            break
    assert not point.happened
    assert halves == {False, True}
    await outbox.drain()
    assert await decided(pg, producer) == told


async def lines_of(world: Any, report_id: int) -> list[str]:
    """The audit log's lines of the report."""
    return [line["action"] for line in await world.audited() if line["report_id"] == report_id]
