from __future__ import annotations

from analytics_service.app import MIGRATIONS
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.config import CqlSettings


async def test_an_empty_keyspace_gets_the_whole_schema_once(cql_keyspace: CqlSettings) -> None:
    files = sorted(path.name.partition("_")[0] for path in MIGRATIONS.glob("*.cql"))
    assert await migrate_cql(cql_keyspace, MIGRATIONS) == files
    assert await migrate_cql(cql_keyspace, MIGRATIONS) == []
