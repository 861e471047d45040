"""One keyspace for many tests, each of which finds its tables empty.

Making a keyspace takes as long as thirty tests, and emptying a table as long as asking ten whether they have rows.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from rookery_common.clients.cassandra import Cql
from rookery_common.config import CqlSettings

_TABLE = re.compile(r"CREATE TABLE IF NOT EXISTS (\w+)")
_WRITTEN = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE\b.*?\bFROM) (\w+)", re.DOTALL)


class _WritingCql(Cql):
    """Remembers which tables it may have written: what was deleted hides what the next test writes at the same time.

    Stays connected from test to test, each of which has an event loop of its own: connecting, and preparing two hundred
    statements, takes longer than most tests.
    """

    def __init__(self, settings: CqlSettings, name: str, statements: Mapping[str, str]) -> None:
        super().__init__(settings, name, statements)
        self.written: set[str] = set()
        self._tables = {key: set(_WRITTEN.findall(text)) for key, text in statements.items()}

    async def start(self) -> None:
        self.written.clear()
        if self._session is None:
            await super().start()
        else:
            self._listen()

    def _statement(self, name: str) -> Any:
        self.written |= self._tables.get(name, set())
        return super()._statement(name)


_clients: dict[tuple[str, ...], _WritingCql] = {}


@asynccontextmanager
async def emptied_cql(
    settings: CqlSettings, name: str, statements: Mapping[str, str], migrations: Path
) -> AsyncIterator[Cql]:
    """A client with these statements, of a keyspace that has the schema of these migrations and no rows."""
    tables = _tables(migrations)
    looks = {f"look_{table}": f"SELECT * FROM {table} LIMIT 1" for table in tables}  # noqa: S608  # our own names
    empties = {f"empty_{table}": f"TRUNCATE {settings.cql_keyspace}.{table}" for table in tables}
    client = _client(settings, name, {**statements, **looks, **empties})
    await client.start()
    found = await asyncio.gather(*(client.execute(look) for look in looks))
    await _empty(client, {table for table, rows in zip(tables, found, strict=True) if rows})
    yield client
    await _empty(client, client.written)


def _client(settings: CqlSettings, name: str, statements: dict[str, str]) -> _WritingCql:
    """The driver ends what is still connected when the process ends."""
    return _clients.setdefault((settings.cql_keyspace, *statements), _WritingCql(settings, name, statements))


def _tables(migrations: Path) -> list[str]:
    return [table for file in migrations.glob("*.cql") for table in _TABLE.findall(file.read_text())]


async def _empty(client: Cql, tables: set[str]) -> None:
    await asyncio.gather(*(client.execute(f"empty_{table}") for table in tables))
