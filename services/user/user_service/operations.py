"""The operator's commands: each over a connection of its own."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from itertools import groupby

from rookery_common.app import Command
from rookery_common.clients.postgres import Postgres
from user_service.config import Settings
from user_service.deletions.models import MAX_LISTED, ErasureProgress
from user_service.deletions.repository import ErasureRepository
from user_service.errors import FieldInvalid, SeedRefused
from user_service.seeding.models import Plan, Progress
from user_service.seeding.repository import seed_repository
from user_service.seeding.service import Seeding


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


COMMANDS = {
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
