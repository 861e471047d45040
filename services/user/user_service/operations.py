"""The operator's commands: each over a connection of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from itertools import groupby

from rookery_common.app import Command, Component
from rookery_common.clients.postgres import Postgres
from rookery_common.clients.redis import RedisClient
from rookery_common.clock import SystemClock
from user_service.app import accounts_alone
from user_service.clients import PostArchive
from user_service.config import Settings
from user_service.deletions.models import MAX_LISTED, ErasureProgress
from user_service.deletions.repository import ErasureRepository
from user_service.errors import FieldInvalid, SeedRefused
from user_service.seeding.models import Plan, Progress
from user_service.seeding.repository import seed_repository
from user_service.seeding.service import Seeding
from user_service.tags.counting import AuthorRepository, HashtagCounting
from user_service.tags.counting import Progress as Counted


async def seed(accounts: str, follows: str, seed: str, beside_others: bool, in_production: bool) -> str:
    """Makes up so many accounts that follow so many others each; nobody signs in as one of them."""
    settings = Settings()
    plan = Plan(_number("seed", seed), _number("accounts", accounts), _number("follows", follows))
    if not settings.local_mode and not in_production:
        raise SeedRefused("this is no local platform; to make people up here all the same, say --in-production")
    started = time.monotonic()
    async with seed_repository(settings) as repository:
        await Seeding(repository, _tell).run(plan, beside_others=beside_others)
    seconds = time.monotonic() - started
    return f"{plan.accounts} accounts and {plan.accounts * plan.follows} follows are there, after {seconds:.0f} s"


async def count_hashtags(above: str) -> str:
    """Counts the hashtags of posts that were told of before hashtags were kept, of accounts with higher ids."""
    settings, clock = Settings(), SystemClock()
    pg, redis = Postgres.from_settings(settings, name="user"), RedisClient.cache(settings, "user")
    posts = PostArchive(settings, settings.post_target)
    components: list[Component] = [pg, redis, posts]
    async with AsyncExitStack() as started:
        for component in components:
            await component.start()
            started.push_async_callback(component.stop)
        accounts = accounts_alone(settings, pg, redis, clock)
        counting = HashtagCounting(AuthorRepository(pg), posts, accounts, _tell_counted)
        progress = await counting.run(_number("above", above))
    return f"{progress.posts} posts of {progress.authors} authors were gone through"


async def deletions() -> str:
    """The deleted accounts of which services have something left, the first deleted first."""
    pg = Postgres.from_settings(Settings(), name="user")
    await pg.start()
    try:
        found = await ErasureRepository(pg).open(MAX_LISTED)
    finally:
        await pg.stop()
    jobs = [list(each) for _, each in groupby(found, key=lambda progress: progress.account_id)]
    return "\n".join(map(_deletion, jobs)) or "nothing is left of any deleted account"


def _deletion(parts: Sequence[ErasureProgress]) -> str:
    first = parts[0]
    head = f"{first.account_id}, deleted at {first.deleted_at:%Y-%m-%d %H:%M:%S} UTC"
    return "\n".join([head, *(f"  {_part(each)}" for each in parts)])


def _part(progress: ErasureProgress) -> str:
    state = "done" if progress.done else f"failed {progress.failures} times: {progress.reason}"
    if not progress.done and not progress.failures:
        state = "under way"
    return f"{progress.service}: {state}, {progress.erased} erased"


def _number(name: str, text: str) -> int:
    if not text.isdecimal():
        raise FieldInvalid(name, "must be a number")
    return int(text)


def _tell(progress: Progress) -> None:
    sys.stdout.write(f"{progress.accounts} accounts, the follows of {progress.followers}\n")
    sys.stdout.flush()


def _tell_counted(progress: Counted) -> None:
    sys.stdout.write(f"all up to the account {progress.account_id}: {progress.posts} posts of {progress.authors}\n")
    sys.stdout.flush()


COMMANDS = {
    "count-hashtags": Command(
        count_hashtags,
        {"above": None},
        "Count the hashtags of posts from before they were counted, of accounts above this id (0 for all)",
    ),
    "seed": Command(
        seed,
        {"accounts": None, "follows": None, "seed": None},
        "Make up accounts that each follow so many others, in bulk and without events",
        {
            "beside-others": "also where there are accounts already",
            "in-production": "also where the platform is not a local one",
        },
    ),
    "deletions": Command(deletions, {}, "Tell of each deleted account how far every service is with erasing it"),
}
