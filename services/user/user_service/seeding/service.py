"""The rules of loading: into an empty database unless told otherwise, one at a time, and on from where it ended."""

from __future__ import annotations

from collections.abc import Callable

from user_service.errors import SeedRefused
from user_service.seeding.models import Plan, Progress
from user_service.seeding.repository import SeedRepository

ACCOUNTS_AT_ONCE = 20_000
EDGES_AT_ONCE = 100_000


class Seeding:
    """Makes up a community; `report` is told how far it is, after each part."""

    def __init__(self, repository: SeedRepository, report: Callable[[Progress], None]) -> None:
        self._repository = repository
        self._report = report

    async def run(self, plan: Plan, *, beside_others: bool = False) -> Progress:
        """All of the plan is there when it returns; what an earlier run has loaded is not loaded again.

        Raises SeedRefused where others are there, where this seed was begun with other numbers, or another load runs.
        """
        progress = await self._begin(plan, beside_others)
        while progress.accounts < plan.accounts:
            last = min(progress.accounts + ACCOUNTS_AT_ONCE, plan.accounts)
            await self._repository.load_people(plan, progress.accounts, last)
            progress.accounts = last
            self._report(progress)
        followers_at_once = max(1, EDGES_AT_ONCE // max(1, plan.follows))
        while progress.followers < plan.accounts:
            last = min(progress.followers + followers_at_once, plan.accounts)
            await self._repository.load_edges(plan, progress.followers, last)
            progress.followers = last
            self._report(progress)
        await self._repository.settle()
        return progress

    async def _begin(self, plan: Plan, beside_others: bool) -> Progress:
        if not await self._repository.lock():
            raise SeedRefused("another load runs")
        known = await self._repository.known(plan.seed)
        if known is None:
            if not beside_others and await self._repository.anybody():
                raise SeedRefused("there are accounts already; to load beside them, say --beside-others")
            await self._repository.begin(plan)
            return Progress()
        begun, progress = known
        if begun != plan:
            raise SeedRefused(f"seed {plan.seed} was begun with {begun.accounts} accounts and {begun.follows} follows")
        return progress
