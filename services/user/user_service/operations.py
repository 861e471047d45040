"""The operator's commands: each over a connection of its own."""

from __future__ import annotations

import sys
import time

from rookery_common.app import Command
from user_service.config import Settings
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
    )
}
