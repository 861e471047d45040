"""`bench/bulk.py`: others' posts while one goes to very many followers. Needs engines (README)."""

from __future__ import annotations

import argparse
import asyncio

from rookery_bench.bulk import Lanes, Times

from feed_service.app import MIGRATIONS, STATEMENTS
from rookery_common.clients.cassandra import Cql
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.redis import RedisClient
from rookery_common.testing.engines import cql_keyspace_settings, env, redis_key_prefix


def main() -> None:
    """Prints rows for others' posts alone and beside the large author's, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement, at least")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--merged", action="store_true", help="the author is merged when homes are read")
    asked = parser.parse_args()
    with cql_keyspace_settings() as settings:
        asyncio.run(migrate_cql(settings, MIGRATIONS))
        asyncio.run(_measure(Cql(settings, "bench", STATEMENTS), asked))


async def _measure(cql: Cql, asked: argparse.Namespace) -> None:
    url = env("REDIS_URL")
    cache, state = RedisClient(url, "bench"), RedisClient(env("REDIS_STATE_URL"), "bench")
    await cql.start()
    try:
        async with redis_key_prefix(url) as prefix:
            lanes = Lanes(cql, cache, state, prefix, asked.followers, merged=asked.merged)
            await lanes.seed()
            print("| others' posts | posts | p50 | p90 | p99 |\n" + "|---" * 5 + "|", flush=True)
            for _ in range(asked.rounds):
                _tell("alone", await lanes.alone(asked.seconds))
                times, posts, took = await lanes.beside(asked.seconds)
                _tell(f"beside {posts} to {asked.followers:,} each, in {took:.0f} s", times)
            _tell("alone again", await lanes.alone(asked.seconds))
    finally:
        await cache.stop()
        await state.stop()
        await cql.stop()


def _tell(name: str, times: Times) -> None:
    cells = " | ".join(f"{times.at(share):.0f} ms" for share in (0.5, 0.9, 0.99))
    print(f"| {name} | {len(times.ms)} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
