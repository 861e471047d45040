"""Whoever runs a process is told in one line which engine can't be used: with its address and without its log-in."""

from __future__ import annotations

import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from rookery_common.app import App, Role, cli
from rookery_common.clients.cassandra import engine_away
from rookery_common.clients.cql_migrations import migrate_cql
from rookery_common.clients.elasticsearch import Elastic
from rookery_common.clients.postgres_access import address_of
from rookery_common.clients.postgres_migrations import migrate_postgres
from rookery_common.clients.startup import EngineAway, MigrationFailed
from rookery_common.config import CqlSettings


@pytest.fixture
def nowhere() -> int:
    """A port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _cql(hosts: str, port: int) -> CqlSettings:
    return CqlSettings(cql_hosts=hosts, cql_port=port, cql_keyspace="demo", cql_password=SecretStr("very-secret"))


def _told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], migrate: Callable[[], Awaitable[None]]
) -> str:
    def build(_roles: frozenset[Role]) -> App:
        raise AssertionError("no process is wanted")

    monkeypatch.setattr(sys, "argv", ["demo", "migrate"])
    with pytest.raises(SystemExit) as ended:
        cli("demo", build, migrate)
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "very-secret" not in told
    return told


def test_postgres_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, nowhere: int
) -> None:
    async def migrate() -> None:
        await migrate_postgres(f"postgresql://demo:very-secret@127.0.0.1:{nowhere}/demo", tmp_path)

    told = _told(monkeypatch, capsys, migrate)
    assert told.startswith(f"migrate: postgres at 127.0.0.1:{nowhere} does not answer")
    assert "DEMO_POSTGRES_DSN" in told


def test_dsn_that_is_none_is_told_without_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async def migrate() -> None:
        await migrate_postgres("postgresql://demo:very-secret@database:port/demo", tmp_path)

    assert "DEMO_POSTGRES_DSN" in _told(monkeypatch, capsys, migrate)


def test_cql_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, nowhere: int
) -> None:
    async def migrate() -> None:
        await migrate_cql(_cql("127.0.0.1", nowhere), tmp_path)

    told = _told(monkeypatch, capsys, migrate)
    assert told.startswith(f"migrate: cql at 127.0.0.1 port {nowhere} does not answer")
    assert "DEMO_CQL_HOSTS" in told


def test_elasticsearch_that_does_not_answer_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nowhere: int
) -> None:
    async def migrate() -> None:
        elastic = Elastic(f"http://demo:very-secret@127.0.0.1:{nowhere}", "demo")
        try:
            await elastic.reach()
        finally:
            await elastic.stop()

    told = _told(monkeypatch, capsys, migrate)
    assert told.startswith(f"migrate: elasticsearch at 127.0.0.1:{nowhere} does not answer")
    assert "DEMO_ELASTICSEARCH_URL" in told


def test_file_that_an_engine_refuses_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def migrate() -> None:
        raise MigrationFailed("postgres", "20260101T0900", "relation\n x is there", "nothing of it is left")

    told = _told(monkeypatch, capsys, migrate)
    assert told == (
        "migrate: postgres refused the migration 20260101T0900: relation x is there; nothing of it is left\n"
    )


def test_process_that_needs_an_engine_ends_with_its_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(_roles: frozenset[Role]) -> App:
        raise engine_away(_cql("scylla.example", 9042), OSError())

    monkeypatch.setattr(sys, "argv", ["demo", "serve"])
    with pytest.raises(SystemExit):
        cli("demo", build)
    assert "serve: cql at scylla.example port 9042 does not answer" in capsys.readouterr().err


def test_refused_log_in_asks_for_the_log_in() -> None:
    away = EngineAway("postgres", "db:5432", "postgres_dsn", refused='password failed\nfor "demo"')
    assert away.message == 'postgres at db:5432 refuses: password failed for "demo"'
    assert "log-in" in away.advice("DEMO_POSTGRES_DSN")


@pytest.mark.parametrize(
    ("dsn", "address"),
    [
        ("postgresql://a:b@c:1/d", "c:1"),
        ("postgresql://a:b@c:1,e:2/d?x=y", "c:1,e:2"),
        ("postgresql://c/d", "c"),
        ("dbname=d", "an address that is not given"),
        ("postgresql://a:b@[c/d", "an address that can't be read"),
    ],
)
def test_address_of_a_dsn_has_no_log_in(dsn: str, address: str) -> None:
    assert address_of(dsn) == address
