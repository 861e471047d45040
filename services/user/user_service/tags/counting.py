"""Counts the hashtags of posts that were told of before hashtags were kept: post is asked for them again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rookery_common.clients.postgres import Postgres
from user_service.clients import PostArchive
from user_service.service import UserService

ACCOUNTS_AT_ONCE: Final = 1_000
AUTHORS_AT_ONCE: Final = 8


# Whatever was told of before hashtags were kept is among them, beside all posts that have none.
_AUTHORS = """
SELECT account_id, EXISTS (
  SELECT FROM post_facts p WHERE p.author_id = a.account_id AND p.counted AND p.tags = '{}') AS untagged
FROM accounts a WHERE account_id > $1 ORDER BY account_id LIMIT $2
"""


@dataclass(slots=True)
class Progress:
    """How many authors' posts were gone through, and how many those were; all accounts up to that id are done."""

    authors: int = 0
    posts: int = 0
    account_id: int = 0


class AuthorRepository:
    """Who may have posts whose hashtags were not kept."""

    def __init__(self, pg: Postgres) -> None:
        self._pg = pg

    async def untagged(self, above: int, limit: int) -> tuple[list[int], int]:
        """Of the next accounts by id, those with posts of no hashtag; and the last looked at, 0 for none."""
        async with self._pg.read(primary=True) as connection:
            rows = await connection.fetch("authors_untagged", _AUTHORS, above, limit)
        return [row["account_id"] for row in rows if row["untagged"]], rows[-1]["account_id"] if rows else 0


class HashtagCounting:
    """Any number of times, beside live events: a post's hashtags count once; `report` is told after each thousand."""

    def __init__(
        self,
        repository: AuthorRepository,
        posts: PostArchive,
        accounts: UserService,
        report: Callable[[Progress], None],
    ) -> None:
        self._repository = repository
        self._posts = posts
        self._accounts = accounts
        self._report = report

    async def run(self, above: int) -> Progress:
        """Of accounts with higher ids. Raises AppError; to go on then, begin above the last id that was told of."""
        progress, turns = Progress(account_id=above), asyncio.Semaphore(AUTHORS_AT_ONCE)
        while True:
            authors, last = await self._repository.untagged(progress.account_id, ACCOUNTS_AT_ONCE)
            if not last:
                return progress
            await asyncio.gather(*(self._count(author, progress, turns) for author in authors))
            progress.account_id = last
            self._report(progress)

    async def _count(self, author: int, progress: Progress, turns: asyncio.Semaphore) -> None:
        async with turns:
            below = 0
            while True:
                facts, below = await self._posts.posts_of(author, below)
                if tagged := [fact for fact in facts if fact.tags]:
                    await self._accounts.count_posts(tagged)
                progress.posts += len(facts)
                if not below:
                    break
            progress.authors += 1
