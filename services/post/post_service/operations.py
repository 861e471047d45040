"""The operator's commands: each over connections of its own."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import AsyncExitStack

from post_service.config import Settings
from post_service.errors import InvalidField, SeedRefused
from post_service.events import PostCodec, PostEvents
from post_service.repository.engagements import EngagementRepository
from post_service.repository.posts import PostRepository
from post_service.repository.statements import STATEMENTS
from post_service.seeding.models import Plan, Progress
from post_service.seeding.repository import LikeRepository
from post_service.seeding.service import Seeding
from rookery_common.app import Command, Component
from rookery_common.clients.cassandra import Cql
from rookery_common.clock import SystemClock
from rookery_common.kafka.cql_outbox import CqlOutbox
from rookery_common.kafka.producer import Producer


async def seed(accounts: str, posts: str, likes: str, seed: str, in_production: bool) -> str:
    """Makes up so many posts of people whom user has made up by the same seed, with so many likes of theirs in all."""
    settings, clock = Settings(), SystemClock()
    plan = Plan(_number("seed", seed), _number("accounts", accounts), _number("posts", posts), _number("likes", likes))
    if not settings.local_mode and not in_production:
        raise SeedRefused("this is no local platform; to make posts up here all the same, say --in-production")
    cql, producer = Cql(settings, "post", STATEMENTS), Producer(settings, "post", settings.topic_prefix)
    outbox = CqlOutbox(cql, producer, clock)
    # The engine warns of every batch of many partitions: here they are meant.
    logging.getLogger("cassandra.protocol").setLevel(logging.ERROR)
    components: list[Component] = [cql, producer]
    started = time.monotonic()
    async with AsyncExitStack() as running:
        for component in components:
            await component.start()
            running.push_async_callback(component.stop)
        likers = LikeRepository(cql, EngagementRepository(cql, outbox, clock))
        # Nothing that is made up has files.
        events = PostEvents(PostCodec(str), clock)
        await Seeding(PostRepository(cql, outbox, clock), likers, events, outbox, clock, _tell).run(plan)
    return f"{plan.posts} posts and {plan.likes} likes are there, after {time.monotonic() - started:.0f} s"


def _number(name: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 18:
        raise InvalidField(name, "ERR_INVALID", "must be a number")
    return int(text)


def _tell(progress: Progress) -> None:
    sys.stdout.write(f"{progress.posts} posts, {progress.likes} new likes\n")
    sys.stdout.flush()


COMMANDS = {
    "seed": Command(
        seed,
        {"accounts": None, "posts": None, "likes": None, "seed": None},
        "Make up posts of people who were made up by this seed, with so many likes in all",
        {"in-production": "also where the platform is not a local one"},
    )
}
