"""`bench/homes.py`: what a page of a home costs feed, by how many its reader follows. Needs engines (README)."""

from __future__ import annotations

import argparse
import asyncio

from rookery_bench.homes import KINDS, Homes

from feed_service.app import MIGRATIONS, STATEMENTS
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.testing.engines import cql_keyspace_settings, env, redis_key_prefix


def main() -> None:
    """Prints a row for each kind of readers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--readers", type=int, default=4, help="of each kind")
    parser.add_argument("--pages", type=int, default=1_000, help="in each round")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with cql_keyspace_settings() as settings:
        asyncio.run(migrate_cql(settings, MIGRATIONS))
        cql = Cql(settings, "bench", STATEMENTS)
        asyncio.run(_measure(cql, asked.readers, asked.pages, asked.seed))


async def _measure(cql: Cql, readers: int, pages: int, seed: int) -> None:
    url = env("REDIS_URL")
    cache = RedisClient(url, "bench")
    await cql.start()
    try:
        async with redis_key_prefix(url) as prefix:
            homes = Homes(cql, cache, prefix, seed)
            await homes.seed(readers)
            print("| follows | pages a call | merged entries a page | feed, ms a page | Redis, ms a page |")
            print("|---" * 5 + "|")
            for together in (1, 8, 32):
                for kind in KINDS:
                    cost = await homes.measure(kind, readers, together, pages)
                    cells = f"{cost.merged:.1f} | {cost.feed_ms:.3f} | {cost.redis_ms:.3f}"
                    print(f"| {kind.name} | {together} | {cells} |", flush=True)
    finally:
        await cache.stop()
        await cql.stop()


if __name__ == "__main__":
    main()
