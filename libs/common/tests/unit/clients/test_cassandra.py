"""What the CQL client does to a statement's text."""

from __future__ import annotations

import pytest

from rookery_common.clients.cassandra import qualified


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT a FROM things WHERE b = ?", "SELECT a FROM ks.things WHERE b = ?"),
        ("select a from  things", "select a from ks.things"),
        ("INSERT INTO things (a) VALUES (?)", "INSERT INTO ks.things (a) VALUES (?)"),
        ("UPDATE things USING TTL ? SET a = ?", "UPDATE ks.things USING TTL ? SET a = ?"),
        ("DELETE a FROM things WHERE b = ?", "DELETE a FROM ks.things WHERE b = ?"),
        ("SELECT key FROM system.local", "SELECT key FROM system.local"),
        ("SELECT from_id, update_time FROM\n  things", "SELECT from_id, update_time FROM ks.things"),
    ],
)
def test_a_statement_names_its_keyspace(text: str, expected: str) -> None:
    assert qualified(text, "ks") == expected
